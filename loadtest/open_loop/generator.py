"""Generator: sends every request of a plan at its moment, whatever the server does, and keeps what came of it."""

import asyncio
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.open_loop.alarm import Alarm
from loadtest.open_loop.connection import Pool
from loadtest.open_loop.mix import requests_per_action
from loadtest.open_loop.records import RECORD, Records
from loadtest.open_loop.schedule import Phase, arrivals
from loadtest.open_loop.target import COLUMNS_TYPE, Target, number_of
from loadtest.open_loop.traffic import Habits, Traffic
from loadtest.open_loop.vocabulary import Vocabulary

EXPIRE_EVERY_S = 0.1


@dataclass(frozen=True)
class Plan:
    """Requests in the order of sending: seconds from the start [R], kind [R], target [R] and bytes of each."""

    times_s: Sequence[float]
    kinds: Sequence[int]
    targets: Sequence[int]
    messages: Sequence[bytes]
    kind_names: tuple[str, ...]


def planned(
    targets: Sequence[Target], vocabulary: Vocabulary, habits: Habits, phases: Sequence[Phase], *, seed: int, run: str
) -> Plan:
    """Draw a run before it starts; the rates of phases are in requests, pages included."""
    per_action = requests_per_action(habits.mix)
    actions = [Phase(phase.rate_per_s / per_action, phase.duration_s) for phase in phases]
    traffic = Traffic(vocabulary, habits, seed, run)
    accept = COLUMNS_TYPE if habits.columns else "application/json"
    names, began_s = tuple(habits.mix), time.time()
    times_s: list[float] = []
    kinds: list[int] = []
    numbers: list[int] = []
    messages: list[bytes] = []
    for due_s in arrivals(actions, np.random.default_rng(seed)).tolist():
        action = traffic.action(began_s + due_s)
        number = number_of(action.user_id, targets)
        for path, body in action.requests:
            times_s.append(due_s)
            kinds.append(names.index(action.kind))
            numbers.append(number)
            messages.append(targets[number].message(path, body, action.user_id, accept))
    return Plan(times_s, kinds, numbers, messages, names)


class Generator:
    """Runs one plan on the running event loop."""

    def __init__(self, targets: Sequence[Target], plan: Plan, *, timeout_s: float) -> None:
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self.pools = [Pool(target, self._loop, self._done, timeout_s) for target in targets]
        size = len(plan.messages)
        self._sent_s, self._done_s = array("d", bytes(8 * size)), array("d", bytes(8 * size))
        self._status, self._retry_after = array("H", bytes(2 * size)), bytearray(size)
        self._answer = bytearray(size)
        self._answers: dict[str, int] = {"": 0}
        self._next = self._under_way = self.most_under_way = 0
        self._start_s = 0.0
        self._finished = asyncio.Event()

    async def run(self, start_s: float) -> Records:
        """Send everything, the first second of the plan being start_s of time.monotonic(); wait for all answers."""
        self._start_s = start_s
        self._alarm = Alarm(self._loop, self._ring)
        try:
            if self._plan.messages:
                self._alarm.set(start_s + self._plan.times_s[0])
                while not self._finished.is_set():
                    for pool in self.pools:
                        pool.expire()
                    await self._wait(EXPIRE_EVERY_S)
        finally:
            self._alarm.close()
            for pool in self.pools:
                pool.close()
        return self._records()

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._finished.wait(), seconds)
        except TimeoutError:
            return

    def _ring(self) -> None:
        # Not the loop's own time: uvloop keeps it in whole milliseconds.
        times_s, targets, messages = self._plan.times_s, self._plan.targets, self._plan.messages
        size = len(messages)
        while self._next < size:
            now_s = time.monotonic() - self._start_s
            number = self._next
            if times_s[number] > now_s:
                self._alarm.set(self._start_s + times_s[number])
                return
            self._next = number + 1
            self._sent_s[number] = now_s
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
            self.pools[targets[number]].send(number, messages[number])

    def _done(self, number: int, status: int, answer: str, retry_after: bool, now_s: float) -> None:
        self._done_s[number] = now_s - self._start_s
        self._status[number] = status
        self._retry_after[number] = retry_after
        self._answer[number] = self._answers.setdefault(answer, min(255, len(self._answers)))
        self._under_way -= 1
        if self._next == len(self._status) and not self._under_way:
            self._finished.set()

    def _records(self) -> Records:
        rows = np.empty(len(self._plan.messages), RECORD)
        rows["intended_s"], rows["kind"] = self._plan.times_s, self._plan.kinds
        rows["sent_s"], rows["done_s"] = self._sent_s, self._done_s
        rows["status"], rows["answer"] = self._status, np.frombuffer(self._answer, np.uint8)
        rows["retry_after"] = np.frombuffer(self._retry_after, np.uint8)
        return Records(rows, self._plan.kind_names, tuple(self._answers))
