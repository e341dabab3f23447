"""Tables of benchmark rows: grouping, means over seeds with their standard error, Markdown."""

import math
from collections.abc import Sequence

import numpy as np

from model.benchmark_rows import Row
from model.metrics import Estimate, mean_and_standard_error


def grouped(rows: Sequence[Row], *names: str) -> dict[tuple[str, ...], list[Row]]:
    """Rows by the values of some of their fields, in order of appearance."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def over_seeds(rows: Sequence[Row], figure: str) -> Estimate:
    """Mean of a figure over rows of different seeds and its standard error; raises ValueError for a seed given twice,
    which is what rows of two configurations under one name would be."""
    seeds = [row["seed"] for row in rows]
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"expected one row per seed of {rows[0]['variant']!r}, got seeds {sorted(seeds)}")
    return mean_and_standard_error(np.array([row["figures"][figure] for row in rows]))


def percent(estimate: Estimate, digits: int = 2) -> str:
    """A share in percent, with its standard error where there is one."""
    mean = f"{100 * estimate.mean:.{digits}f}"
    return mean if math.isnan(estimate.standard_error) else f"{mean} ± {100 * estimate.standard_error:.{digits}f}"


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["--"] * len(header), *lines))


def commands(rows: Sequence[Row]) -> list[str]:
    """The command that repeats the rows of each dataset: that of its highest seed, which ran the lower ones too."""
    highest: dict[str, Row] = {}
    for row in rows:
        if row["seed"] >= highest.get(row["dataset"], row)["seed"]:
            highest[row["dataset"]] = row
    return [row["command"] for row in highest.values()]
