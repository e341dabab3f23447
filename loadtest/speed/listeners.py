"""Listeners: simulated users with histories, and the questions that are asked for them."""

import json
import random
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.catalogue import Catalogue
from model.climber_pilot.inference import CATALOGUE_FILE
from model.release import current_release

NUM_LISTENERS = 64
FIRST_EVENT_S = 1_735_689_600
EVENT_GAP_S = 300
QUESTIONS_PER_LISTENER = 8
EVENTS_PER_POST = 1_000
TOP_K = 50
PLANT_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Listeners:
    """Users 0..U-1 of one history length; everything follows from the seed, so every server is asked the same."""

    item_ids: Sequence[str]
    values: Sequence[str]
    attribute: str
    history_events: int
    number: int = NUM_LISTENERS
    seed: int = 0

    @classmethod
    def of_release(cls, root: Path, history_events: int, number: int = NUM_LISTENERS) -> "Listeners":
        """Listeners to the items of the release in force, who instruct by its first instructable attribute.

        Raises ValueError where the release has none.
        """
        folder = current_release(root)
        facts = json.loads((folder / "manifest.json").read_text())["facts"]
        if not facts["instructable"]:
            raise ValueError(f"expected a release with an instructable attribute in {root}, found none")
        catalogue = Catalogue.load(folder / CATALOGUE_FILE)
        attribute = facts["instructable"][0]
        return cls(catalogue.item_ids, catalogue.attributes[attribute].values, attribute, history_events, number)

    def user_id(self, user: int) -> str:
        """Unlike that of any other history length or seed."""
        return f"listener-{self.history_events}-{self.seed}-{user}"

    def history(self, user: int) -> list[dict[str, Any]]:
        """Distinct items, evenly spaced in time, as the body of a request carries them."""
        draw = random.Random(f"history {self.seed} {self.history_events} {user}")
        items = draw.sample(range(len(self.item_ids)), min(self.history_events, len(self.item_ids)))
        return [
            {"item_id": self.item_ids[row], "event_time_s": FIRST_EVENT_S + EVENT_GAP_S * age}
            for age, row in enumerate(items)
        ]

    def questions(self, num_conditions: int, *, history_in_body: bool = False) -> list[dict[str, Any]]:
        """Bodies of POST /recommend: every listener in turn, so that the first U of them reach every listener once."""
        if num_conditions > len(self.values):
            raise ValueError(
                f"expected at most {len(self.values)} conditions on {self.attribute}, got {num_conditions}"
            )
        draw = random.Random(f"questions {self.seed} {num_conditions}")
        histories = [self.history(user) for user in range(self.number)] if history_in_body else []
        asked = []
        for _ in range(QUESTIONS_PER_LISTENER):
            for user in range(self.number):
                body: dict[str, Any] = {"history": histories[user]} if histories else {"user_id": self.user_id(user)}
                chosen = draw.sample(self.values, num_conditions)
                body["instructions"] = [{"where": {self.attribute: {"any": [value]}}} for value in chosen]
                body["k"] = TOP_K
                body["request_time_s"] = FIRST_EVENT_S + EVENT_GAP_S * self.history_events
                asked.append(body)
        return asked

    def plant(self, address: str) -> None:
        """Send every history to POST /events; raises OSError where the service refuses."""
        for user in range(self.number):
            events = [
                {"event_id": f"{self.user_id(user)}-{age}", "user_id": self.user_id(user), **event}
                for age, event in enumerate(self.history(user))
            ]
            for start in range(0, len(events), EVENTS_PER_POST):
                _post(f"{address}/events", {"events": events[start : start + EVENTS_PER_POST]})


def _post(url: str, body: dict[str, Any]) -> None:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=PLANT_TIMEOUT_S) as answer:
        answer.read()
