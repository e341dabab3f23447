"""Decoding: beam search over a step function; with one beam it is greedy."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from model.face_description.vocabulary import END, PAD, START, UNKNOWN

Kept = Sequence[Any]
"""Arrays or tensors whose first axis is the text; both are indexed by rows in the same way."""
Step = Callable[[np.ndarray, int, Kept, np.ndarray], tuple[np.ndarray, Kept]]
"""(words [N], place, what was kept, whose prompt each text has [N]) -> logits [N, V] and what to keep."""
LENGTH_POWER = 0.7
_NEVER = -1e9


class Guide(Protocol):
    """Where a text stands that may only say certain things."""

    @property
    def allowed(self) -> Sequence[int]:
        """The words that may come next."""
        ...

    def after(self, word: int) -> "Guide":
        """With one word more."""
        ...


def write_texts(
    step: Step, count: int, start: Kept, *, beams: int, max_words: int, guides: Sequence[Guide] | None = None
) -> list[list[int]]:
    """The likeliest text for each of `count` prompts, without START and END; a text ends at max_words at the latest.

    start: what is kept before the first word, one row a prompt. Scores are log-probabilities over length ** 0.7.
    guides: of each prompt's text before its first word; any word may come where left out.
    """
    rows = np.repeat(np.arange(count), beams)
    kept: Kept = [array[rows] for array in start]
    words = np.full(count * beams, START)
    # Beams of one prompt start alike: only the first may spread.
    scores = np.where(np.arange(count * beams) % beams == 0, 0.0, _NEVER)
    texts = np.zeros((count * beams, 0), dtype=np.int64)
    ended = np.zeros(count * beams, dtype=bool)
    lengths = np.zeros(count * beams)
    guided = None if guides is None else [guides[row] for row in rows.tolist()]
    for place in range(max_words - 1):
        logits, kept = step(words, place, kept, rows)
        gains = _log_softmax(logits)
        gains[:, [PAD, START, UNKNOWN]] = _NEVER
        if guided is not None:
            gains = np.where(_allowed(guided, gains.shape[1]), gains, _NEVER)
        gains[ended] = _NEVER
        gains[ended, END] = 0.0
        if beams == 1:
            # Nothing to choose among: the best next word of each text.
            parents, words = np.arange(count), gains.argmax(1)
            scores = scores + gains[parents, words]
        else:
            parents, words, scores = _best(scores[:, None] + gains, lengths + ~ended, count, beams)
        kept = [array[parents] for array in kept]
        texts = np.concatenate([texts[parents], words[:, None]], axis=1)
        if guided is not None:
            guided = [guided[parent].after(int(word)) for parent, word in zip(parents, words, strict=True)]
        lengths = (lengths + ~ended)[parents]
        ended = ended[parents] | (words == END)
        if ended.all():
            break
    final = (scores / np.maximum(lengths, 1) ** LENGTH_POWER).reshape(count, beams).argmax(1)
    return [_until_end(texts[prompt * beams + best]) for prompt, best in enumerate(final)]


def _allowed(guides: Sequence[Guide], num_words: int) -> np.ndarray:
    allowed = np.zeros((len(guides), num_words), dtype=bool)
    for row, guide in enumerate(guides):
        allowed[row, guide.allowed] = True
    return allowed


def _best(scores: np.ndarray, lengths: np.ndarray, count: int, beams: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best `beams` continuations of each prompt: their parents, words and scores."""
    num_words = scores.shape[1]
    ranked = (scores / np.maximum(lengths, 1)[:, None] ** LENGTH_POWER).reshape(count, -1)
    chosen = np.argsort(-ranked, axis=1, kind="stable")[:, :beams]
    flat = (chosen + np.arange(count)[:, None] * beams * num_words).ravel()
    return flat // num_words, flat % num_words, scores.ravel()[flat]


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def _until_end(text: np.ndarray) -> list[int]:
    ends = np.flatnonzero(text == END)
    return text[: ends[0] if len(ends) else len(text)].tolist()
