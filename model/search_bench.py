"""What a search costs and where its ways cross: python -m model.search_bench --items 12000 --out rows.jsonl."""

import argparse
import datetime
import json
import logging
import platform
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
import polars as pl

from model.catalogue import Catalogue
from model.condition import Condition
from model.item_index import ItemIndex, Question, SearchResult

logger = logging.getLogger(__name__)

WIDTH = 128
GENRES = 11
TOP_K = 50
EXCLUDED = 100
VECTORS = "synthetic: 1 centre per 500 items, a centre has a favourite genre for half of its items; none learned"
PROBED = (1_024, 2_048, 4_096, 8_192, 16_384)

Row = dict[str, Any]


class World(NamedTuple):
    """A seeded catalogue, its vectors float32 [V, D], and where queries come from."""

    catalogue: Catalogue
    vectors: np.ndarray
    rng: np.random.Generator

    def query(self) -> np.ndarray:
        """Near some item, as a user's query vector is."""
        near = self.vectors[self.rng.integers(len(self.vectors))] + self.rng.normal(0, 0.06, WIDTH)
        return (near / np.linalg.norm(near)).astype(np.float32)

    def questions(self, users: int, conditions: list[Condition], each: int) -> list[Question]:
        """For every user `each` different conditions and one set of excluded rows."""
        asked = []
        for _ in range(users):
            excluded = np.unique(self.rng.integers(0, len(self.vectors), EXCLUDED))
            chosen = self.rng.choice(len(conditions), each, replace=False)
            asked += [Question(self.query(), conditions[number], TOP_K, excluded) for number in chosen]
        return asked


