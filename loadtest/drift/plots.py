"""The curves of a drift run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtest.drift.day_rates import ARMS
from model.svg import save_svg

GAINS = tuple(f"{ARMS[-1]} - {arm}" for arm in ARMS[:-1])


def plot_days(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    """HR@50 on each day of every arm, and what the refreshed one has more, with intervals over listeners.

    rows: those of the days, then the one of all days, which the legends tell.
    """
    *days, overall = (row["figures"] for row in rows)
    figure = Figure(figsize=(10, 4), layout="constrained")
    levels, gains = figure.subplots(1, 2)
    _curves(levels, days, overall, ARMS)
    levels.set(ylabel="HR@50 in %", title="Music world (simulated)")
    _curves(gains, days, overall, GAINS)
    gains.axhline(0, color="black", linewidth=0.8)
    gains.set(ylabel="percentage points", title="paired, by listener")
    return save_svg(figure, path)


def _curves(axes: Axes, days: Sequence[dict[str, Any]], overall: dict[str, Any], names: Sequence[str]) -> None:
    at = [found["day"] for found in days]
    for number, name in enumerate(names):
        points = [found["hr@50"][name] for found in days]
        label = f"{name}: {100 * overall['hr@50'][name]['mean']:.1f}"
        axes.plot(at, [100 * point["mean"] for point in points], label=label, color=f"C{number}")
        low, high = ([100 * point[end] for point in points] for end in ("low", "high"))
        axes.fill_between(at, low, high, color=f"C{number}", alpha=0.15)
    axes.set(xlabel="day after the first training")
    axes.set_xticks(at)
    axes.legend(title="all days")
