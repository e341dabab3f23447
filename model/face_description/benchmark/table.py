"""Table and plots of the rows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from model.benchmark_rows import Row
from model.face_description.benchmark.variants import STAGED, VARIANTS
from model.face_description.config import STAGES
from model.face_description.exam import TASKS
from model.svg import save_svg

MEASURES = ("fidelity", "focus", "consistency", "false_claims", "sensitivity", "emotion_accuracy", "age_error_years")
GOALS = {"fidelity": 0.60, "focus": 0.95, "consistency": 0.95, "false_claims": 0.05, "age_error_years": 10.0}


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line a variant, means over seeds; then the fidelity of each task after each stage."""
    lines = ["| | " + " | ".join(name.replace("_", " ") for name in MEASURES) + " | seeds | CPU min |"]
    lines.append("|--" * (len(MEASURES) + 3) + "|")
    for variant in VARIANTS:
        ours = [row for row in rows if row["variant"] == variant]
        if ours:
            cells = [f"{np.mean([row['figures'][name] for row in ours]):.3f}" for name in MEASURES]
            spent = np.mean([row["cpu_minutes"] for row in ours])
            lines.append(f"| {variant} | " + " | ".join(cells) + f" | {len(ours)} | {spent:.1f} |")
    staged = stage_fidelity(rows)
    if staged:
        lines += ["", "| fidelity after the stage | " + " | ".join(TASKS) + " |", "|--" * (len(TASKS) + 1) + "|"]
        lines += [
            f"| {stage} | " + " | ".join(f"{staged[stage][task]:.3f}" for task in TASKS) + " |" for stage in STAGES
        ]
    return "\n".join(lines)


def stage_fidelity(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """stage -> task -> fidelity, means over the seeds of going stage by stage; empty without such a row."""
    ours = [row["figures"]["stages"] for row in rows if row["variant"] == STAGED]
    if not ours:
        return {}
    return {
        stage: {task: float(np.mean([one[stage][task]["fidelity"] for one in ours])) for task in TASKS}
        for stage in STAGES
    }


def plot(rows: Sequence[Row], out: Path) -> Path:
    """Left: what the variants reach, goals as lines. Right: what each stage does to every task."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    shown = MEASURES[:5]
    present = [variant for variant in VARIANTS if any(row["variant"] == variant for row in rows)]
    width = 0.8 / max(len(present), 1)
    for number, variant in enumerate(present):
        values = [np.mean([row["figures"][name] for row in rows if row["variant"] == variant]) for name in shown]
        left.bar(np.arange(len(shown)) + (number + 0.5) * width - 0.4, values, width, label=variant)
    for place, name in enumerate(shown):
        if name in GOALS:
            left.plot([place - 0.42, place + 0.42], [GOALS[name]] * 2, color="black", linewidth=1.2)
    left.set_xticks(range(len(shown)), [name.replace("_", " ") for name in shown], fontsize=8)
    left.set_ylim(0, 1.05)
    left.set_title("Test part, goals as lines", fontsize=10)
    left.legend(fontsize=7)
    staged = stage_fidelity(rows)
    for task in TASKS if staged else ():
        right.plot(STAGES, [staged[stage][task] for stage in STAGES], marker="o", label=task)
    right.set_title("Fidelity of each task after each stage", fontsize=10)
    if staged:
        right.legend(fontsize=7, title="asked about", title_fontsize=7)
    right.grid(axis="y", alpha=0.3)
    return save_svg(figure, out / "stages.svg")
