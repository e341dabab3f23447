"""Plans: where the items of a condition stand, remembered for the conditions asked most recently."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from model.catalogue import Catalogue
from model.clusters import Clusters
from model.condition import Condition
from model.slabs import Block, Slabs

PLAN_BYTES = 1 << 10
# One plan may take this share of the cache.
LARGEST_SHARE = 1 / 4
BITMAP_SHARE = 1 / 64
# Columns are kept while no more than this share of the cache is taken: nothing has to go for them.
COLUMNS_SHARE = 1 / 2
# Up to this share of a block its vectors are gathered at once; above it, the first time, it is cheaper to refuse the
# others among the scores (search_bench_rows.jsonl, bench "gather": "gathered now" and "refused" cross there).
GATHERED_SHARE = 1 / 4


@dataclass(frozen=True)
class Part:
    """A block, less the refused positions (bool [n], None: none).

    columns: its vectors the other way round, float32 [D, n], where they are kept: several queries share a product.
    ends [L + 1] and sizes [L], where a search reads only the nearest clusters: their bounds, and the items taken there.
    """

    block: Block
    refused: np.ndarray | None = None
    ends: np.ndarray | None = None
    sizes: np.ndarray | None = None
    columns: np.ndarray | None = None


@dataclass(frozen=True)
class Plan:
    """A condition's items: the union of the parts (an item may stand in several).

    satisfied: bool [V], None where that is too large to keep.
    """

    parts: tuple[Part, ...]
    eligible: int
    satisfied: np.ndarray | None
    owned_bytes: int


class Plans:
    """Condition -> Plan; the least recently asked go where the gathered blocks and bitmaps exceed `cache_bytes`."""

    def __init__(
        self, catalogue: Catalogue, slabs: Slabs, clusters: Clusters | None, probed_above: int, cache_bytes: int
    ) -> None:
        """Blocks of more than `probed_above` rows are searched by their clusters, where there are clusters."""
        self.cache_bytes = cache_bytes
        self.owned_bytes = 0
        self._catalogue = catalogue
        self._slabs = slabs
        self._clusters = clusters
        self._probed_above = probed_above
        self._plans: OrderedDict[Condition, Plan] = OrderedDict()
        self._lock = Lock()

    def of(self, condition: Condition) -> Plan:
        """The plan of a condition; asked again, it is gathered into one block, and its columns are kept."""
        with self._lock:
            plan = self._plans.get(condition)
            if plan is None:
                plan = self._plan(condition)
            elif self._is_worth_gathering(plan):
                self.owned_bytes -= self._plans.pop(condition).owned_bytes
                plan = self._gathered(_rows_of(plan.parts), plan)
            elif self._is_worth_turning(plan):
                self.owned_bytes -= self._plans.pop(condition).owned_bytes
                plan = _turned(plan)
            else:
                self._plans.move_to_end(condition)
                return plan
            self._plans[condition] = plan
            self.owned_bytes += plan.owned_bytes
            while self.owned_bytes > self.cache_bytes and self._plans:
                self.owned_bytes -= self._plans.popitem(last=False)[1].owned_bytes
            return plan

    def _plan(self, condition: Condition) -> Plan:
        num_items, num_values = len(self._catalogue), self._catalogue.num_values
        highest, lowest = max(condition.mentioned, default=0), min(condition.mentioned, default=0)
        if condition.mentioned and not 0 <= lowest <= highest < num_values:
            raise ValueError(f"expected value ids in 0..{num_values - 1}, got {lowest}..{highest}")
        slabs = self._slabs.union_of(condition) if condition else (self._slabs.whole,)
        if slabs:
            parts = tuple(map(self._part, slabs))
            return self._finished(parts, num_items if not condition else len(_rows_of(parts)))
        pool = self._slabs.superset_of(condition)
        passing = self._catalogue.satisfying(condition, pool.rows)
        eligible = int(passing.sum())
        # With clusters there is no second time that would answer otherwise than the first.
        limit = GATHERED_SHARE * len(pool.rows) if self._is_exact(len(pool.rows)) else self._probed_above
        if eligible <= limit and self._may_gather(eligible):
            return self._gathered(pool.rows[passing])
        return self._finished((self._part(pool, ~passing),), eligible)

    def _gathered(self, rows: np.ndarray, known: Plan | None = None) -> Plan:
        """One block of its own for these rows, which stand in the order of their clusters."""
        if self._clusters is not None:
            rows = rows[np.argsort(self._clusters.cluster_of[rows], kind="stable")]
        block = Block(rows, self._slabs.vectors_of(rows))
        return self._finished((self._part(block),), len(rows), block.num_bytes, known)

    def _finished(
        self, parts: tuple[Part, ...], eligible: int, block_bytes: int = 0, known: Plan | None = None
    ) -> Plan:
        owned = PLAN_BYTES + block_bytes
        owned += sum(
            array.nbytes for part in parts for array in (part.refused, part.ends, part.sizes) if array is not None
        )
        satisfied = None if known is None else known.satisfied
        if satisfied is None and len(self._catalogue) <= BITMAP_SHARE * self.cache_bytes:
            satisfied = np.zeros(len(self._catalogue), dtype=bool)
            satisfied[_rows_of(parts)] = True
            satisfied.flags.writeable = False
        return Plan(parts, eligible, satisfied, owned + (0 if satisfied is None else satisfied.nbytes))

    def _part(self, block: Block, refused: np.ndarray | None = None) -> Part:
        if self._is_exact(len(block.rows)):
            return Part(block, refused)
        assert self._clusters is not None
        taken = block.rows if refused is None else block.rows[~refused]
        return Part(block, refused, self._clusters.ends(block.rows), self._clusters.sizes(taken))

    def _is_worth_gathering(self, plan: Plan) -> bool:
        whole_block = len(plan.parts) == 1 and plan.parts[0].refused is None
        probed = any(part.ends is not None for part in plan.parts) or not self._is_exact(plan.eligible)
        return not whole_block and not probed and self._may_gather(plan.eligible)

    def _is_worth_turning(self, plan: Plan) -> bool:
        part = plan.parts[0]
        if len(plan.parts) > 1 or part.columns is not None or part.ends is not None or not plan.eligible:
            return False
        num_bytes = part.block.vectors.nbytes
        fits = self.owned_bytes + num_bytes <= COLUMNS_SHARE * self.cache_bytes
        return fits and num_bytes <= LARGEST_SHARE * self.cache_bytes

    def _is_exact(self, num_rows: int) -> bool:
        return self._clusters is None or num_rows <= self._probed_above

    def _may_gather(self, num_rows: int) -> bool:
        row_bytes = 8 + self._slabs.whole.vectors[:1].nbytes
        return num_rows * row_bytes <= LARGEST_SHARE * self.cache_bytes


def _turned(plan: Plan) -> Plan:
    """The plan with the columns of its only part."""
    columns = np.ascontiguousarray(plan.parts[0].block.vectors.T)
    return replace(
        plan, parts=(replace(plan.parts[0], columns=columns),), owned_bytes=plan.owned_bytes + columns.nbytes
    )


def _rows_of(parts: Sequence[Part]) -> np.ndarray:
    """The rows of a plan, each once."""
    kept = [part.block.rows if part.refused is None else part.block.rows[~part.refused] for part in parts]
    return kept[0] if len(kept) == 1 else np.unique(np.concatenate(kept))
