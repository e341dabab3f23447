"""Batch: what the model thread does for the jobs of one batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from model.climber_pilot.inference import RetrievalRequest
from model.climber_pilot.user_state import UserState
from service.history import UsedHistory
from service.releases import ServedRelease
from service.state_cache import CachedUser


@dataclass(slots=True, eq=False)
class Job:
    """One waiting request, or with `asked` None a user's state wanted for its own sake.

    previous: the state known of the user when the batch begins, of this history or of another.
    state: the one computed, or the one that `asked` carries.
    outcome: candidates per condition, or the exception that came instead.
    """

    served: ServedRelease
    asked: RetrievalRequest | None
    history: UsedHistory
    user: CachedUser
    arrived_s: float
    future: asyncio.Future
    previous: UserState | None = None
    state: UserState | None = None
    outcome: Any = None

    @property
    def is_warm(self) -> bool:
        """Whether the request came with the state of its history."""
        return self.asked is not None and self.asked.state is not None


def compute(batch: Sequence[Job]) -> bool:
    """Fill in states and outcomes, jobs of one release; a failing batch is done again one by one, and True said.

    So whoever makes the model fail does so alone.
    """
    try:
        _encode(batch)
        _retrieve(batch)
    except Exception as error:
        if len(batch) == 1:
            batch[0].outcome = error
            return False
        for job in batch:
            compute([job])
        return True
    return False


def _encode(batch: Sequence[Job]) -> None:
    """States of the jobs that have none: one pass for all, each history once."""
    wanted: dict[int, list[Job]] = {}
    for job in batch:
        if job.asked is not None and job.asked.state is not None:
            job.state = job.asked.state
        elif job.state is None:
            wanted.setdefault(id(job.history), []).append(job)
    if not wanted:
        return
    first = [jobs[0] for jobs in wanted.values()]
    retriever = first[0].served.retriever
    states = retriever.states([job.history.past for job in first], [job.previous for job in first])
    for jobs, state in zip(wanted.values(), states, strict=True):
        for job in jobs:
            job.state = state


def _retrieve(batch: Sequence[Job]) -> None:
    asking = [job for job in batch if job.asked is not None]
    if not asking:
        return
    requests = [
        job.asked if job.asked.state is not None else replace(job.asked, state=job.state)
        for job in asking
        if job.asked is not None
    ]
    answers = asking[0].served.retriever.retrieve(requests)
    for job, candidates in zip(asking, answers, strict=True):
        job.outcome = candidates
