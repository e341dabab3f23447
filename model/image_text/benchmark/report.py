"""The benchmark's table and plot, from rows alone."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from model.image_text.benchmark.rows import Row, name_of
from model.image_text.benchmark.variants import BASELINE

STAGES = {"vectors": "vectors", "corrected": "+ hub correction", "reranked": "+ re-ranking"}
RECALLS = ("i2t_r1", "i2t_r5", "i2t_r10", "t2i_r1", "t2i_r5", "t2i_r10")


def table(rows: Sequence[Row]) -> str:
    """Markdown: rSum of each stage as mean ± deviation over seeds, and the six recalls of the last stage."""
    lines = [
        "| matcher | seeds | vectors | + hub correction | + re-ranking | i2t R@1/5/10 | t2i R@1/5/10 |",
        "|--|--|--|--|--|--|--|",
    ]
    for variant, group in by_variant(rows).items():
        last = list(group[0]["metrics"])[-1]
        recalls = [f"{np.mean([row['metrics'][last][name] for row in group]):.1f}" for name in RECALLS]
        cells = [spread(group, stage) for stage in STAGES]
        shown = [variant, str(len(group)), *cells, " / ".join(recalls[:3]), " / ".join(recalls[3:])]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def spread(group: Sequence[Row], stage: str) -> str:
    """Mean and deviation of a stage's rSum over seeds; nothing where the matcher has no such stage."""
    values = [row["metrics"][stage]["rsum"] for row in group if stage in row["metrics"]]
    if not values:
        return ""
    return f"{np.mean(values):.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")


def by_variant(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each variant, in the order they first appear."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(name_of(row), []).append(row)
    return groups


def plot(rows: Sequence[Row], path: Path) -> Path:
    """rSum of every seed and the mean of each stage, a line per matcher; the plain linear matcher dashed."""
    groups = by_variant(rows)
    figure = Figure(figsize=(7.5, 0.5 * len(groups) + 1.2), layout="constrained")
    axes = figure.subplots()
    for stage, marker in zip(STAGES, "o^s", strict=True):
        for place, group in enumerate(groups.values()):
            values = [row["metrics"][stage]["rsum"] for row in group if stage in row["metrics"]]
            colour = f"C{list(STAGES).index(stage)}"
            axes.plot(values, [place] * len(values), marker, color=colour, alpha=0.35, markersize=4, linestyle="none")
            if values:
                label = STAGES[stage] if stage not in axes.get_legend_handles_labels()[1] and place == 0 else None
                axes.plot(np.mean(values), place, marker, color=colour, markersize=7, linestyle="none", label=label)
    if BASELINE in groups:
        mean = np.mean([row["metrics"]["vectors"]["rsum"] for row in groups[BASELINE]])
        axes.axvline(float(mean), color="0.5", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.invert_yaxis()
    axes.set_xlabel("rSum on the test part (small: seeds, large: mean)")
    axes.legend(loc="lower right", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path
