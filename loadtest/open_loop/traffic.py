"""Traffic: what users ask, action by action; the same actions for the same seed."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, count
from typing import Any

import orjson

from loadtest.open_loop.mix import DEFAULT_MIX, EVENTS, PAGE, PAGE_REQUESTS, instructions_of, known
from loadtest.open_loop.vocabulary import Vocabulary

RECOMMEND_PATH, EVENTS_PATH = "/recommend", "/events"


@dataclass(frozen=True)
class Habits:
    """How users behave.

    users: known ones, the r-th most active of them as active as r ** -zipf. unknown_share: of recommendations, for
    users that nobody has seen. compound_share: of instructions, with a second attribute. prefix: of every user's id.
    """

    mix: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_MIX))
    users: int = 1_000
    zipf: float = 1.0
    unknown_share: float = 0.05
    compound_share: float = 0.2
    k: int = 50
    columns: bool = False
    prefix: str = "load"

    def __post_init__(self) -> None:
        if self.users < 1 or self.k < 1:
            raise ValueError(f"expected at least one user and k of at least 1, got {self.users} and {self.k}")
        for name in ("unknown_share", "compound_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"expected {name} between 0 and 1, got {getattr(self, name)}")
        if not self.mix or not all(known(kind) for kind in self.mix):
            raise ValueError(f"expected kinds of actions with their shares, got {dict(self.mix)}")

    def user_id(self, rank: int) -> str:
        """The id of the rank-th most active user, from 0."""
        return f"{self.prefix}-{rank}"


@dataclass(frozen=True)
class Action:
    """What a user does at one moment: one request, or several at once; each a path and a JSON body."""

    kind: str
    user_id: str
    requests: tuple[tuple[str, bytes], ...]


class Traffic:
    """Draws actions. run: makes event ids and unknown users of this run different from those of any other."""

    def __init__(self, vocabulary: Vocabulary, habits: Habits, seed: int, run: str) -> None:
        self._random = random.Random(seed)
        self._habits, self._run = habits, run
        self._values, self._items = vocabulary.values, vocabulary.item_ids
        self._pairs = vocabulary.pairs
        self._kinds, self._shares = list(habits.mix), list(accumulate(habits.mix.values()))
        self._users = range(habits.users)
        self._activity = list(accumulate((rank + 1) ** -habits.zipf for rank in self._users))
        self._numbers = count()

    def action(self, now_s: float | None = None) -> Action:
        """The next action; now_s: epoch seconds at which it will be taken."""
        kind = self._random.choices(self._kinds, cum_weights=self._shares)[0]
        if kind == EVENTS:
            user_id = self._known_user_id()
            body = self._events(user_id, time.time() if now_s is None else now_s)
            return Action(kind, user_id, ((EVENTS_PATH, body),))
        user_id = self._user_id()
        bodies = [self._question(user_id, instructions_of(kind)) for _ in range(PAGE_REQUESTS if kind == PAGE else 1)]
        return Action(kind, user_id, tuple((RECOMMEND_PATH, orjson.dumps(body)) for body in bodies))

    def _question(self, user_id: str, instructions: int) -> dict[str, Any]:
        body: dict[str, Any] = {"user_id": user_id, "k": self._habits.k}
        if instructions:
            body["instructions"] = [{"where": self._where(*pair)} for pair in self._some_pairs(instructions)]
        return body

    def _some_pairs(self, number: int) -> list[tuple[str, str]]:
        if number <= len(self._pairs):
            return self._random.sample(self._pairs, number)
        return self._random.choices(self._pairs, k=number)

    def _where(self, name: str, value: str) -> dict[str, dict[str, list[str]]]:
        where = {name: {"any": [value]}}
        others = [other for other in self._values if other != name]
        if others and self._random.random() < self._habits.compound_share:
            other = self._random.choice(others)
            where[other] = {"any": [self._random.choice(self._values[other])]}
        return where

    def _events(self, user_id: str, now_s: float) -> bytes:
        event = {
            "event_id": f"{self._run}-{next(self._numbers)}",
            "user_id": user_id,
            "item_id": self._random.choice(self._items),
            "event_time_s": int(now_s),
        }
        return orjson.dumps({"events": [event]})

    def _user_id(self) -> str:
        if self._random.random() < self._habits.unknown_share:
            return f"{self._run}-unknown-{next(self._numbers)}"
        return self._known_user_id()

    def _known_user_id(self) -> str:
        return self._habits.user_id(self._random.choices(self._users, cum_weights=self._activity)[0])
