"""Figures of the TAMIP study from the sums that its rows keep: means, intervals, paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.benchmark_rows import Row
from model.climber_pilot.benchmark.tamip_figures import CUTS
from model.climber_pilot.user_groups import Interval, difference, interval

HR_50 = f"hr@{CUTS[-1]}"


@dataclass(frozen=True)
class Figure:
    """A mean of one value over one or several sets of events.

    kind: the table it stands in; compared: whether variants are subtracted; sensitive: whether it is shown over the
    safety interval.
    """

    title: str
    sets: tuple[str, ...]
    value: str
    kind: Literal["next", "horizon", "truth"]
    compared: bool = False
    sensitive: bool = False


def figures_known(rows: Sequence[Row]) -> list[Figure]:
    """Every figure that the rows hold, in the order of the tables."""
    steps = [f"t+{step}" for step in range(1, steps_of(rows[0]) + 1)]
    figures = [Figure(f"HR@{cut}", ("next",), f"hr@{cut}", "next", cut != 20, cut == 50) for cut in CUTS]
    figures += [Figure(f"logged HR@{cut}", ("next logged",), f"hr@{cut}", "next", cut == 50, cut == 50) for cut in CUTS]
    for part in ("inside", "outside", "same request"):
        figures.append(Figure(f"HR@50 {part}", (f"next {part}",), HR_50, "next", True))
    figures += [Figure(step, (step,), HR_50, "horizon", step == steps[0]) for step in steps]
    for span in (steps[len(steps) // 2 :], steps):
        figures.append(Figure(f"{span[0]} to {span[-1]}", tuple(span), HR_50, "horizon", True, span is steps))
    titles = {"acceptance": "true acceptance", "found": "of the true best 50", "echo": "by the last play's artist"}
    figures += [Figure(title, ("truth",), name, "truth", True, name == "acceptance") for name, title in titles.items()]
    for name in ("best acceptance", "any acceptance"):
        figures.append(Figure(f"{name.split()[0]} list's acceptance", ("truth",), name, "truth"))
    kept = rows[0]["figures"]["sums"]
    return [figure for figure in figures if all(name in kept for name in figure.sets)]


def steps_of(row: Row) -> int:
    """How many steps ahead the run looked."""
    return int(row["config"]["study"]["steps"])


def interval_s(row: Row) -> int:
    """The safety interval that the run was trained with."""
    return int(row["config"]["objective"]["safety_interval_s"])


def estimated(rows: Sequence[Row], figure: Figure) -> Interval:
    """Mean over users and the rows' seeds, with its interval."""
    return interval(*_sums(rows, figure))


def compared(rows: Sequence[Row], others: Sequence[Row], figure: Figure) -> Interval:
    """Paired difference over the seeds that both have; NaN where there is none in common."""
    ours, theirs = ({row["seed"]: row for row in part} for part in (rows, others))
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return Interval(float("nan"), float("nan"), float("nan"))
    totals, counts = _sums([ours[seed] for seed in seeds], figure)
    other_totals, other_counts = _sums([theirs[seed] for seed in seeds], figure)
    return difference(totals, other_totals, counts, other_counts)


def _sums(rows: Sequence[Row], figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    """Totals and counts [S, G]; raises ValueError for a seed given twice, as rows of two configurations would."""
    seeds = [row["seed"] for row in rows]
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"expected one row per seed of {rows[0]['variant']!r}, got seeds {sorted(seeds)}")
    kept = [row["figures"]["sums"] for row in rows]
    totals = [np.sum([sums[name][figure.value] for name in figure.sets], axis=0) for sums in kept]
    counts = [np.sum([sums[name]["count"] for name in figure.sets], axis=0) for sums in kept]
    return np.array(totals), np.array(counts)
