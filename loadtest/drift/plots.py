"""The curve of a drift run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from loadtest.drift.run import ARMS
from model.svg import save_svg


def plot_days(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    """HR@50 on each day of every arm, with its interval over listeners."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    days = [row["figures"]["day"] for row in rows]
    for number, arm in enumerate(ARMS):
        found = [row["figures"]["hr@50"][arm] for row in rows]
        axes.plot(days, [100 * one["mean"] for one in found], label=arm, color=f"C{number}")
        low, high = ([100 * one[end] for one in found] for end in ("low", "high"))
        axes.fill_between(days, low, high, color=f"C{number}", alpha=0.15)
    axes.set(xlabel="day after the first training", ylabel="HR@50 in %", title="Music world (simulated), tastes drift")
    axes.set_xticks(days)
    axes.legend()
    return save_svg(figure, path)
