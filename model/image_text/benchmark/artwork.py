"""Sentence or title -> cover: python -m model.image_text.benchmark.artwork --artwork FOLDER --features STORE ...

A query ranks the covers by the matcher, by the text read off them (shared character trigrams), and by
both, z(matcher) + w z(text). w is chosen on the queries of the part val; figures are of all other queries. No matcher
was trained on covers. Rows go to OUT/artwork_rows.jsonl.
"""

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from model.image_text.benchmark.rows import Row, Rows
from model.image_text.captions import file_sha256
from model.image_text.data import Features
from model.image_text.inference import load_matchers
from model.image_text.matching import EmbeddingMatcher
from model.image_text.retrieval_metrics import owner_relevance, ranks
from model.image_text.two_stage import fuse
from model.release import verify_release

logger = logging.getLogger(__name__)

ROWS_FILE = "artwork_rows.jsonl"
SENTENCES_ABOUT_THE_PICTURE = ("artwork_credit", "review_about_cover")
MIN_TEXT_SCORE = 0.5
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_SPACES = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Queries:
    """texts ask for the cover at `owner`; chosen: bool, the queries that a weight is chosen by."""

    texts: tuple[str, ...]
    owner: np.ndarray
    chosen: np.ndarray


def trigrams(text: str) -> set[str]:
    """Runs of three letters or digits of the lower-cased text, words bounded by a space."""
    padded = f" {_SPACES.sub(' ', text.lower()).strip()} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}


def read_similarities(texts: Sequence[str], read: Sequence[str]) -> np.ndarray:
    """Cosine of trigram sets, float64 [texts, covers]; 0 for a cover without text."""
    left, right = [trigrams(text) for text in texts], [trigrams(text) if text else set() for text in read]
    return np.array([[len(a & b) / np.sqrt(max(1, len(a) * len(b))) for b in right] for a in left])


def judged(matched: np.ndarray, read: np.ndarray, queries: Queries) -> dict[str, dict[str, float]]:
    """Recalls of matcher, text and both on the queries that chose nothing. matched, read: [queries, covers]."""
    relevant = owner_relevance(queries.owner, matched.shape[1]).T

    def recalls(sims: np.ndarray, which: np.ndarray) -> dict[str, float]:
        places = ranks(sims[which], relevant[which])
        found = {f"r{k}": 100.0 * float((places < k).mean()) for k in (1, 5, 10)}
        return found | {"median_rank": float(np.floor(np.median(places))) + 1}

    def on_val(weight: float) -> float:
        return sum(list(recalls(fuse(matched, read, weight), queries.chosen).values())[:3])

    weight = max(WEIGHTS, key=on_val)
    rest = ~queries.chosen
    return {
        "matcher": recalls(matched, rest),
        "text read off the cover": recalls(read, rest),
        "both": recalls(fuse(matched, read, weight), rest) | {"weight": weight},
    }


def measure(folder: Path, features: Features, embedder: EmbeddingMatcher, model: str) -> list[Row]:
    """One row per kind of query."""
    covers = pl.read_parquet(folder / "covers.parquet").filter(pl.col("album").is_not_null()).sort("id")
    sha256 = [file_sha256(folder / "images" / Path(name).name) for name in covers["image"]]
    vectors = embedder.encode_images([features.inputs(one) for one in sha256])
    lines = pl.read_parquet(folder / "ocr.parquet").filter(pl.col("score") >= MIN_TEXT_SCORE).sort("id", "line_idx")
    by_cover = dict(lines.group_by("id").agg(pl.col("text").str.join(" ")).iter_rows())
    read = [by_cover.get(one, "") for one in covers["id"]]
    rows = []
    for kind, queries in (("title", titles(covers)), ("sentence", sentences(folder, covers))):
        matched = (embedder.encode_texts(queries.texts) @ vectors.T).astype(np.float64)
        found = judged(matched, read_similarities(queries.texts, read), queries)
        counts = {"covers": len(read), "queries": int((~queries.chosen).sum()), "with_text": sum(map(bool, read))}
        rows.append({"queries_of": kind, **counts, "matcher": model, "metrics": found})
    return rows


def titles(covers: pl.DataFrame) -> Queries:
    """Artist and album of each cover."""
    texts = tuple(f"{artist} {album}" for artist, album in covers.select("artist", "album").iter_rows())
    return Queries(texts, np.arange(len(covers)), (covers["split"] == "val").to_numpy())


def sentences(folder: Path, covers: pl.DataFrame) -> Queries:
    """What was written about the pictures."""
    places = {one: row for row, one in enumerate(covers["id"])}
    table = pl.read_parquet(folder / "sentences.parquet").filter(
        pl.col("kind").is_in(SENTENCES_ABOUT_THE_PICTURE) & pl.col("id").is_in(list(places))
    )
    owner = np.array([places[one] for one in table["id"]])
    return Queries(tuple(table["sentence"]), owner, (table["split"] == "val").to_numpy())


def table(rows: Sequence[Row]) -> str:
    """Markdown of the rows."""
    lines = ["| query | ranked by | R@1 | R@5 | R@10 | median rank |", "|--|--|--|--|--|--|"]
    for row in rows:
        for name, found in row["metrics"].items():
            figures = [f"{found[key]:.1f}" for key in ("r1", "r5", "r10")] + [f"{found['median_rank']:.0f}"]
            lines.append(f"| {row['queries_of']} ({row['queries']}) | {name} | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.image_text.benchmark.artwork", description=__doc__)
    parser.add_argument("--artwork", type=Path, required=True, help="folder with covers.parquet and images/")
    parser.add_argument("--features", type=Path, nargs="+", required=True)
    parser.add_argument("--feature-space")
    parser.add_argument("--release", type=Path, required=True, help="a release of kind image-text")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        features = Features(arguments.features, arguments.feature_space)
        matchers = load_matchers(verify_release(arguments.release).path, features.feature_space)
        rows = measure(arguments.artwork, features, matchers.embedder, matchers.embedder.model_id)
        for row in rows:
            Rows(arguments.out / ROWS_FILE).add(row | {"feature_space": features.feature_space})
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
