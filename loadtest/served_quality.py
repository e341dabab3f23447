"""Served = evaluated: python -m loadtest.served_quality --url URL --checkpoint DIR --dataset D --out DIR.

Puts every held-out listener's history to a running service, once under a true value of the target's attribute (strict)
and once without an instruction, and compares HR and every list with the exact evaluation of the checkpoint. Writes
report.json and report.md; exit status 1 where something does not hold, 2 where nothing could be compared.
"""

import argparse
import json
import logging
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from loadtest.client import Client, ask_all
from loadtest.comparison import CUTS, LIST_KINDS, Check, checks, compare
from loadtest.questions import MAX_SENT_EVENTS, Questions, held_out_questions
from model.climber_pilot.checkpoint import load_checkpoint, stage_folder
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, WEIGHTS_FILE
from model.climber_pilot.report import SIMULATED_NOTE
from model.datasets.registry import load_dataset
from model.item_index import EXACT_UP_TO, PROBED_ABOVE
from model.manifest import ReleaseError, read_manifest

logger = logging.getLogger(__name__)


def served_quality(
    questions: list[Questions],
    client: Client,
    *,
    top_k: int = 50,
    concurrency: int = 2,
    max_sent_events: int = MAX_SENT_EVENTS,
) -> tuple[list[dict[str, Any]], list[Check]]:
    """The figures of every comparison, and all that has to hold; raises ValueError where no service answers."""
    first = client.recommend(questions[0].body(0, top_k, max_sent_events))
    client.close()
    if first.unreachable:
        raise ValueError(f"expected a running service at {client.url}, got {first.fault}")
    compared, found = [], []
    for asked in questions:
        exact = asked.answer_exactly(top_k)

        def body_of(question: int, asked: Questions = asked) -> dict[str, Any]:
            return asked.body(question, top_k, max_sent_events)

        replies = ask_all(client, len(asked), body_of, concurrency=concurrency, title=f"asking: {asked.name}")
        figures = compare(asked, exact, replies, top_k, approximate=_reads_clusters(asked))
        compared.append(figures)
        found += [check._replace(what=f"{asked.name}: {check.what}") for check in checks(figures)]
    return compared, found


def _reads_clusters(asked: Questions) -> bool:
    """Whether the service may answer some of the questions from the nearest clusters alone."""
    if len(asked.checkpoint.catalogue) <= EXACT_UP_TO:
        return False
    return any(int(asked.allowed(question).sum()) > PROBED_ABOVE for question in range(len(asked)))


def release_checks(compared: list[dict[str, Any]], checkpoint: Path, release_root: Path | None) -> list[Check]:
    """One release answered, and - where its folder can be read - its files are the checkpoint's."""
    releases = sorted({release for figures in compared for release in figures["releases"]})
    found = [Check("releases that answered", "1", ", ".join(releases) or "none", len(releases) == 1)]
    if release_root is None:
        return found
    folder = stage_folder(checkpoint)
    for release in releases:
        differing = []
        try:
            files = read_manifest(release_root / release)["files"]
        except ReleaseError as error:
            found.append(Check(f"release {release}", "an export of the checkpoint", str(error), False))
            continue
        for name in (CONFIG_FILE, CATALOGUE_FILE, WEIGHTS_FILE):
            if files.get(name, {}).get("sha256") != sha256((folder / name).read_bytes()).hexdigest():
                differing.append(name)
        got = f"other {', '.join(differing)}" if differing else "an export of the checkpoint"
        found.append(Check(f"release {release}", "an export of the checkpoint", got, not differing))
    return found


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    seen = "seen items removed" if all(one["seen_removed"] for one in report["compared"]) else "seen items kept"
    lines = [
        f"# Served = evaluated: {report['dataset']}",
        "",
        *(line for line in (SIMULATED_NOTE[report["simulated"]], *report["notes"]) if line),
        f"Leave-one-out test targets, {seen}, lists of {report['k']}; {report['url']}, {report['date']}, "
        f"{report['concurrency']} requests at a time.",
        "",
        "| question | users | search | HR@K served | HR@K exact | lists: " + " / ".join(LIST_KINDS) + " | p50 | p99 |",
        "|" + "--|" * 8,
    ]
    for one in report["compared"]:
        hr = [" / ".join(f"{100 * pair[side]:.4f} %" for pair in one["hr"].values()) for side in ("served", "exact")]
        lists = " / ".join(str(one["lists"][kind]) for kind in LIST_KINDS)
        waits = [f"{wait_ms:.1f} ms" for wait_ms in one["latency_ms"].values()] or ["-", "-"]
        cells = [one["name"], str(one["users"]), one["search"], *hr, lists, *waits]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "K = " + ", ".join(report["compared"][0]["hr"]), ""]
    lines += ["| check | expected | got | |", "|--|--|--|--|"]
    for check in report["checks"]:
        lines.append(
            f"| {check['what']} | {check['expected']} | {check['got']} | {'ok' if check['ok'] else 'FAILED'} |"
        )
    for one in report["compared"]:
        lines += ["", f"{one['name']}: sources {one['sources']}, errors {one['faults']}"]
        lines += [f"- {difference}" for difference in one["differences"]]
    return "\n".join([*lines, ""])


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    torch.set_num_threads(1)
    try:
        checkpoint = load_checkpoint(arguments.checkpoint)
        dataset = load_dataset(arguments.dataset, arguments.data_dir, skip_bad_rows=arguments.skip_bad_rows)
        questions = held_out_questions(checkpoint, dataset, arguments.attribute, arguments.users, arguments.seed)
        compared, found = served_quality(
            questions, Client(arguments.url), top_k=arguments.k, concurrency=arguments.concurrency
        )
        found += release_checks(compared, arguments.checkpoint, arguments.release_root)
        report = {
            "dataset": dataset.name,
            "simulated": dataset.simulated,
            "notes": list(dataset.notes),
            "data_revision": dataset.revision(),
            "url": arguments.url,
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "k": arguments.k,
            "concurrency": arguments.concurrency,
            "compared": compared,
            "checks": [check._asdict() for check in found],
            "passed": all(check.ok for check in found),
        }
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "report.json").write_text(json.dumps(report, indent=2))
        (arguments.out / "report.md").write_text(markdown(report))
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write((arguments.out / "report.md").read_text())
    return 0 if report["passed"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.served_quality", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the running service")
    parser.add_argument("--checkpoint", type=Path, required=True, help="what the release in force was exported from")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data-dir", type=Path, help="folder with the data; default: the variable REC_DATA_DIR")
    parser.add_argument("--skip-bad-rows", action="store_true")
    parser.add_argument("--attribute", default="genre", help="what the instructions are about")
    parser.add_argument("--k", type=_list_length, default=50, help="length of the lists, at least 10")
    parser.add_argument("--users", type=_positive, help="a seeded sample of so many listeners; default: all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--concurrency", type=_positive, default=2, help="requests under way at a time")
    parser.add_argument(
        "--release-root", type=Path, help="folder of releases; compares the release with the checkpoint"
    )
    parser.add_argument("--out", type=Path, required=True)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


def _list_length(text: str) -> int:
    length = int(text)
    if length < CUTS[0]:
        raise argparse.ArgumentTypeError(f"expected at least {CUTS[0]}, the least K of HR@K, got {length}")
    return length


if __name__ == "__main__":
    sys.exit(main())
