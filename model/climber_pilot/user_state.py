"""UserState: what the network keeps of a user between two answers."""

from dataclasses import dataclass
from threading import Lock

import numpy as np

SPARE_EVENTS = 16
SPARE_SHARE = 8


class KeptRows:
    """Keys and values of every layer, float32 [L + 1, capacity, D], with room for events to come.

    States of one user share the memory: each sees the events before its own length, which nobody writes again. Whoever
    first claims the rows beyond writes them in place; any other successor of the same state gets a copy.
    """

    def __init__(self, num_layers: int, capacity: int, width: int) -> None:
        self.keys = np.empty((num_layers, capacity, width), dtype=np.float32)
        self.values = np.empty_like(self.keys)
        self._claimed = 0
        self._lock = Lock()

    @property
    def num_bytes(self) -> int:
        """Memory, the room for events to come included."""
        return self.keys.nbytes + self.values.nbytes

    def grown(self, length: int, new_length: int, max_length: int) -> "KeptRows":
        """Rows whose first `length` are these and that may be written up to new_length: these, if nobody did before."""
        with self._lock:
            if self._claimed == length and new_length <= self.keys.shape[1]:
                self._claimed = new_length
                return self
        num_layers, _, width = self.keys.shape
        spare = SPARE_EVENTS + new_length // SPARE_SHARE
        copy = KeptRows(num_layers, max(new_length, min(max_length, new_length + spare)), width)
        copy.keys[:, :length] = self.keys[:, :length]
        copy.values[:, :length] = self.values[:, :length]
        copy._claimed = new_length
        return copy


@dataclass(frozen=True, eq=False)
class TowerState:
    """One network's part, for a history of N events read at the last; all float32.

    last_row: [D], the backbone's row of the newest event, less its mean
    query: [D], what branch 1 asks its keys with, heads side by side, scaled
    logits: [H, N] of branch 1 over the user's own keys, bias included; peak: [H], the largest
    weighted: [N, H * (Dh + 1)], per head exp(logit - peak) times the value and, last, the factor itself: a row of ones
        and zeros times this is the attention of a condition that shows these events, numerator and denominator.
    """

    kept: KeptRows
    last_row: np.ndarray
    query: np.ndarray
    logits: np.ndarray
    peak: np.ndarray
    weighted: np.ndarray

    @property
    def num_bytes(self) -> int:
        """Memory of all arrays."""
        small = self.last_row.nbytes + self.query.nbytes + self.peak.nbytes
        return self.kept.num_bytes + self.logits.nbytes + self.weighted.nbytes + small


@dataclass(frozen=True, eq=False)
class UserState:
    """A user's newest events as the network has read them; immutable, so threads may share it.

    rows, time_s: int64 [N], at most max_history events, oldest first, N >= 1.
    towers: one part per network; none where the network is not kept between answers (see Retriever.states).
    """

    rows: np.ndarray
    time_s: np.ndarray
    towers: tuple[TowerState, ...] = ()

    @property
    def num_bytes(self) -> int:
        """Memory of this state, what it shares with earlier states of the user included."""
        return self.rows.nbytes + self.time_s.nbytes + sum(tower.num_bytes for tower in self.towers)
