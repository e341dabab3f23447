"""The plot of the trials."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from model.hand_pose.benchmark.table import MEASURES
from model.hand_pose.benchmark.trials import CONDITIONS
from model.svg import save_svg

TITLES = {"selected": "targets selected", "time_s": "time to select, s", "final_distance": "final distance"}


def plot_trials(rows: Sequence[dict[str, Any]], out: Path) -> Path:
    """One panel per measure: the conditions with their 95 % intervals; simulated users, and the title says so."""
    figure = Figure(figsize=(11, 3), layout="constrained")
    figure.suptitle("200 targets a seed, simulated user")
    found = [row for row in rows if row["kind"] == "trials"]
    names = [condition.name for condition in CONDITIONS if any(row["condition"] == condition.name for row in found)]
    for axes, measure in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
        values = np.array(
            [np.mean([row[measure] for row in found if row["condition"] == name], axis=0) for name in names]
        ).reshape(-1, 3)
        mean, low, high = values.T
        axes.errorbar(mean, range(len(names)), xerr=[mean - low, high - mean], fmt="o", capsize=3)
        axes.set_yticks(range(len(names)), names if measure == MEASURES[0] else [""] * len(names))
        axes.invert_yaxis()
        axes.set_xlabel(TITLES[measure])
        axes.grid(axis="x", alpha=0.3)
    return save_svg(figure, out / "trials.svg")
