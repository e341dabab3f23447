"""Report: a measurement as report.json for programs and as report.html, one file, for people."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from loadtest.open_loop.plots import curve_plot, latency_plot, rate_plot, sweep_plot

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:left}
svg{max-width:100%;height:auto}.verdict{font-size:1.5em;font-weight:600}"""
LATENCIES = ("p50", "p90", "p99", "p99.9", "max")
SWEEP_COLUMNS = (
    *(
        "step",
        "offered_per_s",
        "goodput_per_s",
        "goodput_of_best",
        "rejects_per_s",
        "errors",
        "p50",
        "p99",
        "reject_p99",
    ),
    *("recovery_s", "server_cpu_share", "lag_p99", "passed"),
)


def write_report(report: Mapping[str, Any], folder: Path) -> None:
    """Write both files; the same bytes for the same report."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    (folder / "report.html").write_text(page(report))


def page(report: Mapping[str, Any]) -> str:
    """The report for people: no file and no address outside of itself."""
    parts = [f"<h1>{escape(report['title'])}</h1>", f'<p class="verdict">{escape(verdict(report))}</p>']
    parts.append(_list(report["faults"]))
    if "measured" in report:
        parts += _measured(report["measured"], report.get("closed_loop"))
    if "sweep" in report:
        parts += _swept(report["sweep"])
    parts += ["<h2>What was asked</h2>", _table(["what", "value"], report["asked"].items())]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(report["title"])}</title>'
    return "\n".join([head + f"<style>{STYLE}</style>", *parts, "</html>", ""])


def verdict(report: Mapping[str, Any]) -> str:
    """One sentence: what was found, or that nothing was."""
    if report["faults"]:
        return "void: the generator could not keep up, and no figure below is the server's"
    if "sweep" in report:
        sweep = report["sweep"]
        knee = f"knee at {sweep['knee_per_s']:.0f} requests/s"
        return knee if sweep["reached"] else f"{knee} or above: the highest rate tried passed"
    figures = report["measured"]["all"]
    latency = figures["latency_ms"]
    return f"{figures['goodput_per_s']:.1f} good answers/s, p50 {latency['p50']:.2f} ms, p99 {latency['p99']:.2f} ms"


def text(report: Mapping[str, Any]) -> str:
    """The same for a terminal, in Markdown."""
    lines = [f"{report['title']}: {verdict(report)}", *(f"- {fault}" for fault in report["faults"])]
    if "measured" in report:
        titles, rows = latency_rows(report["measured"], report.get("closed_loop"))
        lines += ["", *_markdown(titles, rows), "", *_markdown(["answer", "requests"], answer_rows(report["measured"]))]
    if "sweep" in report:
        lines += ["", *_markdown(SWEEP_COLUMNS, sweep_rows(report["sweep"]))]
    return "\n".join([*lines, ""])


def latency_rows(measured: Mapping[str, Any], closed: Mapping[str, Any] | None) -> tuple[list[str], list[list[str]]]:
    """One row per kind, then rejects, the closed loop beside, and the generator's lag; ms."""
    rows = []
    for name, figures in {"all": measured["all"], **measured["kinds"]}.items():
        about = [_shown(figures[key]) for key in ("rate_per_s", "goodput_per_s", "errors", "rejects")]
        rows.append([name, *about, *_latencies(figures["latency_ms"])])
    empty = ["", "", "", ""]
    rows.append(["all, from sending", *empty, *_latencies(measured["all"]["from_sending_ms"])])
    rows.append(["rejects", *empty, *_latencies(measured["rejects"]["latency_ms"])])
    if closed is not None:
        rows.append(["closed loop beside, from sending", *empty, *_latencies(closed["latency_ms"])])
    rows.append(["the generator's own lag", *empty, *_latencies(measured["generator"]["lag_ms"])])
    return ["requests", "per s", "good per s", "errors", "rejects", *LATENCIES], rows


def answer_rows(measured: Mapping[str, Any]) -> list[list[str]]:
    """How often every status came with every source or code."""
    return [[f"{one['status'] or 'none'} {one['answer']}".strip(), str(one["requests"])] for one in measured["answers"]]


def sweep_rows(sweep: Mapping[str, Any]) -> list[list[str]]:
    """One row per step."""
    return [[_shown(step[name]) for name in SWEEP_COLUMNS] for step in sweep["steps"]]


def _measured(measured: Mapping[str, Any], closed: Mapping[str, Any] | None) -> list[str]:
    titles, rows = latency_rows(measured, closed)
    curves = {"open loop": measured["curve"]} | ({} if closed is None else {"closed loop beside": closed["curve"]})
    few = ", ".join(measured["all"]["latency_ms"]["few_samples"])
    generator = [(name, value) for name, value in measured["generator"].items() if name != "lag_ms"]
    return [
        "<h2>Latency in ms, from the intended moment</h2>",
        _table(titles, rows),
        f"<p>Too few requests for {escape(few)} of all.</p>" if few else "",
        curve_plot(curves),
        "<h2>Over time</h2>",
        latency_plot(measured["over_time"]),
        rate_plot(measured["over_time"]),
        "<h2>Answers</h2>",
        _table(["answer", "requests"], answer_rows(measured)),
        "<h2>Generator and server</h2>",
        _table(["what", "value"], [*generator, *(measured["server"] or {}).items()]),
    ]


def _swept(sweep: Mapping[str, Any]) -> list[str]:
    facts = [(name, value) for name, value in sweep.items() if name != "steps"]
    return [
        "<h2>Sweep</h2>",
        _table(SWEEP_COLUMNS, sweep_rows(sweep)),
        sweep_plot(sweep["steps"]),
        _table(["what", "value"], facts),
    ]


def _latencies(summary: Mapping[str, Any]) -> list[str]:
    return [_shown(summary[name]) + ("*" if name in summary["few_samples"] else "") for name in LATENCIES]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2f}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _table(titles: Sequence[str], rows: Any) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(_shown(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}</table>"


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [titles, ["--"] * len(titles), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""
