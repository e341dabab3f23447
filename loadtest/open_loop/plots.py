"""Plots: the figures of a measurement as SVG text, the same bytes for the same figures."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

STYLE: Any = {"svg.hashsalt": "open-loop", "svg.fonttype": "none", "font.size": 9}
WIDTH_IN, HEIGHT_IN = 7.0, 2.8
SHARES = {0.5: "50 %", 0.1: "90 %", 0.01: "99 %", 0.001: "99.9 %", 0.0001: "99.99 %"}


def curve_plot(curves: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Latency over percentiles, the tail stretched: (share above, latency in ms) per curve."""

    def draw(axes: Axes) -> None:
        for name, points in curves.items():
            axes.plot([share for share, _ in points], [latency_ms for _, latency_ms in points], label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.invert_xaxis()
        least = min((share for points in curves.values() for share, _ in points), default=0.5)
        shown = {share: label for share, label in SHARES.items() if share >= least}
        axes.set_xticks(list(shown), list(shown.values()))
        axes.xaxis.minorticks_off()
        _plain(axes.yaxis)
        axes.set_xlabel("requests that took no longer")
        axes.set_ylabel("ms from the intended moment")

    return _figure(draw)


def latency_plot(over_time: Mapping[str, Sequence[Any]]) -> str:
    """p50, p99 and the largest latency of every window."""

    def draw(axes: Axes) -> None:
        for name in ("p50", "p99", "max"):
            axes.plot(over_time["start_s"], _known(over_time[name]), label=name)
        axes.set_yscale("log")
        _plain(axes.yaxis)
        axes.set_xlabel("s")
        axes.set_ylabel("ms from the intended moment")

    return _figure(draw)


def rate_plot(over_time: Mapping[str, Sequence[Any]]) -> str:
    """Requests that were offered, answered well and rejected, per second."""

    def draw(axes: Axes) -> None:
        for name, style in (("offered", "k:"), ("good", "-"), ("rejected", "-")):
            axes.plot(over_time["start_s"], over_time[name], style, label=name)
        axes.set_xlabel("s")
        axes.set_ylabel("requests per second")
        axes.set_ylim(bottom=0)

    return _figure(draw)


def sweep_plot(steps: Sequence[Mapping[str, Any]]) -> str:
    """Goodput and rejects over offered load; where they are the same, the dotted line."""

    def draw(axes: Axes) -> None:
        ordered = sorted(steps, key=lambda step: float(step["offered_per_s"]))
        offered = [step["offered_per_s"] for step in ordered]
        axes.plot(offered, offered, "k:", label="offered")
        axes.plot(offered, [step["goodput_per_s"] for step in ordered], "o-", label="goodput")
        axes.plot(offered, [step["rejects_per_s"] for step in ordered], "o-", label="rejected")
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("offered requests per second")
        axes.set_ylabel("requests per second")

    return _figure(draw)


def _figure(draw: Any) -> str:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.grid(visible=True, color="0.9", linewidth=0.6)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    # A page holds the element alone, without the declaration before it.
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _plain(axis: Axis) -> None:
    """A logarithmic axis with numbers as people write them."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def _known(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]
