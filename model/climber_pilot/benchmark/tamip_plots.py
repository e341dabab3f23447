"""The plots of the TAMIP study."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from model.benchmark_rows import Row
from model.climber_pilot.benchmark.tables import grouped
from model.climber_pilot.benchmark.tamip_sums import Figure, estimated, figures_known, interval_s, steps_of
from model.climber_pilot.benchmark.tamip_table import READOUT
from model.svg import save_svg


def plot_horizon(rows: Sequence[Row], out: Path) -> list[Path]:
    """One SVG per dataset: HR@50 of one list over the steps after it, with 95 % bands."""
    paths = []
    for (dataset,), of_dataset in grouped(rows, "dataset").items():
        canvas = Canvas(figsize=(7, 4), layout="constrained")
        axes = canvas.subplots()
        steps = list(range(1, steps_of(of_dataset[0]) + 1))
        curve = [figure for figure in figures_known(of_dataset) if figure.kind == "horizon"][: len(steps)]
        for (variant,), group in grouped(of_dataset, "variant").items():
            if not variant.startswith(f"{READOUT} "):
                draw_band(axes, steps, group, curve, variant)
        axes.set(xlabel="steps after the list was retrieved", ylabel="HR@50, %", title=f"{dataset}: horizon")
        axes.set_xticks(steps)
        axes.set_ylim(bottom=0)
        axes.legend()
        paths.append(save_svg(canvas, out / f"tamip-{dataset}-horizon.svg"))
    return paths


def draw_band(axes: Axes, steps: Sequence[int], rows: Sequence[Row], curve: Sequence[Figure], name: str) -> None:
    """One variant's curve and its band."""
    values = [estimated(rows, figure) for figure in curve]
    (line,) = axes.plot(steps, [100 * value.mean for value in values], marker="o", markersize=4, label=name)
    low, high = [100 * value.low for value in values], [100 * value.high for value in values]
    axes.fill_between(steps, low, high, color=line.get_color(), alpha=0.15, linewidth=0)


def plot_sensitivity(rows: Sequence[Row], out: Path) -> list[Path]:
    """One SVG per dataset with several intervals: a panel per figure, the readout over its safety interval."""
    paths = []
    for (dataset,), of_dataset in grouped(rows, "dataset").items():
        tried = [row for row in of_dataset if row["variant"].startswith(READOUT)]
        by_interval = {interval_s(group[0]): group for group in grouped(tried, "variant").values()}
        if len(by_interval) < 2:
            continue
        chosen = [figure for figure in figures_known(of_dataset) if figure.sensitive]
        canvas = Canvas(figsize=(3.4 * len(chosen), 3.6), layout="constrained")
        intervals = sorted(by_interval)
        for axes, figure in zip(canvas.subplots(1, len(chosen), squeeze=False)[0], chosen, strict=True):
            values = [estimated(by_interval[interval], figure) for interval in intervals]
            means = [100 * value.mean for value in values]
            below = [100 * (value.mean - value.low) for value in values]
            above = [100 * (value.high - value.mean) for value in values]
            axes.errorbar(range(len(intervals)), means, yerr=[below, above], marker="o", capsize=3)
            axes.set_xticks(range(len(intervals)), [str(interval) for interval in intervals])
            title = f"HR@50, {figure.title}" if figure.kind == "horizon" else figure.title
            axes.set(xlabel="safety interval, s", ylabel="%", title=title)
            axes.set_ylim(bottom=0)
        canvas.suptitle(f"{dataset}: {READOUT} by safety interval")
        paths.append(save_svg(canvas, out / f"tamip-{dataset}-interval.svg"))
    return paths
