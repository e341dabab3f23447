"""An ensemble of checkpoints: the mean of their similarities, as one inner product of concatenated vectors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
        images = joined_vectors([member.bank[0] for member in self.members], self._shared)
        return images, joined_vectors([member.bank[1] for member in self.members], self._shared)

    def images(self, images: Sequence[ImageInputs]) -> Tensor:
        """Unit vectors [B, sum of dims], of which those of a shared linear matcher count once."""
        vectors = [embed_all_images(one.network, one.collate(images)) for one in self.members]
        return joined_vectors(vectors, self._shared)

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [T, dim of images]; a reader that several members share reads once."""
        read: dict[str, TextBatch] = {}
        for member in self.members:
            if member.reader.reader_id not in read:
                read[member.reader.reader_id] = member.reader.read(texts)
        vectors = [embed_all_texts(one.network, read[one.reader.reader_id]) for one in self.members]
        return joined_vectors(vectors, self._shared)

    @cached_property
    def _shared(self) -> int:
        return shared_width(self.members)


def shared_width(members: Sequence[Checkpoint]) -> int:
    """How many columns begin the vectors of all members alike: those of the same linear matcher beside each, or 0."""
    first, *others = [member.network for member in members]
    if not others or first.skip is None or first.linear_only:
        return 0
    known, gate = first.skip.state_dict(), first.config.network.gate
    for other in others:
        if other.skip is None or other.linear_only or other.config.network.gate != gate:
            return 0
        found = other.skip.state_dict()
        if any(not torch.equal(tensor, found[name]) for name, tensor in known.items()):
            return 0
    return first.skip.dim


def joined_vectors(parts: Sequence[Tensor], shared: int = 0) -> Tensor:
    """concat / sqrt(M): products of the result are the mean of the parts' products. M of [n, D_m] -> [n, sum D_m].

    shared: the first so many columns are the same in all parts; they are kept once, sqrt(M) times as long, which leaves
    every product as it was: [n, shared + sum (D_m - shared)].
    """
    own = [part[:, shared:] for part in parts]
    common = [] if shared == 0 else [math.sqrt(len(parts)) * parts[0][:, :shared]]
    return torch.cat([*common, *own], dim=1) / math.sqrt(len(parts))
