import sys

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.catalogue import Catalogue
from model.condition import Condition
from model.item_index import ItemIndex

EXAMPLES = 1_000
PREDICATES_PER_EXAMPLE = 10


def make_catalogue(values_of: dict[str, list[list[str]]]) -> Catalogue:
    num_items = len(next(iter(values_of.values())))
    columns = {"item_id": [f"item-{row}" for row in range(num_items)], **values_of}
    schema = {"item_id": pl.String} | {name: pl.List(pl.String) for name in values_of}
    return Catalogue(pl.DataFrame(columns, schema=schema))


class World:
    """A random catalogue with vectors, and what is true of it in plain Python: sets and sums."""

    def __init__(self, seed: int, num_items: int, width: int, vocabularies: list[int], kind: str) -> None:
        self.rng = np.random.default_rng(seed)
        columns: dict[str, list[list[str]]] = {}
        for number, size in enumerate(vocabularies):
            most = int(self.rng.integers(1, 4))
            counts = self.rng.integers(0, most + 1, num_items)
            columns[f"attribute{number}"] = [
                [f"v{value:03d}" for value in self.rng.choice(size, min(count, size), replace=False)]
                for count in counts.tolist()
            ]
        self.catalogue = make_catalogue(columns)
        # What each value id means is read from the vocabulary once; who has it, from the columns above.
        self.values_of: list[set[int]] = [set() for _ in range(num_items)]
        for name, cells in columns.items():
            for row, cell in enumerate(cells):
                for text in cell:
                    value = self.catalogue.attributes[name].value_id(text)
                    assert value is not None
                    self.values_of[row].add(value)
        self.vectors = self.numbers(kind, num_items, width)
        self.queries = self.numbers(kind, 2, width)
        self.scores = [
            [
                np.float32(sum(float(a) * float(b) for a, b in zip(query, vector, strict=True)))
                for vector in self.vectors
            ]
            for query in self.queries
        ]

    def numbers(self, kind: str, count: int, width: int) -> np.ndarray:
        if kind == "gaussian":
            drawn = self.rng.normal(size=(count, width))
        elif kind == "grid":
            drawn = self.rng.integers(-2, 3, (count, width)) / 2
        elif kind == "duplicates":
            drawn = self.rng.normal(size=(3, width))[self.rng.integers(0, 3, count)]
        else:
            drawn = np.zeros((count, width))
        return drawn.astype(np.float32)

    def some(self, values: list[int], most: int) -> list[int]:
        return self.rng.choice(values, min(int(self.rng.integers(1, most + 1)), len(values)), replace=False).tolist()

    def condition(self) -> Condition:
        every = list(range(self.catalogue.num_values))
        shape = self.rng.integers(0, 6)
        if not every or shape == 0:
            return Condition()
        if shape == 1:
            return Condition.of(int(self.rng.choice(every)))
        if shape == 2:
            return Condition.build(any_of=[self.some(every, 12)])
        if shape == 3:
            return Condition.build(none_of=self.some(every, 3))
        groups = [self.some(every, 8) for _ in range(self.rng.integers(0, 3))]
        required = self.some(every, 2) if shape == 5 else []
        refused = self.some(every, 2) if self.rng.random() < 0.5 else []
        return Condition.build(groups, required, refused)

    def excluded(self) -> np.ndarray:
        num_items = len(self.vectors)
        count = self.rng.choice([0, 0, 1, 3, num_items, 3 * num_items])
        rows = self.rng.integers(0, num_items, count)
        return np.arange(num_items) if self.rng.random() < 0.03 else rows

    def brute_force(self, query: int, condition: Condition, top_k: int, excluded: np.ndarray) -> tuple[list[int], int]:
        refused, required, removed = set(condition.none_of), set(condition.all_of), set(excluded.tolist())
        eligible = [
            row
            for row, values in enumerate(self.values_of)
            if required <= values
            and not refused & values
            and all(set(group) & values for group in condition.any_of)
            and row not in removed
        ]
        ranked = sorted(eligible, key=lambda row: (-self.scores[query][row], row))
        return ranked[:top_k], len(eligible)


def check(world: World, index: ItemIndex, condition: Condition, top_k: int, excluded: np.ndarray) -> int:
    """Compare every query's answer with brute force; the number of answers."""
    found = index.search(world.queries, condition, top_k, excluded)
    for query, result in enumerate(found):
        expected, eligible = world.brute_force(query, condition, top_k, excluded)
        assert result.rows.dtype == np.int64
        assert result.scores.dtype == np.float32
        assert result.eligible == eligible
        assert len(result.rows) == min(top_k, eligible)
        assert result.rows.tolist() == expected
        np.testing.assert_allclose(result.scores, np.array(world.scores[query])[result.rows], rtol=3e-7, atol=1e-12)
    return len(found)


def test_strict_search_equals_brute_force_on_ten_thousand_cases() -> None:
    cases = {"predicates": 0, "answers": 0, "empty": 0, "short": 0}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        seed=st.integers(0, 2**32 - 1),
        num_items=st.integers(1, 60),
        width=st.integers(1, 6),
        vocabularies=st.lists(st.sampled_from([1, 2, 5, 9, 70, 130]), min_size=1, max_size=3),
        kind=st.sampled_from(["gaussian", "gaussian", "grid", "duplicates", "zeros"]),
        slabs=st.sampled_from(["all", "none", "first"]),
        cache_bytes=st.sampled_from([0, 4096, 1 << 20]),
    )
    def holds(
        seed: int, num_items: int, width: int, vocabularies: list[int], kind: str, slabs: str, cache_bytes: int
    ) -> None:
        world = World(seed, num_items, width, vocabularies, kind)
        chosen = {"all": None, "none": (), "first": ("attribute0",)}[slabs]
        index = ItemIndex(world.catalogue, world.vectors, slab_attributes=chosen, cache_bytes=cache_bytes)
        for _ in range(PREDICATES_PER_EXAMPLE):
            condition, excluded = world.condition(), world.excluded()
            top_k = int(world.rng.integers(1, num_items + 5))
            cases["answers"] += check(world, index, condition, top_k, excluded)
            cases["predicates"] += 1
            eligible = world.brute_force(0, condition, top_k, excluded)[1]
            cases["empty"] += eligible == 0
            cases["short"] += 0 < eligible < top_k

    holds()
    sys.stdout.write(f"{cases}\n")
    assert cases["predicates"] >= 10_000
    assert cases["answers"] >= 20_000
    assert min(cases["empty"], cases["short"]) >= 100
