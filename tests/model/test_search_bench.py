import json
import sys
from pathlib import Path

import numpy as np
import pytest

from model import search_bench
from model.condition import Condition
from model.item_index import PROBED_ROWS, ItemIndex, SearchResult
from model.products import PRODUCT_QUESTIONS
from model.search_bench import cost_us, graph_rows, make_world, recall, search_rows

ROWS = Path(search_bench.__file__).with_name("search_bench_rows.jsonl")


def test_the_world_is_seeded_and_every_genre_has_its_share() -> None:
    first, again = make_world(3_000), make_world(3_000)
    assert (first.vectors == again.vectors).all()
    np.testing.assert_allclose(np.linalg.norm(first.vectors, axis=1), 1, rtol=1e-5)
    counts = np.bincount(first.catalogue.value_ids)
    assert len(counts) == search_bench.GENRES
    assert counts.sum() == 3_000


def test_every_row_says_what_it_costs_and_what_it_finds() -> None:
    world = make_world(2_000)
    rows = list(search_rows(world, 8))
    assert {row["case"] for row in rows} == {
        "1 user, 1 condition",
        "1 user, 4 conditions",
        "8 users, 4 conditions",
        "1 user, unconstrained",
    }
    assert all(row["recall_at_50"] == 1.0 and row["us_per_question"] > 0 for row in rows)
    graphs = list(graph_rows(world, 4, with_hnsw=True))
    assert len(graphs) == 5
    assert all(0.2 < row["recall_at_50"] <= 1.0 for row in graphs)


def test_recall_counts_what_was_found() -> None:
    world = make_world(500)
    index = ItemIndex(world.catalogue, world.vectors)
    exact = index.search(world.vectors[:2], Condition(), 10)
    half = [SearchResult(one.rows[:5], one.scores[:5], one.eligible) for one in exact]
    assert recall(exact, exact) == 1.0
    assert recall(half, exact) == 0.5


def test_a_cost_is_that_of_one_call() -> None:
    called = []
    assert cost_us(called.append, [1, 2, 3], rounds=2) > 0
    assert called == [1, 2, 3] * 3


def test_the_command_appends_lines_of_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "rows.jsonl"
    for items in ("600", "700"):
        monkeypatch.setattr(sys, "argv", ["search_bench", "--items", items, "--calls", "8", "--out", str(out)])
        search_bench.main()
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["items"] for row in rows} == {600, 700}
    assert all(row["vectors"] == search_bench.VECTORS for row in rows)


def test_the_committed_rows_bear_the_switch_points_out() -> None:
    rows = [json.loads(line) for line in ROWS.read_text().splitlines()]
    assert {row["items"] for row in rows} == {12_000, 100_000, 1_000_000}
    four = {
        row["way"]: row
        for row in rows
        if row["items"] == 1_000_000
        and row.get("case") == "1 user, 4 conditions"
        and row["probed_rows"] in (None, PROBED_ROWS)
    }
    assert four["clusters"]["us_per_question"] < four["exact"]["us_per_question"] / 3
    assert four["clusters"]["recall_at_50"] > 0.95
    products = {
        (row["way"], row["queries"]): row["us_per_question"]
        for row in rows
        if row["bench"] == "product" and row["rows"] == 1_000
    }
    assert products["one product", 2] > products["one by one", 2]
    assert products["one product", PRODUCT_QUESTIONS] < products["one by one", PRODUCT_QUESTIONS]
