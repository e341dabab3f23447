"""Frames: a table of face images with what is known of each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.face_au.action_units import NUM_LANDMARKS
from model.face_au.losses import FaceTargets


@dataclass(frozen=True, eq=False)
class Frames:
    """M face images on disk.

    people: M names; frames of one person never stand on two sides of a split. labels: float32 [M, N] in 0..1, columns
    as `aus`; landmarks: float32 [M, 49, 2] as shares of the image's sides; NaN where not known.
    """

    aus: tuple[str, ...]
    paths: tuple[Path, ...]
    people: tuple[str, ...]
    labels: np.ndarray
    landmarks: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.paths)
        if self.labels.shape != (count, len(self.aus)) or self.landmarks.shape != (count, NUM_LANDMARKS, 2):
            raise ValueError(
                f"expected labels [{count}, {len(self.aus)}] and landmarks [{count}, {NUM_LANDMARKS}, 2], "
                f"got {list(self.labels.shape)}, {list(self.landmarks.shape)}"
            )
        if len(self.people) != count:
            raise ValueError(f"expected {count} people, one for each frame, got {len(self.people)}")

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: np.ndarray) -> "Frames":
        """The frames at these rows, in their order."""
        return Frames(
            self.aus,
            tuple(self.paths[row] for row in rows),
            tuple(self.people[row] for row in rows),
            self.labels[rows],
            self.landmarks[rows],
        )

    def rates(self) -> Tensor:
        """Share of the frames with each action unit, of those where that is known. [N]; raises ValueError at none."""
        known = ~np.isnan(self.labels)
        present = (np.nan_to_num(self.labels) >= 0.5).sum(axis=0)
        if not present.all():
            missing = [au for au, count in zip(self.aus, present, strict=True) if not count]
            raise ValueError(f"expected frames with every action unit, got none with {missing}")
        return torch.from_numpy((present / known.sum(axis=0)).astype(np.float32))

    def prior(self) -> Tensor:
        """P(AU_j | AU_i), counted on the frames where both are known. [N, N], of diagonal 1; 0 where i never is."""
        known = (~np.isnan(self.labels)).astype(np.float32)
        present = (np.nan_to_num(self.labels) >= 0.5).astype(np.float32)
        together, given = present.T @ present, present.T @ known
        return torch.from_numpy(together / np.maximum(given, 1))

    def mean_landmarks(self) -> Tensor:
        """The mean shape [49, 2] of the frames whose landmarks are known; raises ValueError where none is."""
        known = ~np.isnan(self.landmarks).any(axis=(1, 2))
        if not known.any():
            raise ValueError("expected frames with landmarks, got none")
        return torch.from_numpy(self.landmarks[known].mean(axis=0))

    def targets(self) -> FaceTargets:
        """Labels and landmarks as tensors."""
        return FaceTargets(torch.from_numpy(self.labels), torch.from_numpy(self.landmarks))
