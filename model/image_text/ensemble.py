"""An ensemble of checkpoints: the mean of their similarities, as one inner product of concatenated vectors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.image_text.checkpoint import Checkpoint
from model.image_text.inputs import ImageInputs
from model.image_text.network import PairMatcher
from model.image_text.pair_blocks import embed_all_images, embed_all_texts
from model.image_text.text_batch import TextBatch
from model.image_text.tuning import Tuning


@dataclass(frozen=True)
class Ensemble:
    """members: one or more of one feature space and the same training pairs; scorer: which of them re-ranks, or None.

    3SHNet of regions and 3SHNet of the grid together are its hybrid.
    """

    members: tuple[Checkpoint, ...]
    scorer: int | None
    tuning: Tuning

    def __post_init__(self) -> None:
        spaces = sorted({member.feature_space for member in self.members})
        if len(spaces) != 1:
            raise ValueError(f"expected members of one feature space, got {spaces}")
        if len({(len(member.bank[0]), len(member.bank[1])) for member in self.members}) > 1:
            raise ValueError("expected members trained on the same pairs, got banks of different sizes")
        if self.scorer is not None and not isinstance(self.members[self.scorer].network, PairMatcher):
            raise ValueError(f"expected a scorer of architecture cmsei or hire, got member {self.scorer}")

    @property
    def feature_space(self) -> str:
        """The one of all members."""
        return self.members[0].feature_space

    def bank(self) -> tuple[Tensor, Tensor]:
        """The training pairs' vectors, joined like all others."""
        images = joined_vectors([member.bank[0] for member in self.members])
        return images, joined_vectors([member.bank[1] for member in self.members])

    def images(self, images: Sequence[ImageInputs]) -> Tensor:
        """Unit vectors [B, sum of dims]."""
        return joined_vectors([embed_all_images(one.network, one.collate(images)) for one in self.members])

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [T, sum of dims]; a reader that several members share reads once."""
        read: dict[str, TextBatch] = {}
        for member in self.members:
            if member.reader.reader_id not in read:
                read[member.reader.reader_id] = member.reader.read(texts)
        return joined_vectors([embed_all_texts(one.network, read[one.reader.reader_id]) for one in self.members])


def joined_vectors(parts: Sequence[Tensor]) -> Tensor:
    """concat / sqrt(M): products of the result are the mean of the parts' products. M of [n, D_m] -> [n, sum D_m]."""
    return torch.cat(list(parts), dim=1) / math.sqrt(len(parts))
