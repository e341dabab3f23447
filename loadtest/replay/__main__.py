"""Offline comparison of policies: python -m loadtest.replay --log LOG --policy POLICY --out DIR.

POLICY is uniform, uniform:N, arm:NAME or a file of probabilities. exposures.py holds the schema of logs, policy_file.py
that of policies. Writes report.json and report.html; exit status 2 where nothing could be compared.
"""

import argparse
import logging
import sys
from dataclasses import asdict
from pathlib import Path

from loadtest.replay.estimators import DEFAULT_CLIP, ESTIMATORS
from loadtest.replay.evaluation import Choices, evaluate, shares_of
from loadtest.replay.intervals import DRAWS
from loadtest.replay.log import LogFile
from loadtest.replay.policy import Arm
from loadtest.replay.policy_file import parse_policy
from loadtest.replay.report import write_report

logger = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        choices = Choices(
            estimator=arguments.estimator,
            clip=arguments.clip,
            max_reward=arguments.max_reward,
            margin=arguments.margin,
            peeking=arguments.peeking,
            shares=shares_of(arguments.share) or None,
            draws=arguments.draws,
            seed=arguments.seed,
        )
        baseline = None if arguments.baseline == "logged" else parse_policy(arguments.baseline)
        if baseline is not None and not isinstance(baseline, Arm):
            raise ValueError(f"expected a baseline of logged or arm:NAME, got {arguments.baseline!r}")
        log = LogFile(arguments.log, max_reward=choices.max_reward)
        found = evaluate(log, parse_policy(arguments.policy), baseline, choices, quiet=False)
        about = {"log": log.name, "log_sha256": log.sha256(), "choices": asdict(choices)}
        write_report(found, about, arguments.out)
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(f"{found.verdict.outcome}: {'; '.join(found.verdict.reasons)}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.replay", description=__doc__)
    parser.add_argument("--log", type=Path, required=True, help="exposures, .jsonl or .parquet")
    parser.add_argument("--policy", required=True, help="uniform, uniform:N, arm:NAME or a file of probabilities")
    parser.add_argument("--baseline", default="logged", help="logged (default: all rows as they are) or arm:NAME")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--estimator", choices=list(ESTIMATORS), help="of the verdict; default: snips, of an arm mean")
    parser.add_argument("--clip", type=float, default=DEFAULT_CLIP, help="largest weight of clipped_ips")
    parser.add_argument("--max-reward", type=float, default=1.0)
    parser.add_argument("--margin", type=float, default=0.02, help="share of the baseline that is no difference")
    parser.add_argument("--peeking", action="store_true", help="the verdict takes the anytime-valid interval")
    parser.add_argument("--share", action="append", default=[], metavar="ARM=SHARE", help="meant share of an arm")
    parser.add_argument("--draws", type=int, default=DRAWS, help="resamples of the bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
