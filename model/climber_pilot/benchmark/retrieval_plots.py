"""The plots of the retrieval suite."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.benchmark_rows import Row
from model.climber_pilot.benchmark.anchors import anchors
from model.climber_pilot.benchmark.tables import grouped, over_seeds
from model.climber_pilot.evaluate import CUTS
from model.svg import save_svg

ANCHOR_STYLES = (":", "-.", "--", "-")


def plot_hit_rates(rows: Sequence[Row], out: Path) -> list[Path]:
    """One SVG per dataset: a dot per seed, a bar at their mean, a line per published figure."""
    paths = []
    for (dataset,), of_dataset in grouped(rows, "dataset").items():
        figure = Figure(figsize=(11, 4.5), layout="constrained")
        for axes, cut in zip(figure.subplots(1, len(CUTS)), CUTS, strict=True):
            draw_hit_rate(axes, of_dataset, dataset, cut)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
        figure.suptitle(f"{dataset}: exact ranking of the whole catalogue")
        paths.append(save_svg(figure, out / f"retrieval-{dataset}.svg"))
    return paths


def draw_hit_rate(axes: Axes, rows: Sequence[Row], dataset: str, cut: int) -> None:
    """One cut of one dataset."""
    name = f"hr@{cut}"
    variants = grouped(rows, "variant")
    for x, group in enumerate(variants.values()):
        axes.scatter([x] * len(group), [100 * row["figures"][name] for row in group], s=18, color="C0", zorder=3)
        mean = 100 * over_seeds(group, name).mean
        axes.hlines(mean, x - 0.3, x + 0.3, color="C0", linewidth=2)
    for anchor, style in zip(anchors(dataset), ANCHOR_STYLES, strict=False):
        axes.axhline(100 * anchor.hit_rate[cut], color="0.35", linestyle=style, linewidth=1, label=anchor.name)
    axes.set_xticks(range(len(variants)), [variant for (variant,) in variants], rotation=40, ha="right")
    axes.set(title=f"HR@{cut}", ylabel="%")
    axes.set_ylim(bottom=0)


def plot_learning_curves(rows: Sequence[Row], out: Path) -> list[Path]:
    """One SVG per dataset: validation NDCG@10 after every epoch, a line per seed, a colour per trained variant."""
    paths = []
    for (dataset,), of_dataset in grouped(rows, "dataset").items():
        trained = grouped([row for row in of_dataset if "epochs" in row["figures"]], "variant")
        if not trained:
            continue
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for colour, ((variant,), group) in enumerate(trained.items()):
            for i, row in enumerate(group):
                epochs = [epoch["epoch"] for epoch in row["figures"]["epochs"]]
                values = [100 * epoch["ndcg@10"] for epoch in row["figures"]["epochs"]]
                axes.plot(epochs, values, color=f"C{colour}", linewidth=1, label=None if i else variant)
        axes.set(xlabel="epoch", ylabel="NDCG@10 on validation, %", title=f"{dataset}: learning curves")
        axes.set_ylim(bottom=0)
        axes.legend()
        paths.append(save_svg(figure, out / f"retrieval-{dataset}-epochs.svg"))
    return paths
