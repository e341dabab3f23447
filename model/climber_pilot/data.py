"""Training batches: pieces of histories, and for every target where it is read and under which condition."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import ConditionTable, condition_table
from model.climber_pilot.histories import Histories, Split, Targets
from model.climber_pilot.network import HistoryBatch
from model.condition import Condition
from model.ranks import Ranks


@dataclass(frozen=True)
class Batch:
    """B pieces of N events. target_ok: bool [B, N], the events that count as targets."""

    history: HistoryBatch
    target_ok: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        return Batch(self.history.to(device), self.target_ok.to(device))

    def share(self, ranks: Ranks) -> "Batch":
        """The pieces that this one of several ranks computes, padded like the whole so that draws for the whole fit."""
        if ranks.alone:
            return self
        own = own_pieces(ranks, len(self.target_ok))
        history = HistoryBatch(self.history.rows[own], self.history.time_s[own], self.history.length[own])
        return Batch(history, self.target_ok[own] & (ranks.rank < len(self.target_ok)))


def own_pieces(ranks: Ranks, count: int) -> slice:
    """Which of a batch's pieces a rank takes; where there are too few, the first again, of which nothing is a target:
    no rank may miss an exchange, and no layer likes an empty batch."""
    return ranks.share(count) if ranks.rank < count else slice(0, 1)


class TrainingPieces:
    """Training histories cut into pieces of at most max_history + 1 events that overlap by one: every event but a
    user's first is a target exactly once."""

    def __init__(self, split: Split, max_history: int, novel_only: bool, shuffle_ties: bool = False) -> None:
        starts, stops = [], []
        for first, stop in zip(split.histories.offsets[:-1].tolist(), split.train_stop.tolist(), strict=True):
            for start in range(first, max(first, stop - 1), max_history):
                starts.append(start)
                stops.append(min(stop, start + max_history + 1))
        self.starts = np.array(starts, dtype=np.int64)
        self.stops = np.array(stops, dtype=np.int64)
        self.histories = split.histories
        self.novel_only = novel_only
        self._order = np.arange(len(self.histories.rows))
        # Held-out events must not trade places with training events of the same time.
        user = np.repeat(np.arange(len(self.histories)), np.diff(self.histories.offsets))
        self._segment = 2 * user + (self._order >= split.train_stop[user]) if shuffle_ties else None

    def __len__(self) -> int:
        return len(self.starts)

    def epoch(self, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Piece numbers of an epoch's batches: shuffled, pieces of similar length together (less padding).

        batch_size is the mean number of pieces. Batches hold about equally many events, so that an event of a long
        history weighs as much as one of a short history.

        With shuffle_ties the events of one user and time get a new order for the epoch: where time is coarse, the order
        that a log happens to have inside a day is no signal.
        """
        if self._segment is not None:
            self._order = np.lexsort((rng.random(len(self._order)), self.histories.time_s, self._segment))
        noisy_length = (self.stops - self.starts) * rng.uniform(0.8, 1.25, len(self))
        order = np.argsort(noisy_length, kind="stable")
        lengths = (self.stops - self.starts)[order]
        events_per_batch = batch_size * lengths.mean()
        batches = np.split(order, np.flatnonzero(np.diff(lengths.cumsum() // events_per_batch)) + 1)
        return [batches[i] for i in rng.permutation(len(batches))]

    def batch(self, pieces: np.ndarray) -> Batch:
        """The chosen pieces, padded to the longest."""
        history = pad_histories(self.histories, self.starts[pieces], self.stops[pieces], self._order)
        event = np.arange(history.rows.shape[1])
        flat = self.starts[pieces][:, None] + event
        inside = flat < self.stops[pieces][:, None]
        target_ok = inside & (event > 0)
        if self.novel_only:
            target_ok &= self.histories.novel[self._order[np.where(inside, flat, 0)]]
        return Batch(history, torch.from_numpy(target_ok))


def pad_histories(
    histories: Histories, starts: np.ndarray, stops: np.ndarray, order: np.ndarray | None = None
) -> HistoryBatch:
    """Events [start, stop) of the flat arrays, or of another `order` of them, as a right-padded batch."""
    lengths = stops - starts
    flat = starts[:, None] + np.arange(max(1, int(lengths.max(initial=1))))
    inside = flat < stops[:, None]
    flat = np.where(inside, flat, 0)
    flat = flat if order is None else order[flat]
    return HistoryBatch(
        rows=torch.from_numpy(np.where(inside, histories.rows[flat], 0)),
        time_s=torch.from_numpy(np.where(inside, histories.time_s[flat], 0)),
        length=torch.from_numpy(lengths),
    )


def target_histories(histories: Histories, targets: Targets, max_history: int) -> HistoryBatch:
    """The last max_history events before each target."""
    return pad_histories(histories, np.maximum(targets.start, targets.event - max_history), targets.event)


class ConditionSampler:
    """Draws for a target item one of its own attribute values as the condition (instruction tuning, section 2.3).

    table: the conditions; entry 0 is the empty one, entry c + 1 demands value_ids[c].
    """

    def __init__(self, catalogue: Catalogue, instructable: tuple[str, ...]) -> None:
        chosen = [catalogue.attributes[name] for name in instructable]
        self.value_ids = np.concatenate(
            [np.arange(a.first_value, a.first_value + len(a.values)) for a in chosen] or [np.zeros(0, dtype=np.int64)]
        )
        self.conditions = [Condition(), *(Condition.of(value) for value in self.value_ids.tolist())]
        self.table: ConditionTable = condition_table(self.conditions, catalogue.num_words)
        entry_of_value = np.zeros(catalogue.num_values + 1, dtype=np.int64)
        entry_of_value[self.value_ids] = np.arange(len(self.value_ids)) + 1
        entries = entry_of_value[catalogue.value_ids]
        before = np.concatenate([[0], np.cumsum(entries > 0)])
        self._offsets = before[catalogue.value_offsets]
        self._entries = entries[entries > 0]

    def draw(self, rows: np.ndarray, unconditioned_share: float, rng: np.random.Generator) -> np.ndarray:
        """Table entries for target item rows of any shape; 0 where the item has no value or the draw says so."""
        counts = self._offsets[rows + 1] - self._offsets[rows]
        pick = self._offsets[rows] + (rng.random(rows.shape) * counts).astype(np.int64)
        usable = (counts > 0) & (rng.random(rows.shape) >= unconditioned_share)
        if not len(self._entries):
            return np.zeros(rows.shape, dtype=np.int64)
        return np.where(usable, self._entries[np.minimum(pick, len(self._entries) - 1)], 0)
