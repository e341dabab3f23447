"""Open Bandit sample -> a log and a policy file: python -m loadtest.replay.open_bandit --data FILE --out DIR.

Open Bandit Dataset (Saito, Aihara, Matsutani and Narita, arXiv 2008.07146; ZOZO, Inc., CC BY 4.0): single places of a
fashion shop's slates with their true propensities. The sample holds no user ids, so every row counts as a user of its
own; the policy is how often the other logging policy showed every item at a position.
"""

import argparse
import logging
import sys
from pathlib import Path

import polars as pl

from loadtest.replay.policy import Table

POLICIES = ("random", "bts")
CAMPAIGNS = ("all", "men", "women")
COLUMNS = ("policy", "campaign", "timestamp", "item_id", "position", "click", "propensity_score")

logger = logging.getLogger(__name__)


def read_sample(path: Path, policy: str, campaign: str) -> pl.DataFrame:
    """The exposures of one logging policy in one campaign. Raises ValueError where there are none."""
    rows = pl.read_parquet(path)
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise ValueError(f"{path.name}: expected the columns {', '.join(COLUMNS)}, got none named {missing[0]}")
    rows = rows.filter((pl.col("policy") == policy) & (pl.col("campaign") == campaign))
    if not len(rows):
        raise ValueError(f"{path.name}: expected rows of {policy} in {campaign}, got none")
    number = pl.int_range(pl.len()).cast(pl.String)
    return rows.select(
        request_id=number,
        user_id=number,
        time_s=pl.col("timestamp").dt.epoch("us") / 1e6,
        arm=pl.lit(policy),
        release=pl.lit(f"open-bandit-{campaign}"),
        position=pl.col("position").cast(pl.Int64),
        item_id=pl.col("item_id").cast(pl.String),
        propensity=pl.col("propensity_score").cast(pl.Float64),
        reward=pl.col("click").cast(pl.Float64),
        candidates=pl.col("item_id").n_unique().cast(pl.Int64),
    )


def shown_frequencies(exposures: pl.DataFrame) -> pl.DataFrame:
    """Rows of a policy file: how often every item was shown at a position."""
    counts = exposures.group_by("position", "item_id").len().sort("position", "item_id")
    return counts.select("position", "item_id", probability=pl.col("len") / pl.col("len").sum().over("position"))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.replay.open_bandit", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="impressions.parquet of the sample")
    parser.add_argument("--logged", choices=POLICIES, default="random", help="whose log; the policy is the other's")
    parser.add_argument("--campaign", choices=CAMPAIGNS, default="all")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    (other,) = set(POLICIES) - {arguments.logged}
    try:
        exposures = read_sample(arguments.data, arguments.logged, arguments.campaign)
        policy = shown_frequencies(read_sample(arguments.data, other, arguments.campaign))
        Table(policy, other)
        arguments.out.mkdir(parents=True, exist_ok=True)
        exposures.write_parquet(arguments.out / f"{arguments.logged}.parquet")
        policy.write_parquet(arguments.out / f"{other}-policy.parquet")
    except (ValueError, OSError, pl.exceptions.PolarsError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(f"{arguments.logged}.parquet: {len(exposures)} exposures; {other}-policy.parquet\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
