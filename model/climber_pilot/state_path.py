"""StatePath: from histories by way of kept user states to query vectors, on a CPU, where conditions guide attention."""

from collections.abc import Callable, Sequence

import numpy as np

from model.catalogue import Catalogue
from model.climber_pilot.condition_cache import ConditionCache
from model.climber_pilot.history_reader import HistoryReader
from model.climber_pilot.query import ArrayClock, BranchQuery
from model.climber_pilot.towers import Network, networks_of
from model.climber_pilot.user_state import UserState
from model.condition import Condition


class StatePath:
    """Every tower's reader and branch, and the conditions they share. For one thread; its states are for any."""

    def __init__(
        self,
        network: Network,
        item_vectors: np.ndarray,
        catalogue: Catalogue,
        satisfied: Callable[[Condition], np.ndarray | None],
    ) -> None:
        """item_vectors: [V, M * D] of `network.items()`; satisfied: bool [V] of a condition, None where not kept."""
        networks = networks_of(network)
        parts = np.split(item_vectors, len(networks), 1)
        self._branches = [BranchQuery(network) for network in networks]
        self._readers = [HistoryReader(*parts) for parts in zip(networks, parts, self._branches, strict=True)]
        self._clocks = [ArrayClock(network) for network in networks if network.clock is not None]
        self._conditions = ConditionCache(catalogue, networks, self._branches, satisfied)
        self._scale = np.float32(len(networks) ** -0.5)

    def state(self, rows: np.ndarray, time_s: np.ndarray, previous: UserState | None = None) -> UserState:
        """The state after all events rows, time_s [N]; previous: that after the first of them, one at least is new."""
        befores = [None] * len(self._readers) if previous is None else previous.towers
        parts = zip(self._readers, befores, strict=True)
        return UserState(rows, time_s, tuple(reader.read(rows, time_s, before) for reader, before in parts))

    def query_vectors(
        self, states: Sequence[UserState], conditions: Sequence[Sequence[Condition]], times_s: Sequence[int]
    ) -> list[np.ndarray]:
        """One query vector per user and condition, float32 [P, M * D] per user; at least one in all.

        times_s: when each user asks.
        """
        counts = [len(asked) for asked in conditions]
        entries = [self._conditions.of(asked) for asked in conditions]
        every = [entry for own in entries for entry in own]
        visible = [self._conditions.show(own, state.rows) for own, state in zip(entries, states, strict=True)]
        vectors = []
        for tower, branch in enumerate(self._branches):
            kept = [state.towers[tower] for state in states]
            tokens = np.concatenate([entry.tokens[tower] for entry in every]).reshape(len(every), -1)
            vectors.append(branch.vectors(kept, visible, tokens, self._clock(tower, states, times_s, counts)))
        joined = vectors[0] if len(vectors) == 1 else np.concatenate(vectors, 1) * self._scale
        if len(counts) == 1:
            return [joined]
        return np.split(joined, np.cumsum(counts[:-1]))

    def _clock(
        self, tower: int, states: Sequence[UserState], times_s: Sequence[int], counts: Sequence[int]
    ) -> np.ndarray | None:
        if not self._clocks:
            return None
        clock = self._clocks[tower]
        read = [clock(time_s, int(state.time_s[-1])) for time_s, state in zip(times_s, states, strict=True)]
        return np.repeat(read, counts, axis=0)
