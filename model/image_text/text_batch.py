"""TextBatch: sentences as the tensors that a network reads; TextReader: who makes them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class TextBatch:
    """T sentences of at most L tokens. mask: bool [T, L], at least one token each.

    states: [T, L, W] of a frozen encoder, else None; ids: int [T, L] for an encoder inside the network, else None.
    sentence: [T, W], a frozen encoder's unit vector of the whole, else None.
    """

    mask: Tensor
    states: Tensor | None = None
    ids: Tensor | None = None
    sentence: Tensor | None = None

    def __len__(self) -> int:
        return len(self.mask)

    def take(self, rows: Tensor | slice) -> "TextBatch":
        """The sentences of these rows."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: value[rows] for name, value in values.items() if value is not None})


class TextReader(Protocol):
    """Sentences -> TextBatch; reader_id names what it is, down to its weights. Raises ValueError for an empty text."""

    reader_id: str

    def read(self, texts: Sequence[str]) -> TextBatch: ...

    def tokens(self, text: str) -> tuple[str, ...]: ...


def check_texts(texts: Sequence[str]) -> None:
    """Raise ValueError where there is nothing to read."""
    if not texts:
        raise ValueError("expected at least one text, got none")
    for number, text in enumerate(texts):
        if not text.strip():
            raise ValueError(f"expected words in every text, got an empty one at {number}")


def padded_ids(rows: Sequence[Sequence[int]], padding: int = 0) -> tuple[Tensor, Tensor]:
    """Token ids of different lengths -> (ids int [T, L], mask bool [T, L])."""
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), padding, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = True
    return ids, mask


def read_tokenizer(path: Path, max_words: int) -> Any:
    """A tokenizer of the tokenizers package that cuts at max_words pieces and leaves padding to its caller."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_words)
    return tokenizer
