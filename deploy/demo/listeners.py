"""Listeners: two users with different tastes, never seen in training where possible, and what to ask for them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.histories import Histories, leave_one_out
from model.datasets.dataset import Dataset

MIN_EVENTS, MAX_EVENTS = 15, 1_000
MIN_CHOICE = 30


@dataclass(frozen=True)
class Listener:
    """One user of the data set; events are (item id, epoch seconds), oldest first."""

    user_id: str
    events: list[tuple[str, int]]
    favourite: str
    unseen: bool

    def history(self) -> list[dict[str, Any]]:
        """The events as the body of a request carries them."""
        return [{"item_id": item_id, "event_time_s": time_s} for item_id, time_s in self.events]

    def ingest(self) -> list[dict[str, Any]]:
        """The events as POST /events takes them."""
        return [
            {"event_id": f"{self.user_id}-{number}", "user_id": self.user_id, **event}
            for number, event in enumerate(self.history())
        ]

    def describe(self) -> str:
        """Who this is, in one line."""
        known = "never seen in training" if self.unseen else "seen in training: this data set holds nobody out"
        return f"{self.user_id} ({len(self.events)} events, mostly {self.favourite}; {known})"


@dataclass(frozen=True)
class Company:
    """Two listeners and the attribute that their instructions are about."""

    attribute: str
    first: Listener
    second: Listener

    def instructions(self) -> list[dict[str, Any]]:
        """One instruction for each listener's favourite value."""
        values = (self.first.favourite, self.second.favourite)
        return [{"name": value, "where": {self.attribute: {"any": [value]}}} for value in values]


def values_of(dataset: Dataset, attribute: str) -> dict[str, frozenset[str]]:
    """Item id -> its values of the attribute, straight from the items table."""
    table = dataset.items.select("item_id", attribute)
    return {item_id: frozenset(values or ()) for item_id, values in table.iter_rows()}


def choose_company(dataset: Dataset, config: ClimberPilotConfig) -> Company:
    """Two listeners with different favourites; raises ValueError where the data set has no such two."""
    attribute = dataset.instructable[0]
    values = values_of(dataset, attribute)
    common = Counter(value for item_values in values.values() for value in item_values)
    histories = Histories.of(dataset, dataset.catalogue())
    split = leave_one_out(histories, config.objective.targets, config.objective.held_out_user_share)
    starts = {int(start) for start in split.unseen_start} or {int(start) for start in histories.offsets[:-1]}
    first: Listener | None = None
    for user, start in enumerate(histories.offsets[:-1].tolist()):
        if start not in starts or not MIN_EVENTS <= histories.offsets[user + 1] - start <= MAX_EVENTS:
            continue
        listener = _listener(dataset, histories, user, values, common, unseen=bool(len(split.unseen_start)))
        if first is None:
            first = listener
        elif listener is not None and listener.favourite != first.favourite:
            return Company(attribute, first, listener)
    raise ValueError(f"expected two listeners with {MIN_EVENTS} or more events and different {attribute}, found none")


def _listener(
    dataset: Dataset,
    histories: Histories,
    user: int,
    values: dict[str, frozenset[str]],
    common: Counter[str],
    *,
    unseen: bool,
) -> Listener | None:
    events = slice(int(histories.offsets[user]), int(histories.offsets[user + 1]))
    item_ids = dataset.interactions["item_id"][events].to_list()
    times_s = np.maximum(histories.time_s[events], 0).tolist()
    heard = Counter(value for item_id in item_ids for value in sorted(values[item_id]) if common[value] >= MIN_CHOICE)
    if not heard:
        return None
    favourite = heard.most_common(1)[0][0]
    return Listener(histories.user_ids[user], list(zip(item_ids, times_s, strict=True)), favourite, unseen)
