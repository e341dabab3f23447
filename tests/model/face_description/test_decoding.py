import itertools

import numpy as np
import pytest

from model.face_description.decoding import LENGTH_POWER, write_texts
from model.face_description.vocabulary import END, PAD, START, UNKNOWN

WORDS = 8


def chain(seed: int):
    """A made-up language: the next word hangs on the prompt and the last two words."""
    table = np.random.default_rng(seed).normal(0, 2, (3, WORDS, WORDS, WORDS))

    def step(words, _place, kept, rows):
        before = kept[0][:, -1] if kept[0].shape[1] else np.zeros(len(words), dtype=np.int64)
        return table[rows, before, words], [np.concatenate([kept[0], words[:, None]], axis=1)]

    return table, step


def score_of(table: np.ndarray, prompt: int, text: tuple[int, ...]) -> float:
    total, before, last = 0.0, 0, START
    for word in text:
        logits = table[prompt, before, last]
        total += logits[word] - np.log(np.exp(logits).sum())
        before, last = last, word
    return total / len(text) ** LENGTH_POWER


@pytest.mark.parametrize("seed", range(4))
def test_one_beam_takes_the_best_next_word(seed) -> None:
    table, step = chain(seed)
    found = write_texts(step, 3, [np.zeros((3, 0), dtype=np.int64)], beams=1, max_words=6)
    for prompt in range(3):
        text, before, last = [], 0, START
        while len(text) < 5:
            logits = table[prompt, before, last].copy()
            logits[[PAD, START, UNKNOWN]] = -np.inf
            before, last = last, int(logits.argmax())
            if last == END:
                break
            text.append(last)
        assert found[prompt] == text


@pytest.mark.parametrize("seed", range(4))
def test_enough_beams_find_the_best_text_of_all(seed) -> None:
    table, step = chain(seed)
    found = write_texts(step, 3, [np.zeros((3, 0), dtype=np.int64)], beams=300, max_words=4)
    plain = range(UNKNOWN + 1, WORDS)
    texts = [(*text, END) for length in range(3) for text in itertools.product(plain, repeat=length)] + list(
        itertools.product(plain, repeat=3)
    )
    for prompt in range(3):
        best = max(texts, key=lambda text: score_of(table, prompt, text))
        assert found[prompt] == [word for word in best if word != END]


def test_reserved_words_are_never_written() -> None:
    _, step = chain(9)
    for beams in (1, 4):
        texts = write_texts(step, 3, [np.zeros((3, 0), dtype=np.int64)], beams=beams, max_words=12)
        assert not {PAD, START, UNKNOWN, END} & {word for text in texts for word in text}
        assert all(len(text) <= 11 for text in texts)
