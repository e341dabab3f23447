"""Plots of what was measured."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from loadtest.speed.table import STAGES
from model.benchmark_rows import Row
from model.svg import save_svg


def plot_costs(rows: Sequence[Row], out: Path) -> Path:
    """One bar per cell: CPU-microseconds per request."""
    figure = Figure(figsize=(9, 1 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    costs = [row["figures"]["server_cpu_us_per_request"] for row in rows]
    bars = axes.barh([row["name"] for row in rows], costs, color="C0")
    axes.bar_label(bars, [f" {cost:,.0f}" for cost in costs])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(xlabel="CPU us per request, whole process tree")
    return save_svg(figure, out / "costs.svg")


def plot_stages(rows: Sequence[Row], out: Path) -> Path:
    """Where the time of a request goes, one request at a time; what no stage names is `rest`."""
    alone = [row for row in rows if row["cell"]["concurrency"] == 1]
    figure = Figure(figsize=(9, 1 + 0.32 * len(alone)), layout="constrained")
    axes = figure.subplots()
    names = [row["name"] for row in alone]
    left = [0.0] * len(alone)
    for stage in (*STAGES[:-1], "rest"):
        widths = [1000 * _stage(row, stage) for row in alone]
        axes.barh(names, widths, left=left, label=stage)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="us of wall time, one request at a time")
    figure.legend(loc="outside lower center", ncols=len(STAGES))
    return save_svg(figure, out / "stages.svg")


def _stage(row: Row, stage: str) -> float:
    stages = row["figures"]["stages_ms"]
    if stage == "rest":
        return max(0.0, float(stages.get("total", 0.0)) - sum(_stage(row, name) for name in STAGES[:-1]))
    return float(stages.get(stage, 0.0))
