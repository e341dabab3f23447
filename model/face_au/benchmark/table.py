"""Table and plot of the ablation's rows."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from model.benchmark_rows import Row
from model.face_au.benchmark.ablation import VARIANTS
from model.metrics import Estimate, mean_and_standard_error
from model.svg import save_svg

MEASURES = (
    ("validation F1", lambda figures: figures["validation"]["mean_f1"]),
    ("test F1", lambda figures: figures["test"]["mean_f1"]["value"]),
    ("AU12 for happy", lambda figures: figures["people_said"]["AU12 for happy"]["value"]),
    ("AU02 for surprise", lambda figures: figures["people_said"]["AU02 for surprise"]["value"]),
    ("landmark error", lambda figures: figures["test"]["landmark_error"]),
)


def figures_of(rows: Sequence[Row]) -> dict[str, dict[str, Estimate]]:
    """variant -> measure -> mean over seeds and its standard error."""
    found = {}
    for variant in VARIANTS:
        ours = [row["figures"] for row in rows if row["variant"] == variant]
        if ours:
            found[variant] = {
                name: mean_and_standard_error(np.array([read(figures) for figures in ours])) for name, read in MEASURES
            }
    return found


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line a variant, mean over seeds and standard error; then the full model unit by unit."""
    names = [name for name, _ in MEASURES]
    lines = ["| | " + " | ".join(names) + " | seeds | CPU-ms a face |", "|--" * (len(names) + 3) + "|"]
    for variant, measures in figures_of(rows).items():
        ours = [row for row in rows if row["variant"] == variant]
        cells = [told(one) for one in measures.values()]
        spent = np.median([row["figures"]["cpu_ms_per_face"] for row in ours])
        lines.append(f"| {variant} | " + " | ".join(cells) + f" | {len(ours)} | {spent:.1f} |")
    full = [row["figures"]["test"] for row in rows if row["variant"] == VARIANTS[-1]]
    if full:
        units = list(full[0]["units"])
        lines += ["", "| full, test | " + " | ".join(units) + " |", "|--" * (len(units) + 1) + "|"]
        for measure in ("f1", "auc", "rate"):
            values = [np.mean([one["units"][unit][measure] for one in full]) for unit in units]
            lines.append(f"| {measure} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    return "\n".join(lines)


def told(measured: Estimate) -> str:
    """The mean, and its standard error where there is one: a single seed has none."""
    error = f" ± {measured.standard_error:.3f}" if math.isfinite(measured.standard_error) else ""
    return f"{measured.mean:.3f}{error}"


def plot(rows: Sequence[Row], out: Path) -> Path:
    """Mean F1 of every seed, variant by variant."""
    figure = Figure(figsize=(7.5, 3.4), layout="constrained")
    axes = figure.subplots()
    for place, variant in enumerate(VARIANTS):
        values = [row["figures"]["test"]["mean_f1"]["value"] for row in rows if row["variant"] == variant]
        axes.scatter([place] * len(values), values, s=18, color="tab:blue", alpha=0.7)
        if values:
            axes.plot([place - 0.2, place + 0.2], [np.mean(values)] * 2, color="black", linewidth=1.5)
    axes.set_xticks(range(len(VARIANTS)), VARIANTS, fontsize=8)
    axes.set_ylabel("mean F1, test part, weak labels")
    axes.grid(axis="y", alpha=0.3)
    axes.set_title("Levels of MGRR-Net, one point a seed", fontsize=10)
    return save_svg(figure, out / "levels.svg")
