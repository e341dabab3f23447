"""The plot of the instructions suite."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.benchmark_rows import Row
from model.climber_pilot.benchmark.instruction_modes import BEST
from model.climber_pilot.benchmark.instructions_table import HIT_RATES, attributes_of, differences_of
from model.climber_pilot.benchmark.tables import grouped
from model.svg import save_svg


def plot_differences(rows: Sequence[Row], out: Path) -> list[Path]:
    """One SVG per dataset with differences: a row of panels per attribute, one panel per cut, one line per mode."""
    paths = []
    for (dataset,), of_dataset in grouped(rows, "dataset").items():
        attributes = [name for name in attributes_of(of_dataset) if differences_of(name, of_dataset)]
        if not attributes:
            continue
        figure = Figure(figsize=(11, 0.8 + 2.6 * len(attributes)), layout="constrained")
        panels = figure.subplots(len(attributes), len(HIT_RATES), squeeze=False, sharey=True)
        for row, attribute in enumerate(attributes):
            for column, name in enumerate(HIT_RATES):
                draw_differences(panels[row, column], attribute, name, of_dataset)
        figure.suptitle(f"{dataset}: {BEST} minus each other mode, with 95 % intervals over users")
        paths.append(save_svg(figure, out / f"instructions-{dataset}.svg"))
    return paths


def draw_differences(axes: Axes, attribute: str, name: str, rows: Sequence[Row]) -> None:
    """Mean and interval of every mode's difference in points, a small dot per seed; right of 0 CGSA strict is ahead."""
    differences = differences_of(attribute, rows)
    for y, of_mode in enumerate(differences.values()):
        found = of_mode[name]
        mean, low, high = (100 * found[key] for key in ("mean", "low", "high"))
        axes.hlines(y, low, high, color="C0", linewidth=2)
        axes.plot([100 * value for value in found["per_seed"]], [y] * len(found["per_seed"]), ".", color="0.6", ms=4)
        axes.plot(mean, y, "o", color="C0", ms=5)
    axes.axvline(0, color="0.35", linewidth=1)
    axes.set_yticks(range(len(differences)), list(differences))
    axes.set_ylim(len(differences) - 0.5, -0.5)
    axes.set(title=f"{attribute}, {name.upper()}", xlabel="points")
