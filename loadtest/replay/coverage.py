"""Do the intervals hold? python -m loadtest.replay.coverage --logs 1000 --out rows.jsonl.

Simulated logs with known truth: how often intervals cover it, how often equal arms are called better, what planted
mismatches and missing support lead to. Appends one row per question; exit status 1 where a promise is broken.
"""

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from loadtest.replay.anytime import clustered_sequence
from loadtest.replay.assignment import Assignment
from loadtest.replay.evaluation import Choices, Evaluation, evaluate
from loadtest.replay.exposures import Exposures
from loadtest.replay.intervals import Interval
from loadtest.replay.log import HeldLog
from loadtest.replay.policy import Arm
from loadtest.replay.side import Side
from loadtest.replay.simulation import SLATE_LENGTH, World, simulate, world
from loadtest.replay.verdict import Outcome

BOUNDS = (0.93, 0.97)
UNBIASED = ("ips", "snips", "dr", "slate_ips", "slate_iips", "slate_rips", "slate_pi", "slate_reciprocal_rank")
EQUAL, UNEQUAL = {"control": 0.5, "treatment": 0.5}, {"control": 0.52, "treatment": 0.48}
MISMATCH_USERS, NUM_LOOKS, LEAST_USERS = 40_000, 100, 100


def truth(made: World, estimator: str) -> float:
    """The true value that an estimator of the target is after."""
    if estimator == "slate_reciprocal_rank":
        return made.target_ranked_value
    return made.target_value * (SLATE_LENGTH if estimator.startswith("slate") else 1)


def covering(made: World, found: Evaluation) -> dict[str, bool]:
    """Interval -> whether it holds the truth."""
    holds = {name: covers(found.values[name], truth(made, name)) for name in UNBIASED}
    difference = made.target_value - made.logging_value
    holds["snips - mean"] = covers(found.differences["snips"], difference)
    holds["anytime, ips"] = covers(found.anytime["policy"], made.target_value)
    holds["anytime, snips - mean"] = covers(found.anytime["difference"], difference)
    return holds


def covers(interval: Interval, value: float) -> bool:
    return interval.low <= value <= interval.high


def covered(seed: int) -> dict[str, bool]:
    """One log of one world."""
    made = world(seed)
    return covering(made, evaluate(HeldLog(simulate(made, seed)), made.policy()))


def watched(seed: int) -> dict[str, bool]:
    """Whether the anytime-valid intervals hold the truth at every one of the looks at a growing log."""
    made = world(seed)
    frame = simulate(made, seed)
    ours, theirs, assignment = Side(made.policy()), Side(None), Assignment()
    holds = {"policy": True, "difference": True}
    edges = np.linspace(0, len(frame) // SLATE_LENGTH, NUM_LOOKS + 1).astype(int) * SLATE_LENGTH
    for first, last in pairwise(edges.tolist()):
        exposures = Exposures(frame[first:last])
        assignment.add(exposures)
        for side in (ours, theirs):
            side.add(exposures, None)
        holds["policy"] &= covers(ours.sequence.interval(), made.target_value)
        users = assignment.num_users()
        if users >= LEAST_USERS:
            difference = clustered_sequence(users, ours.fraction("snips"), theirs.baseline("snips"))
            holds["difference"] &= covers(difference, made.target_value - made.logging_value)
    return holds


def outcome(seed: int, **changes: Any) -> Outcome:
    """The verdict on two arms of a simulated log, of equal policies unless an effect is among the changes."""
    told: dict[str, Any] = {"arms": EQUAL, **changes}
    frame = simulate(world(seed), seed, **told)
    return evaluate(HeldLog(frame), Arm("treatment"), Arm("control"), Choices(shares=EQUAL)).verdict.outcome


def unsupported(seed: int) -> Outcome:
    """The verdict where the log never shows what the policy prefers."""
    made = world(seed, support=False)
    return evaluate(HeldLog(simulate(made, seed)), made.policy()).verdict.outcome


def row(what: str, answers: list[bool], low: float, high: float = 1.0) -> dict[str, Any]:
    """One question: the share of logs that answered yes, and whether it lies where it was promised."""
    share = sum(answers) / len(answers)
    return {"what": what, "logs": len(answers), "share": share, "holds": low <= share <= high}


def interval_rows(logs: int) -> list[dict[str, Any]]:
    """Do intervals hold the truth: once per log, and the anytime-valid ones at every look."""
    fixed = [covered(seed) for seed in tqdm(range(logs), desc="intervals")]
    rows = []
    for name in fixed[0]:
        bounds = (0.95, 1.0) if name.startswith("anytime") else BOUNDS
        rows.append(row(f"coverage, {name}", [one[name] for one in fixed], *bounds))
    looks = [watched(seed) for seed in tqdm(range(logs), desc="looks")]
    for name in looks[0]:
        rows.append(row(f"coverage at all of {NUM_LOOKS} looks, {name}", [one[name] for one in looks], 0.95))
    return rows


def verdict_rows(logs: int) -> list[dict[str, Any]]:
    """Are verdicts right where the right one is known."""
    never = Outcome.NOT_ENOUGH_EVIDENCE
    equal = [outcome(seed) == Outcome.BETTER for seed in tqdm(range(logs), desc="equal arms")]
    mixed = {"arms": UNEQUAL, "effect": 0.1, "num_users": MISMATCH_USERS}
    found = [outcome(seed, **mixed) == never for seed in tqdm(range(max(logs // 20, 1)), desc="mismatch")]
    hidden = [unsupported(seed) == never for seed in tqdm(range(logs), desc="no support")]
    return [
        row("equal arms called better", equal, 0.0, 0.05),
        row(f"52/48 of {MISMATCH_USERS} users: not enough evidence", found, 1.0),
        row("no support: not enough evidence", hidden, 1.0),
    ]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.replay.coverage", description=__doc__)
    parser.add_argument("--logs", type=int, default=1_000)
    parser.add_argument("--out", type=Path, required=True, help="rows are appended here")
    arguments = parser.parse_args(argv)
    if arguments.logs < 1:
        parser.error(f"expected at least 1 log, got {arguments.logs}")
    rows = interval_rows(arguments.logs) + verdict_rows(arguments.logs)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in rows)
    for one in rows:
        sys.stdout.write(f"{one['what']}: {one['share']:.3f} of {one['logs']}{'' if one['holds'] else ' BROKEN'}\n")
    return 0 if all(one["holds"] for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
