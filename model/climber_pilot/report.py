"""The evaluation report as JSON, Markdown and plots."""

import json
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

matplotlib.use("Agg")

SIMULATED_NOTE = {
    "nothing": "",
    "times": "**The order and times of events are simulated**; listeners, items and counts are real.",
    "everything": "**Simulated data**: every figure below is about a simulated world.",
}


def write_report(report: dict[str, Any], out: Path) -> None:
    """Write report.json, report.md and the plots they name into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=2))
    plot_ranking(report, out / "ranking.png")
    plot_instructed(report, out / "instructed.png")
    if report["horizon"]:
        plot_horizon(report, out / "horizon.png")
    (out / "report.md").write_text(markdown(report))


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"# {report['dataset']}",
        "",
        SIMULATED_NOTE[report["simulated"]],
        *report["notes"],
        "",
        report["protocol"],
        "",
        ", ".join(f"{name} {value}" for name, value in report["checkpoint"].items()),
        "",
    ]
    lines += ["| listeners | model | users | HR@10 | HR@20 | HR@50 | NDCG@10 | coverage@50 | overlap@10 |"]
    lines += ["|" + "--|" * 9]
    for row in report["unconditional"]:
        figures = [row[name] for name in ("hr@10", "hr@20", "hr@50", "ndcg@10", "coverage@50", "overlap@10")]
        cells = [row["group"], row["model"], str(row["users"]), *(f"{100 * figure:.2f} %" for figure in figures)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "![ranking](ranking.png)", "", "## With an instruction (a true attribute value of the target)", ""]
    lines += ["| attribute | mode | users | HR@10 | HR@20 | HR@50 | CC@10 | CC@20 | CC@50 |", "|" + "--|" * 9]
    for part in report["instructed"]:
        for mode, figures in part["modes"].items():
            shown = [figures[f"{kind}@{k}"] for kind in ("hr", "cc") for k in (10, 20, 50)]
            cells = [part["attribute"], mode, str(part["users"]), *(f"{100 * figure:.2f} %" for figure in shown)]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "![instructed](instructed.png)", ""]
    if report["horizon"]:
        users = report["horizon"]["users"]
        lines += [f"## Horizon: HR@50 of one retrieval against steps t+1..t+10 ({users} unseen listeners)", ""]
        lines += ["![horizon](horizon.png)", ""]
    else:
        lines += ["Horizon curve: not measured, no listeners were kept out of training.", ""]
    return "\n".join(lines)


def plot_ranking(report: dict[str, Any], path: Path) -> None:
    """HR at every cut, model beside baselines."""
    rows = [row for row in report["unconditional"] if row["group"] == "test"]
    cuts = ("hr@10", "hr@20", "hr@50")
    series = {row["model"]: [row[cut] for cut in cuts] for row in rows}
    _bars(series, [cut.upper() for cut in cuts], f"{report['dataset']}: exact full ranking", path)


def plot_instructed(report: dict[str, Any], path: Path) -> None:
    """HR@10 and CC@10 per attribute and mode."""
    labels = [f"{part['attribute']} {kind.upper()}" for part in report["instructed"] for kind in ("hr@10", "cc@10")]
    series: dict[str, list[float]] = {}
    for part in report["instructed"]:
        for mode, figures in part["modes"].items():
            series.setdefault(mode, []).extend((figures["hr@10"], figures["cc@10"]))
    _bars(series, labels, f"{report['dataset']}: following an instruction", path)


def plot_horizon(report: dict[str, Any], path: Path) -> None:
    """HR@50 against how many steps ahead the event lies, with 95 % intervals over listeners."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for model, curve in report["horizon"]["hr@50"].items():
        steps = range(1, len(curve) + 1)
        (line,) = axes.plot(steps, [100 * value for value in curve], marker="o", label=model)
        low, high = zip(*report["horizon"]["interval"][model], strict=True)
        lows, highs = [100 * value for value in low], [100 * value for value in high]
        axes.fill_between(steps, lows, highs, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.set(xlabel="steps ahead", ylabel="HR@50, %", title=f"{report['dataset']}: horizon")
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(1, 1 + len(next(iter(report["horizon"]["hr@50"].values())))))
    axes.legend()
    figure.savefig(path, dpi=120)


def _bars(series: dict[str, list[float]], labels: list[str], title: str, path: Path) -> None:
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / max(1, len(series))
    for i, (name, values) in enumerate(series.items()):
        axes.bar([x + i * width for x in range(len(labels))], [100 * value for value in values], width, label=name)
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(labels))], labels)
    axes.set(ylabel="%", title=title)
    figure.legend(loc="outside lower center", ncols=len(series))
    figure.savefig(path, dpi=120)
