"""Baselines without learning that every report shows beside the model."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from model.climber_pilot.histories import Split, Targets


class Baseline(Protocol):
    """Scores the whole catalogue for a block of targets, [T, V]."""

    name: str

    def scores(self, targets: Targets) -> Tensor: ...


class Popularity:
    """The same list for everybody: training events per item."""

    name = "popularity"

    def __init__(self, counts: np.ndarray) -> None:
        self._counts = torch.from_numpy(counts).float()

    def scores(self, targets: Targets) -> Tensor:
        return self._counts.expand(len(targets), -1).clone()


class LastItemTransition:
    """What followed the user's last item in training histories; unseen transitions fall back to popularity."""

    name = "last-item transition"

    def __init__(self, split: Split, counts: np.ndarray) -> None:
        histories, num_items = split.histories, len(counts)
        event = np.arange(len(histories.rows))
        user_stop = np.repeat(split.train_stop, np.diff(histories.offsets))
        followed = event + 1 < user_stop
        before, after = histories.rows[event[followed]], histories.rows[event[followed] + 1]
        pairs, self._counts = np.unique(before * num_items + after, return_counts=True)
        self._before, self._after = pairs // num_items, pairs % num_items
        self._rows = histories.rows
        # Popularity only breaks ties: its largest contribution stays below one transition.
        self._floor = torch.from_numpy(counts / (counts.max(initial=0) + 1) * 0.5).float()

    def scores(self, targets: Targets) -> Tensor:
        scores = self._floor.expand(len(targets), -1).clone()
        last = self._rows[targets.event - 1]
        starts, stops = np.searchsorted(self._before, last), np.searchsorted(self._before, last, side="right")
        for row, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            scores[row, torch.from_numpy(self._after[start:stop])] += torch.from_numpy(self._counts[start:stop])
        return scores
