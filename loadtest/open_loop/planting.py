"""Planting: histories for the users of a run, stored through the service's own POST /events."""

import random
import time
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from loadtest.open_loop.target import Target
from loadtest.open_loop.traffic import EVENTS_PATH, Habits
from loadtest.open_loop.vocabulary import Vocabulary

BATCH_EVENTS = 1_000
SPACING_S = 300
# The newest planted event lies so far back that events of the run come behind it.
PAST_S = 3_600


def plant(target: Target, vocabulary: Vocabulary, habits: Habits, *, users: int, events: int, seed: int) -> int:
    """Store `events` past events for each of the most active `users`; how many the service had not known before.

    The same users, events and seed give the same event ids, so planting again changes nothing.
    """
    accepted = 0
    with tqdm(total=users * events, desc="planting", unit="event", mininterval=0.5, disable=None) as bar:
        for batch in _batches(vocabulary, habits, users, events, seed):
            accepted += target.ask(EVENTS_PATH, {"events": batch})["accepted"]
            bar.update(len(batch))
    return accepted


def _batches(
    vocabulary: Vocabulary, habits: Habits, users: int, events: int, seed: int
) -> Iterator[list[dict[str, Any]]]:
    newest_s = int(time.time()) - PAST_S
    batch: list[dict[str, Any]] = []
    for rank in range(users):
        user_id = habits.user_id(rank)
        items = random.Random(f"{seed}-{rank}").choices(vocabulary.item_ids, k=events)
        for place, item_id in enumerate(items):
            batch.append(
                {
                    "event_id": f"{user_id}-{seed}-{place}",
                    "user_id": user_id,
                    "item_id": item_id,
                    "event_time_s": newest_s - SPACING_S * (events - place),
                }
            )
            if len(batch) == BATCH_EVENTS:
                yield batch
                batch = []
    if batch:
        yield batch
