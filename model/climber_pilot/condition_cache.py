"""ConditionCache: what the warm step needs of a condition, computed once per condition and release."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import condition_table
from model.climber_pilot.network import ClimberPilot, Layer
from model.climber_pilot.query import BranchQuery
from model.condition import Condition

CACHE_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class CachedCondition:
    """A condition's token per network, see BranchQuery.token, and how to tell which items it shows.

    satisfied: bool [V], or None where that is not kept.
    """

    condition: Condition
    tokens: tuple[np.ndarray, ...]
    satisfied: np.ndarray | None

    @property
    def num_bytes(self) -> int:
        """Memory, the bool array included although the item index may share it."""
        shown = 0 if self.satisfied is None else self.satisfied.nbytes
        return shown + sum(part.nbytes for part in self.tokens)


class ConditionCache:
    """The conditions asked for last, at most CACHE_BYTES of them. For one thread."""

    def __init__(
        self,
        catalogue: Catalogue,
        networks: Sequence[ClimberPilot],
        branches: Sequence[BranchQuery],
        satisfied: Callable[[Condition], np.ndarray | None],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._catalogue = catalogue
        self._networks, self._branches = tuple(networks), tuple(branches)
        self._satisfied = satisfied
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[Condition, CachedCondition] = OrderedDict()
        self.num_bytes = 0

    def of(self, conditions: Sequence[Condition]) -> list[CachedCondition]:
        """What is known of every condition."""
        found = []
        for condition in conditions:
            entry = self._kept.get(condition)
            if entry is None:
                entry = self._add(condition)
            else:
                self._kept.move_to_end(condition)
            found.append(entry)
        return found

    def show(self, conditions: Sequence[CachedCondition], rows: np.ndarray) -> np.ndarray:
        """Which of the items [N] each condition shows, ones and zeros, float32 [P, N]."""
        shown = np.ones((len(conditions), len(rows)), dtype=np.float32)
        for number, entry in enumerate(conditions):
            if entry.satisfied is not None:
                shown[number] = entry.satisfied.take(rows)
            elif entry.condition:
                shown[number] = self._catalogue.satisfying(entry.condition, rows)
        return shown

    def _add(self, condition: Condition) -> CachedCondition:
        table = condition_table([condition], self._catalogue.num_words)
        tokens = []
        with torch.inference_mode():
            for network, branch in zip(self._networks, self._branches, strict=True):
                layer = network.branches[0]
                assert isinstance(layer, Layer)
                mapped = layer.to_key_value(network.condition_tokens(table))[0]
                tokens.append(branch.token(mapped.numpy()))
        satisfied = self._satisfied(condition) if condition else None
        entry = CachedCondition(condition, tuple(tokens), satisfied)
        self._kept[condition] = entry
        self.num_bytes += entry.num_bytes
        while self.num_bytes > self._cache_bytes and len(self._kept) > 1:
            self.num_bytes -= self._kept.popitem(last=False)[1].num_bytes
        return entry
