"""Plots: the figures of an evaluation as SVG text, the same bytes for the same figures."""

import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from loadtest.replay.evaluation import Evaluation
from loadtest.replay.intervals import Interval

STYLE: Any = {"svg.hashsalt": "replay", "svg.fonttype": "none", "font.size": 9}
WIDTH_IN = 7.0


def differences_plot(found: Evaluation) -> str:
    """Every estimate's difference to the baseline with its interval, and the margin of no difference."""
    rows = {**found.differences, f"{found.estimator}, anytime-valid": found.anytime["difference"]}
    return _intervals_plot(rows, "policy minus baseline", found.margin)


def values_plot(found: Evaluation) -> str:
    """Every estimate of the policy and the baseline's means."""
    baseline = {f"baseline, {name}": one for name, one in found.baseline_values.items() if name == found.estimator}
    return _intervals_plot({**found.values, **baseline}, "mean reward", None)


def support_plot(found: Evaluation) -> str:
    """Rows of the log, rows that the policy could have shown, and what they are worth."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 1.0 + 0.5 * len(found.overlaps)), layout="constrained")
        axes = figure.add_subplot()
        for shift, kind in enumerate(("rows", "matched_rows", "effective_rows")):
            counts = [float(getattr(one, kind)) for one in found.overlaps.values()]
            axes.barh(np.arange(len(counts)) + 0.25 * (1 - shift), counts, height=0.22, label=kind.replace("_", " "))
        axes.set_yticks(range(len(found.overlaps)), list(found.overlaps))
        axes.set_xlabel("exposures")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return _svg(figure)


def histograms_plot(values: dict[str, list[float]], label: str, bins: int = 20) -> str:
    """How often values between 0 and 1 come, one panel per name."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.2), layout="constrained")
        panels = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
        for axes, (name, own) in zip(panels, values.items(), strict=True):
            axes.hist(own, bins=bins, range=(0, 1), color="tab:blue")
            axes.set_xlabel(name)
        panels[0].set_ylabel(label)
        return _svg(figure)


def latencies_plot(values: dict[str, list[float]]) -> str:
    """Latencies in ms by the share of requests that are at least as fast."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.4), layout="constrained")
        axes = figure.add_subplot()
        for name, own in values.items():
            axes.plot(np.sort(own), np.arange(1, len(own) + 1) / max(1, len(own)), label=name)
        axes.set_xscale("log")
        axes.set_xlabel("ms")
        axes.set_ylabel("share of requests")
        axes.legend()
        return _svg(figure)


def _intervals_plot(rows: dict[str, Interval], label: str, margin: float | None) -> str:
    shown = {name: one for name, one in rows.items() if np.isfinite([one.value, one.low, one.high]).all()}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 0.8 + 0.28 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        for place, one in enumerate(shown.values()):
            axes.plot([one.low, one.high], [place, place], color="tab:blue", linewidth=2)
            axes.plot([one.value], [place], "o", color="tab:blue", markersize=4)
        if margin is not None:
            axes.axvspan(-margin, margin, color="0.9")
            axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_yticks(range(len(shown)), list(shown))
        axes.invert_yaxis()
        axes.set_xlabel(label)
        return _svg(figure)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    # A page holds the element alone, without the declaration before it.
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
