"""Comparisons: how far two matchers are apart on the same images, with an interval over images and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.image_text.benchmark.rows import Row, name_of

DRAWS = 4_000
SEED = 0
COVERED = (2.5, 97.5)


@dataclass(frozen=True)
class Comparison:
    """Is `left` better than `right`? Each is (name of a matcher, stage)."""

    asks: str
    left: tuple[str, str]
    right: tuple[str, str]


COMPARISONS = (
    *(
        Comparison(f"{name} against the baseline", (name, "vectors"), ("linear", "vectors"))
        for name in ("3shnet grid", "3shnet region", "cmsei", "hire", "3shnet hybrid")
    ),
    Comparison("the hybrid as served against the baseline", ("3shnet hybrid", "corrected"), ("linear", "vectors")),
    Comparison(
        "the hybrid against the closed form", ("3shnet hybrid", "vectors"), ("linear in closed form", "vectors")
    ),
    Comparison("the same, both as served", ("3shnet hybrid", "corrected"), ("linear in closed form", "corrected")),
    Comparison("segmentation (grid)", ("3shnet grid", "vectors"), ("3shnet grid without segmentation", "vectors")),
    Comparison("loss (hinge)", ("3shnet grid with the hinge loss", "vectors"), ("3shnet grid", "vectors")),
    Comparison(
        "sentences (BiGRU against MiniLM)",
        ("3shnet grid with a BiGRU and no skip", "vectors"),
        ("3shnet grid without the skip", "vectors"),
    ),
    Comparison("graphs (Hire)", ("hire", "vectors"), ("hire without graphs", "vectors")),
    # The two differ in nothing else.
    Comparison("implicit relations (Hire against CMSEI)", ("hire", "vectors"), ("cmsei", "vectors")),
    *(
        Comparison(f"re-ranking ({name})", (name, "reranked"), (name, "corrected"))
        for name in ("cmsei", "hire", "3shnet hybrid + hire")
    ),
    *(
        Comparison(f"COCO sentences ({name}, {stage})", (f"{name}, with coco-subset", stage), (name, stage))
        for name in ("linear in closed form", "3shnet hybrid")
        for stage in ("vectors", "corrected")
    ),
)


def difference(left: np.ndarray, right: np.ndarray) -> tuple[float, float, float]:
    """Mean of left - right and the bounds of its 95 % interval; float64 [seeds, images] each, paired in both.

    Bootstrap of images and seeds: the interval says how it may be with other images of the kind and other seeds.
    """
    apart = left - right
    rng = np.random.default_rng(SEED)
    seeds = rng.integers(len(apart), size=(DRAWS, len(apart)))
    images = rng.integers(apart.shape[1], size=(DRAWS, apart.shape[1]))
    drawn = np.array([apart[one].mean(axis=0)[two].mean() for one, two in zip(seeds, images, strict=True)])
    low, high = np.percentile(drawn, COVERED)
    return float(apart.mean()), float(low), float(high)


def comparison_table(rows: Sequence[Row]) -> str:
    """Markdown of the comparisons whose rows are there, over the seeds that both sides have."""
    lines = ["| question | seeds | rSum | 95 % of images and seeds |", "|--|--|--|--|"]
    for one in COMPARISONS:
        left, right = (_by_seed(rows, *side) for side in (one.left, one.right))
        seeds = sorted(set(left) & set(right))
        if seeds:
            found = difference(*(np.array([side[seed] for seed in seeds], np.float64) for side in (left, right)))
            lines.append("| {} | {} | {:+.1f} | {:+.1f} to {:+.1f} |".format(one.asks, len(seeds), *found))
    return "\n".join(lines) + "\n"


def _by_seed(rows: Sequence[Row], name: str, stage: str) -> Mapping[int, list[float]]:
    # Rows of before the shares were kept are in the table alone.
    shares = {row["seed"]: row.get("rsum_by_image", {}) for row in rows if name_of(row) == name}
    return {seed: one[stage] for seed, one in shares.items() if stage in one}
