"""Requests to replay: python -m loadtest.replay.capture exposures|questions ... --out FILE.

exposures: what a service was asked, from its log, each with the history that its user's events had made by then.
Requests that excluded items or brought a history of their own are left out: neither is logged. questions: what held-out
listeners are asked to compare served with evaluated.
"""

import argparse
import json
import logging
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl
from redis.exceptions import RedisError

from loadtest.questions import Questions, held_out_questions
from loadtest.replay.streams import read_events, read_requests
from model.climber_pilot.checkpoint import load_checkpoint
from model.datasets.registry import load_dataset

MAX_EVENTS = 1_000
"""As many as a service stores of a user, by default: older ones had no part in its answer."""
logger = logging.getLogger(__name__)


def captured(requests: pl.DataFrame, events: pl.DataFrame, max_events: int = MAX_EVENTS) -> Iterator[dict[str, Any]]:
    """A body with its request_id per logged request that can be asked again.

    requests: [streams.REQUESTS]; events: [streams.EVENTS]; max_events: the newest of a history.
    """
    of_user: dict[str, list[tuple[int, str, str | None]]] = {}
    ordered = events.sort("event_time_s", maintain_order=True)
    for user_id, *event in ordered.select("user_id", "event_time_s", "item_id", "request_id").rows():
        of_user.setdefault(user_id, []).append(tuple(event))
    known_all = (pl.col("excluded") == 0) & pl.col("history_source").is_in(["store", "none"])
    for row in requests.filter(known_all).iter_rows(named=True):
        known = of_user.get(row["user_id"], [])
        before = known[: bisect_left(known, int(row["time_s"]) + 1, key=itemgetter(0))][-max_events:]
        # What the answer led to came after it, though it may bear the same second.
        history = [
            {"item_id": item_id, "event_time_s": time_s}
            for time_s, item_id, led_to_by in before
            if led_to_by != row["request_id"]
        ]
        quotas = None if row["grouped"] else row["quotas"]
        instructions = [
            {"name": one["name"], "where": one["where"]} | ({"quota": quotas[place]} if quotas else {})
            for place, one in enumerate(json.loads(row["instructions"]))
        ]
        time_s = int(row["time_s"]) if row["request_time_s"] is None else row["request_time_s"]
        yield {
            "request_id": row["request_id"],
            "history": history,
            "instructions": instructions,
            "k": row["k"],
            "mode": row["mode"],
            "exclude_seen": row["exclude_seen"],
            "group_by_instruction": row["grouped"],
            "request_time_s": time_s,
        }


def bodies_of(asked: Sequence[Questions], top_k: int) -> Iterator[dict[str, Any]]:
    """A body with a request_id per question."""
    for kind, questions in enumerate(asked):
        for number in range(len(questions)):
            yield {"request_id": f"question-{kind}-{number}", **questions.body(number, top_k)}


def _questions(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    checkpoint = load_checkpoint(arguments.checkpoint)
    dataset = load_dataset(arguments.dataset, arguments.data_dir)
    return bodies_of(held_out_questions(checkpoint, dataset, arguments.attribute, arguments.users), arguments.k)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.replay.capture", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    logged = commands.add_parser("exposures", help="from the log of a service")
    logged.add_argument("--exposures", required=True, help="redis:// address, .parquet file or folder")
    logged.add_argument("--events", required=True, help="redis:// address, .parquet file or folder")
    logged.add_argument("--newest", type=int, help="at most so many requests, the newest")
    asked = commands.add_parser("questions", help="from held-out listeners")
    asked.add_argument("--checkpoint", type=Path, required=True)
    asked.add_argument("--dataset", required=True)
    asked.add_argument("--data-dir", type=Path)
    asked.add_argument("--attribute", required=True, help="whose true value is the instruction")
    asked.add_argument("--users", type=int, default=1_000)
    asked.add_argument("--k", type=int, default=50)
    for command in (logged, asked):
        command.add_argument("--out", type=Path, required=True, help="JSON lines")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if arguments.command == "exposures":
            requests = read_requests(arguments.exposures)
            requests = requests if arguments.newest is None else requests.tail(arguments.newest)
            bodies = captured(requests, read_events(arguments.events))
        else:
            bodies = _questions(arguments)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("w") as file:
            number = 0
            for body in bodies:
                file.write(json.dumps(body) + "\n")
                number += 1
    except (ValueError, OSError, RedisError, pl.exceptions.PolarsError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(f"{number} requests\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
