"""python -m loadtest.release_drill DRILL: what is said of publishing, tried on running services.

publishes      release after release under load: failed requests, mixed answers, latency inside swaps and outside
corruptions    every way to break a release, loaded and under a service: refused, for which reason
kills          publish, rollback and load killed before every step, and services at random moments
items          new items posted to a service with its sidecar: how long until they are recommended
gate           releases of other seeds let in, planted defects refused

Rows of figures are appended to rows.jsonl in the folder --out.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from loadtest.speed.rows import row
from loadtest.speed.servers import end_on_sigterm


def main(argv: list[str] | None = None) -> int:
    """Run a drill; 1 where something is not as it should be, 2 where it could not be run."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    end_on_sigterm()
    arguments.out.mkdir(parents=True, exist_ok=True)
    drills: Mapping[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
        "publishes": _publishes,
        "corruptions": _corruptions,
        "kills": _kills,
        "items": _items,
        "gate": _gate,
    }
    try:
        found = drills[arguments.drill](arguments)
    except (ValueError, OSError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    cell = {"drill": arguments.drill} | {
        name: value for name, value in vars(arguments).items() if isinstance(value, int | float)
    }
    with (arguments.out / "rows.jsonl").open("ab") as file:
        for figures in found:
            file.write(orjson.dumps(row("release_drill", arguments.drill, cell, figures)) + b"\n")
            sys.stdout.write(f"{orjson.dumps(figures).decode()}\n")
    return 1 if any(_faulty(figures) for figures in found) else 0


def _publishes(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from loadtest.release_drill.publish_drill import publish_under_load

    settings = {"REC_GATE_REQUESTS": str(arguments.gate_requests)}
    pace = (arguments.publishes, arguments.rate_per_s, arguments.pause_s)
    return [publish_under_load(_source(arguments), arguments.out, *pace, settings)]


def _corruptions(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from loadtest.release_drill.corruption_drill import refuse_all, refuse_while_serving

    source = _source(arguments)
    return [*refuse_all(source, arguments.seeds), *refuse_while_serving(source, arguments.out)]


def _kills(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from loadtest.release_drill.kill_drill import kill_everywhere, kill_services
    from loadtest.release_drill.variants import nudged, write_variant

    source = _source(arguments)
    rows = kill_everywhere(source, arguments.loads)
    other = write_variant(source, arguments.out / "releases", nudged(1)).path
    return [*rows, kill_services(source, other, arguments.out, arguments.services)]


def _items(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from loadtest.release_drill.item_drill import post_items

    return [post_items(_source(arguments), arguments.out, arguments.posts)]


def _gate(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from loadtest.release_drill.gate_drill import PastRequests, judge_pairs, judge_plants, small_world, train_seeds
    from service.quality_gate import QualityGate
    from service.settings import Settings

    gate, dataset = QualityGate(Settings.model_validate({"release_root": arguments.out})), small_world()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    paths = train_seeds(dataset, arguments.out, seeds)
    past = PastRequests(dataset)
    return [
        judge_pairs(past, paths, gate, arguments.requests),
        *judge_plants(past, paths, gate, arguments.requests),
    ]


def _source(arguments: argparse.Namespace) -> Path:
    from model.release import current_release

    return current_release(arguments.root)


def _faulty(figures: Mapping[str, Any]) -> bool:
    """Whether a row tells of a promise that was not kept."""
    if "class" in figures:
        return bool(figures["right"] is False or figures["right"] != figures.get("tried", True))
    if "plant" in figures:
        caught = figures.get("caught", figures["publishes"])
        return bool(
            caught < figures["publishes"] or sum(figures.get("refused", {}).values()) > figures["publishes"] / 100
        )
    return bool(figures.get("faults") or figures.get("failed") or figures.get("mixed") or figures.get("refused"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.release_drill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="drill", required=True)
    drills = {name: commands.add_parser(name) for name in ("publishes", "corruptions", "kills", "items", "gate")}
    for name, command in drills.items():
        command.add_argument("--out", type=Path, required=True, help="folder for rows.jsonl, logs and what is trained")
        if name != "gate":
            command.add_argument("--root", type=Path, required=True, help="folder of releases; the current one is used")
    drills["publishes"].add_argument("--publishes", type=int, default=1_000)
    drills["publishes"].add_argument("--rate-per-s", type=float, default=50.0, help="requests, at Poisson moments")
    drills["publishes"].add_argument("--pause-s", type=float, default=1.0, help="between a swap and the next publish")
    drills["publishes"].add_argument("--gate-requests", type=int, default=64, help="REC_GATE_REQUESTS of the service")
    drills["corruptions"].add_argument("--seeds", type=int, default=20)
    drills["kills"].add_argument("--loads", type=int, default=50, help="most kills during loads")
    drills["kills"].add_argument("--services", type=int, default=10, help="kills of running services")
    drills["items"].add_argument("--posts", type=int, default=10, help="items, one after the other")
    drills["gate"].add_argument("--seeds", type=int, default=11, help="releases, each after every other")
    drills["gate"].add_argument("--first-seed", type=int, default=0, help="not one that a limit was chosen on")
    drills["gate"].add_argument("--requests", type=int, default=100, help="recent requests that are judged on")
    return parser


if __name__ == "__main__":
    sys.exit(main())