def make_world(num_items: int) -> World:
    """Unit vectors in clusters whose items lean towards one genre; every genre has about 9 % of the items."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(max(8, num_items // 500), WIDTH)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    centre_of = rng.integers(0, len(centres), num_items)
    vectors = centres[centre_of] + rng.normal(0, 0.06, (num_items, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    favourite = rng.integers(0, GENRES, len(centres))[centre_of]
    genre = np.where(rng.random(num_items) < 0.5, favourite, rng.integers(0, GENRES, num_items))
    names = np.array([f"genre-{number:02d}" for number in range(GENRES)])
    items = pl.DataFrame({"item_id": np.arange(num_items).astype(str), "genre": names[genre]})
    return World(Catalogue(items.with_columns(pl.col("genre").reshape((-1, 1)).arr.to_list())), vectors, rng)


def cost_us(run: Callable[[Any], object], calls: list[Any], rounds: int = 5) -> float:
    """CPU time of this thread per call, in the best of some rounds over all calls."""
    for call in calls[:10]:
        run(call)
    best = float("inf")
    for _ in range(rounds):
        started = time.thread_time()
        for call in calls:
            run(call)
        best = min(best, time.thread_time() - started)
    return round(best / len(calls) * 1e6, 1)


def recall(found: list[SearchResult], exact: list[SearchResult]) -> float:
    """Share of the exact lists that was found."""
    hits = sum(len(np.intersect1d(a.rows, b.rows)) for a, b in zip(found, exact, strict=True))
    return round(hits / sum(len(one.rows) for one in exact), 4)


def search_rows(world: World, calls: int) -> Iterator[Row]:
    """Questions alone and together: every block exact, then by its nearest clusters with more and more rows read."""
    catalogue, vectors, _ = world
    genres = [Condition.of(value) for value in range(catalogue.num_values)]
    started = time.process_time()
    exact = ItemIndex(catalogue, vectors, exact_up_to=len(catalogue))
    built_s = time.process_time() - started
    cases = {
        "1 user, 1 condition": [world.questions(1, genres, 1) for _ in range(calls)],
        "1 user, 4 conditions": [world.questions(1, genres, 4) for _ in range(calls // 2)],
        "8 users, 4 conditions": [world.questions(8, genres, 4) for _ in range(calls // 8)],
        "1 user, unconstrained": [world.questions(1, [Condition()], 1) for _ in range(calls)],
    }
    truth = {case: [exact.search_many(questions) for questions in asked] for case, asked in cases.items()}
    indexes: list[tuple[str, int | None, ItemIndex, float]] = [("exact", None, exact, built_s)]
    if len(catalogue) > 12_000:
        started = time.process_time()
        arrays = ItemIndex(catalogue, vectors, exact_up_to=0).arrays()
        built_s = time.process_time() - started
        for probed in PROBED:
            index = ItemIndex(catalogue, vectors, arrays=arrays, probed_rows=probed, probed_above=probed)
            indexes.append(("clusters", probed, index, built_s))
    for way, probed, index, built_s in indexes:
        held = sum(array.nbytes for array in index.arrays().values())
        for case, asked in cases.items():
            found = truth[case] if index is exact else [index.search_many(questions) for questions in asked]
            figures = [recall(a, b) for a, b in zip(found, truth[case], strict=True)]
            cost = round(cost_us(index.search_many, asked) / len(asked[0]), 1)
            common = {"bench": "search", "way": way, "probed_rows": probed, "case": case, "us_per_question": cost}
            yield common | {
                "recall_at_50": float(np.mean(figures)),
                "built_cpu_s": built_s,
                "beside_vectors_mb": held >> 20,
            }


def graph_rows(world: World, calls: int, with_hnsw: bool) -> Iterator[Row]:
    """The unconstrained search by what FAISS has for it."""
    vectors = world.vectors
    queries = np.stack([world.query() for _ in range(calls)])
    exact = [
        one.rows
        for one in ItemIndex(world.catalogue, vectors, exact_up_to=len(vectors)).search(queries, Condition(), TOP_K)
    ]
    faiss.omp_set_num_threads(1)
    lists = 1 << round(np.log2(len(vectors)) / 2)
    graphs: dict[str, tuple[Any, list[tuple[str, Any]]]] = {
        "faiss IVF": (
            faiss.IndexIVFFlat(faiss.IndexFlatIP(WIDTH), WIDTH, lists, faiss.METRIC_INNER_PRODUCT),
            [(f"nprobe {n}", faiss.SearchParametersIVF(nprobe=n)) for n in (2, 4, 16)],  # type: ignore[attr-defined]
        )
    }
    if with_hnsw:
        graph = faiss.IndexHNSWFlat(WIDTH, 32, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = 100
        efforts = [(f"ef {n}", faiss.SearchParametersHNSW(efSearch=n)) for n in (64, 256)]  # type: ignore[attr-defined]
        graphs["faiss HNSW32"] = (graph, efforts)
    for name, (graph, efforts) in graphs.items():
        started = time.process_time()
        graph.train(vectors)
        graph.add(vectors)
        built_s = time.process_time() - started
        held = vectors.nbytes + (lists * WIDTH * 4 if name == "faiss IVF" else 2 * 32 * 4 * len(vectors))
        for effort, params in efforts:
            rows = graph.search(queries, TOP_K, params=params)[1]
            hits = np.mean([len(np.intersect1d(a, b)) / TOP_K for a, b in zip(rows, exact, strict=True)])
            cost = cost_us(
                lambda query, graph=graph, params=params: graph.search(query[None], TOP_K, params=params), list(queries)
            )
            common = {"bench": "search", "way": f"{name}, {effort}", "case": "1 user, unconstrained, nothing excluded"}
            yield common | {
                "us_per_question": cost,
                "recall_at_50": round(float(hits), 4),
                "built_cpu_s": built_s,
                "beside_vectors_mb": held >> 20,
            }


def product_rows(world: World) -> Iterator[Row]:
    """One product a query against one product for all, of blocks of three sizes: where is the crossing?"""
    for size in (1_000, 4_000, 12_000):
        block = world.vectors[:size]
        for number in (2, 4, 6, 8, 16, 32):
            batches = [np.stack([world.query() for _ in range(number)]) for _ in range(20)]
            ways: dict[str, Callable[[np.ndarray], object]] = {
                "one by one": lambda queries, block=block: [block @ query for query in queries],
                "one product": lambda queries, block=block: np.ascontiguousarray((block @ queries.T).T),
            }
            for way, run in ways.items():
                cost = round(cost_us(run, batches) / number, 1)
                yield {"bench": "product", "way": way, "rows": size, "queries": number, "us_per_question": cost}


def gather_rows(world: World) -> Iterator[Row]:
    """A share of a block: its vectors copied once, or the other scores refused each time."""
    block, rng = world.vectors[:12_000], world.rng
    for share in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9):
        kept = rng.random(len(block)) < share
        own, refused = block[kept], ~kept
        queries = [world.query() for _ in range(60)]

        def refusing(query: np.ndarray, refused: np.ndarray = refused) -> None:
            (block @ query)[refused] = -np.inf

        ways: dict[str, Callable[[np.ndarray], object]] = {
            "gathered before": lambda query, own=own: own @ query,
            "gathered now": lambda query, kept=kept: block[kept] @ query,
            "refused": refusing,
        }
        for way, run in ways.items():
            yield {
                "bench": "gather",
                "way": way,
                "share": share,
                "rows": len(block),
                "us_per_question": cost_us(run, queries),
            }


def main() -> None:
    """Measure one catalogue size and append the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument(
        "--calls", type=int, default=160, help="questions of a case; fewer where the catalogue is large"
    )
    parser.add_argument(
        "--hnsw", action="store_true", help="build an HNSW graph as well: minutes from a million items on"
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, appended to")
    options = parser.parse_args()
    world = make_world(options.items)
    machine = {"device": f"{platform.processor() or platform.machine()}, 1 thread", "clock": "CPU time of the thread"}
    facts = {"items": options.items, "D": WIDTH, "top_k": TOP_K, "excluded": EXCLUDED, "vectors": VECTORS, **machine}
    facts |= {"numpy": np.__version__, "faiss": version("faiss-cpu"), "date": datetime.date.today().isoformat()}
    rows = search_rows(world, options.calls)
    benches: list[Iterator[Row]] = [rows, graph_rows(world, options.calls, options.hnsw)]
    if options.items == 12_000:
        benches = [rows, product_rows(world), gather_rows(world)]
    with options.out.open("a") as out:
        for bench in benches:
            for row in bench:
                out.write(json.dumps(row | facts) + "\n")
                out.flush()
                sys.stdout.write(f"{json.dumps(row)}\n")


if __name__ == "__main__":
    main()
