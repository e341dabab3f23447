"""Recorded requests put to two sides: python -m loadtest.replay.requests --requests F --before A --after B --out DIR.

A and B are folders of releases, loaded here and asked without deadline or cache, or addresses of running services. F
holds a body of POST /recommend per line, with `request_id` beside its fields where both services shall assign and draw
alike. Writes report.json, report.html and rows.jsonl; exit status 1 where a limit is broken, 2 where nothing could be
compared.
"""

import argparse
import json
import logging
import sys
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any

from tqdm import tqdm

from loadtest.comparison import Check
from loadtest.replay.answerer import Answered, Answerer, answerer_of
from loadtest.replay.difference import Limits, checks, difference, summary
from loadtest.replay.page import document, listing, table
from loadtest.replay.plots import histograms_plot, latencies_plot
from model.release import ReleaseError

SHOWN = 20
logger = logging.getLogger(__name__)


def read_bodies(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """(request id, body) of every line. Raises ValueError that names the first line that is no JSON object."""
    found = []
    with path.open() as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                body = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path.name}, line {number}: expected a JSON object, got {error}") from error
            if not isinstance(body, dict):
                raise ValueError(f"{path.name}, line {number}: expected a JSON object, got {type(body).__name__}")
            found.append((str(body.pop("request_id", f"line-{number}")), body))
    if not found:
        raise ValueError(f"{path.name}: expected at least one request, got none")
    return found


def replay(
    bodies: list[tuple[str, dict[str, Any]]], before: Answerer, after: Answerer, *, quiet: bool = False
) -> tuple[list[Answered], list[Answered]]:
    """Both sides' answers, asked in turn: who is asked first changes from request to request."""
    befores, afters = [], []
    for number, (request_id, body) in enumerate(tqdm(bodies, unit="request", disable=quiet)):
        sides = [before, after] if number % 2 == 0 else [after, before]
        first, second = (side.answer(body, request_id) for side in sides)
        befores.append(first if number % 2 == 0 else second)
        afters.append(second if number % 2 == 0 else first)
    return befores, afters


def rows_of(
    bodies: list[tuple[str, dict[str, Any]]], befores: list[Answered], afters: list[Answered]
) -> list[dict[str, Any]]:
    """One row per request, JSON-able."""
    rows = []
    for (request_id, _), one, other in zip(bodies, befores, afters, strict=True):
        row: dict[str, Any] = {"request_id": request_id}
        for side, answered in (("before", one), ("after", other)):
            row[side] = {name: getattr(answered, name) for name in ("fault", "source", "latency_ms")}
        own = None if one.fault or other.fault else difference(one, other)
        names = ("overlap", "list_overlap", "rank_biased", "same")
        rows.append(row | {name: None if own is None else getattr(own, name) for name in names})
    return rows


def write(out: Path, report: dict[str, Any], rows: list[dict[str, Any]], found: list[Check]) -> None:
    """The three files."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    (out / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (out / "report.html").write_text(_page(report, rows, found))


def _page(report: dict[str, Any], rows: list[dict[str, Any]], found: list[Check]) -> str:
    figures, compared = report["figures"], [row for row in rows if row["overlap"] is not None]
    least = sorted(compared, key=lambda row: row["rank_biased"])[:SHOWN]
    broken = [one.what for one in found if not one.ok]
    parts = [
        f"<h1>{escape(report['after'])} against {escape(report['before'])}</h1>",
        f'<p class="verdict">{escape("broken: " + ", ".join(broken) if broken else "within the limits")}</p>',
        table(["what", "limit", "found", "holds"], [[*one[:3], "yes" if one.ok else "no"] for one in found]),
        "<h2>Lists</h2>",
        histograms_plot(
            {
                "overlap of the first 10": [row["overlap"] for row in compared],
                "rank-biased overlap": [row["rank_biased"] for row in compared],
            },
            "requests",
        ),
        listing([f"{name}: {json.dumps(value)}" for name, value in figures.items()]),
        "<h2>Latency</h2>",
        latencies_plot({side: [row[side]["latency_ms"] for row in compared] for side in ("before", "after")}),
        f"<h2>The {len(least)} least alike</h2>",
        table(
            ["request", "overlap of the first 10", "rank-biased overlap", "before", "after"],
            [
                [
                    *(str(row["request_id"]), f"{row['overlap']:.3f}", f"{row['rank_biased']:.3f}"),
                    *(str(row[side]["source"]) for side in ("before", "after")),
                ]
                for row in least
            ],
        ),
    ]
    return document(f"{report['after']} against {report['before']}", parts)


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    limits = Limits(
        min_overlap=arguments.min_overlap,
        min_rank_biased=arguments.min_rbo,
        max_score_shift=arguments.max_score_shift,
        max_latency_ratio=arguments.max_latency_ratio,
        min_compliance=arguments.min_compliance,
        max_faults=arguments.max_faults,
    )
    try:
        bodies = read_bodies(arguments.requests)
        with closing(answerer_of(arguments.before)) as before, closing(answerer_of(arguments.after)) as after:
            befores, afters = replay(bodies, before, after)
        figures = summary(befores, afters)
        found = checks(figures, limits)
        report: dict[str, Any] = {"before": before.name, "after": after.name, "figures": figures}
        report["checks"] = [one._asdict() for one in found]
        write(arguments.out, report, rows_of(bodies, befores, afters), found)
    except (ValueError, OSError, ReleaseError) as error:
        logger.error("%s", error)
        return 2
    for one in found:
        sys.stdout.write(f"{one.what}: {one.got}, {one.expected}{'' if one.ok else ' BROKEN'}\n")
    if not figures["compared"]:
        return 2
    return 0 if all(one.ok for one in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.replay.requests", description=__doc__)
    parser.add_argument("--requests", type=Path, required=True, help="JSON lines; see loadtest.replay.capture")
    parser.add_argument("--before", required=True, help="folder of a release, or http:// address of a service")
    parser.add_argument("--after", required=True, help="the same")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--min-overlap", type=float, help="mean share of the first 10 items that both show")
    parser.add_argument("--min-rbo", type=float, help="mean rank-biased overlap")
    parser.add_argument("--max-score-shift", type=float, help="common change of scores, in standard deviations")
    parser.add_argument("--max-latency-ratio", type=float, help="p99 after over p99 before")
    parser.add_argument("--min-compliance", type=float, default=1.0, help="share of items after; default 1")
    parser.add_argument(
        "--max-faults", type=float, default=0.0, help="share of requests after without answer; default 0"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
