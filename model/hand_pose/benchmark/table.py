"""The tables of the comparison, in Markdown."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.hand_pose.benchmark.trials import CONDITIONS

Row = dict[str, Any]
FIGURES = {
    "code_mse": ("code MSE", 5),
    "bone_angle_deg": ("bone angle, degrees", 2),
    "cells_used": ("map cells used", 3),
    "trustworthiness": ("trustworthiness, k = 15", 3),
    "jitter_raw": ("jitter, raw", 4),
    "jitter_hold": ("jitter, hold", 4),
    "jitter_one_euro": ("jitter, One Euro", 4),
    "jitter_all": ("jitter, all steps", 4),
    "lag_all_ms": ("lag, all steps, ms", 0),
}
MEASURES = ("selected", "time_s", "final_distance")


def figures_table(rows: Sequence[Row]) -> str:
    """Means over seeds, without and with the anti-jitter term."""
    lines = ["| test part | without anti-jitter | with |", "|--|--|--|"]
    for name, (title, digits) in FIGURES.items():
        cells = []
        for anti_jitter in (False, True):
            found = [
                row["figures"][name] for row in rows if row["kind"] == "figures" and row["anti_jitter"] == anti_jitter
            ]
            cells.append(
                f"{np.mean(found):.{digits}f} ({', '.join(f'{one:.{digits}f}' for one in found)})" if found else ""
            )
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def trials_table(rows: Sequence[Row]) -> str:
    """Each condition's trials: mean over seeds, with the mean ends of the seeds' intervals."""
    lines = ["| simulated user | selected | time, s | final distance |", "|--|--|--|--|"]
    for condition in CONDITIONS:
        found = [row for row in rows if row["kind"] == "trials" and row["condition"] == condition.name]
        if found:
            values = (np.mean([row[measure] for row in found], axis=0) for measure in MEASURES)
            cells = (f"{mean:.3f} [{low:.3f}, {high:.3f}]" for mean, low, high in values)
            lines.append(f"| {condition.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
