"""Exposures and what came of them -> a log: python -m loadtest.replay.join --exposures S --events S --out FILE.

S is the address of the service's Redis, or Parquet. An event rewards the item that was shown by the request whose
request_id it carries, to the same user, where it came within the window; of several the largest reward counts, and an
item shown twice in one request gets it at its first place. What could not be used is counted, not guessed.
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import NamedTuple

import polars as pl
from redis.exceptions import RedisError

from loadtest.replay.exposures import SCHEMA
from loadtest.replay.streams import read_events, read_requests

DAY_S = 86_400.0
# Clients date their events themselves; a clock may be a little behind that of the service.
CLOCK_SLACK_S = 60.0
NO_ARM = "none"
COLUMNS = ("score", "instruction", "source", "mode", "experiment", "meant_arm", "assigned_by", "arm_probability")
"""Beside those of a log, for whoever reads it."""
logger = logging.getLogger(__name__)


class Joined(NamedTuple):
    """The log [SCHEMA and COLUMNS], and how many requests and events went where."""

    log: pl.DataFrame
    counts: dict[str, int]


def join(
    requests: pl.DataFrame,
    events: pl.DataFrame,
    rewards: dict[str, float],
    window_s: float = DAY_S,
    *,
    open_windows: bool = False,
    experiment: str | None = None,
) -> Joined:
    """Join logged requests [streams.REQUESTS] with events [streams.EVENTS]; rewards: event type -> reward.

    open_windows: keep requests whose window had not ended when the newest entry of either log was written.
    experiment: only its requests. Raises ValueError where none is named and there are several.
    """
    counts = {"requests logged": len(requests), "events": len(events)}
    names = requests["experiment"].unique().sort().to_list()
    if experiment is not None:
        requests = requests.filter(pl.col("experiment") == experiment)
        counts["of another experiment"] = counts["requests logged"] - len(requests)
    elif len(names) > 1:
        raise ValueError(f"expected --experiment to name one of {', '.join(str(one) for one in names)}")
    once = requests.filter(pl.col("request_id").is_unique())
    counts["with a request_id that came twice"] = len(requests) - len(once)
    newest_s = max(_newest(requests["time_s"]), _newest(events["event_time_s"]))
    closed = once if open_windows else once.filter(pl.col("time_s") + window_s <= newest_s)
    counts["whose window is open still"] = len(once) - len(closed)
    log = exposures_of(closed.filter(pl.col("items").list.len() > 0))
    earning = events.filter(pl.col("type").is_in(list(rewards)))
    earned = rewards_of(log, earning, rewards, window_s)
    counts |= {
        "requests in the log": log["request_id"].n_unique(),
        "exposures in the log": len(log),
        "events that could reward": len(earning),
        "of them without request_id": earning["request_id"].null_count(),
        "rewarded exposures": len(earned),
    }
    log = log.join(earned, on=["request_id", "position"], how="left", maintain_order="left")
    log = log.with_columns(pl.col("reward").fill_null(0.0))
    return Joined(log.select(*(name for name in SCHEMA if name != "context"), *COLUMNS), counts)


def exposures_of(requests: pl.DataFrame) -> pl.DataFrame:
    """One row per item shown, with everything of a log but the reward."""
    columns = ["items", "scores", "instruction", "compliant"]
    number = pl.col("items").list.len()
    drawn = requests.with_columns(
        propensities=pl.coalesce(pl.col("propensities"), pl.lit(1.0).repeat_by(number)),
        candidates=pl.coalesce(pl.col("candidates"), pl.lit(None, dtype=pl.Int64).repeat_by(number)),
        position=pl.int_ranges(1, number + 1, dtype=pl.Int64),
        anonymous=pl.col("user_id").is_null(),
        user_id=pl.coalesce(pl.col("user_id"), "request:" + pl.col("request_id")),
        arm=pl.col("arm").fill_null(NO_ARM),
    )
    rows = drawn.explode([*columns, "propensities", "candidates", "position"])
    return rows.rename({"items": "item_id", "scores": "score", "propensities": "propensity"}).with_columns(
        pl.col("compliant").cast(pl.Float64)
    )


def rewards_of(log: pl.DataFrame, events: pl.DataFrame, rewards: dict[str, float], window_s: float) -> pl.DataFrame:
    """request_id, position and reward of every exposure that an event of these types rewards."""
    earning = events.with_columns(reward=pl.col("type").replace_strict(rewards, default=None, return_dtype=pl.Float64))
    # The rows of a request stand in the order of their positions, so the first is the highest place of an item.
    shown = log.unique(["request_id", "item_id"], keep="first", maintain_order=True)
    shown = shown.select("request_id", "item_id", "position", "time_s", "user_id", "anonymous")
    matched = shown.join(earning, on=["request_id", "item_id"], how="inner", suffix="_of_event")
    in_time = (pl.col("event_time_s") - pl.col("time_s")).is_between(-CLOCK_SLACK_S, window_s)
    own = pl.col("anonymous") | (pl.col("user_id") == pl.col("user_id_of_event"))
    return matched.filter(in_time & own).group_by("request_id", "position").agg(pl.col("reward").max())


def parse_rewards(words: list[str]) -> dict[str, float]:
    """Rewards from words like play=1. Raises ValueError for other words."""
    found = {}
    for word in words:
        kind, _, reward = word.rpartition("=")
        try:
            found[kind] = float(reward)
        except ValueError:
            raise ValueError(f"expected TYPE=REWARD like play=1, got {word!r}") from None
        if not kind or not 0 <= found[kind] < float("inf"):
            raise ValueError(f"expected TYPE=REWARD with a reward of at least 0, got {word!r}")
    return found


def _newest(times_s: pl.Series) -> float:
    return float(times_s.to_numpy().max(initial=0.0))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.replay.join", description=__doc__)
    parser.add_argument("--exposures", required=True, help="redis:// address, .parquet file or folder")
    parser.add_argument("--events", required=True, help="redis:// address, .parquet file or folder")
    parser.add_argument("--reward", action="append", metavar="TYPE=REWARD", help="of an event type; default: play=1")
    parser.add_argument("--window-s", type=float, default=DAY_S, help="how long after the answer an event counts")
    parser.add_argument("--open-windows", action="store_true", help="keep requests whose window has not ended")
    parser.add_argument("--experiment", help="needed where the log holds several")
    parser.add_argument("--out", type=Path, required=True, help="the log, .parquet")
    parser.add_argument("--keep", type=Path, help="folder to archive both streams in, as Parquet")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        rewards = parse_rewards(arguments.reward or ["play=1"])
        requests, events = read_requests(arguments.exposures), read_events(arguments.events)
        if arguments.keep is not None:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            requests.write_parquet(arguments.keep / "exposures.parquet")
            events.write_parquet(arguments.keep / "events.parquet")
        joined = join(
            requests,
            events,
            rewards,
            arguments.window_s,
            open_windows=arguments.open_windows,
            experiment=arguments.experiment,
        )
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        joined.log.write_parquet(arguments.out)
    except (ValueError, OSError, RedisError, pl.exceptions.PolarsError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(json.dumps(joined.counts, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
