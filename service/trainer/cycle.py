"""Cycle: the stages of a job, one after the other, each until its result is on disk; a killed one is gone on with."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.trainer.journal import Journal

PUBLISHED, GIVEN_UP, WORSE, UNCHANGED = "published", "given_up", "worse", "unchanged"
# Of a cycle that said all there is to say of what it was given.
SETTLED = (PUBLISHED, WORSE, UNCHANGED)
WORK = "work"
Stage = Callable[[Path, Journal], Mapping[str, Any]]
"""Works in a folder of the cycle's own, which may hold what a killed attempt has left; returns facts for the journal.

Begun again after a kill it must come to the same result.
"""
logger = logging.getLogger("service.trainer.cycle")


class CycleOverError(Exception):
    """A stage has found that the cycle leads nowhere; `outcome` is a stable word for why, `facts` go to the journal."""

    def __init__(self, outcome: str, **facts: Any) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.facts = facts


def run_cycle(folder: Path, stages: Mapping[str, Stage], max_attempts: int) -> str:
    """Go on with the cycle under way, or run a new one, to its end; its outcome.

    What a stage raises but CycleOverError goes to the caller, who may call again; after max_attempts in one stage the
    cycle is given up.
    """
    journal = Journal(folder, list(stages))
    work = folder / WORK
    if journal.cycle is None:
        shutil.rmtree(work, ignore_errors=True)
        journal.begin(f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    outcome, facts = PUBLISHED, dict[str, Any]()
    while journal.stage is not None:
        try:
            _do(journal, stages[journal.stage], work, max_attempts)
        except CycleOverError as over:
            outcome, facts = over.outcome, over.facts
            break
    cycle, seconds = journal.cycle, sum(journal.seconds.values())
    journal.end(outcome, facts)
    shutil.rmtree(work, ignore_errors=True)
    logger.info("cycle_ended", extra={"cycle": cycle, "outcome": outcome, "seconds": round(seconds, 1)})
    return outcome


def check_changed(journal: Journal, **facts: Any) -> None:
    """CycleOverError `unchanged` where the cycle before came to an end with these very facts, which stay on record."""
    last = journal.last
    if last is not None and last["outcome"] in SETTLED and facts.items() <= last["facts"].items():
        raise CycleOverError(UNCHANGED, **last["facts"])


def sweep_cycle(folder: Path) -> None:
    """Remove what a cycle killed at its very end has left."""
    if Journal(folder, ()).cycle is None:
        shutil.rmtree(folder / WORK, ignore_errors=True)


def _do(journal: Journal, stage: Stage, work: Path, max_attempts: int) -> None:
    attempts = journal.attempt()
    fields = {"cycle": journal.cycle, "stage": journal.stage, "attempts": attempts}
    if attempts >= max_attempts:
        logger.error("cycle_given_up", extra=fields)
        raise CycleOverError(GIVEN_UP)
    logger.info("stage_begun", extra=fields)
    work.mkdir(exist_ok=True)
    started_s = time.monotonic()
    facts = stage(work, journal)
    journal.leave(time.monotonic() - started_s, facts)
    logger.info("stage_done", extra={**fields, "seconds": round(time.monotonic() - started_s, 2), "facts": facts})
