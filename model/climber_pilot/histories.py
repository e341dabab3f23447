"""Histories: every user's events as flat arrays, and the leave-one-out split of them."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.catalogue import Catalogue
from model.datasets.dataset import Dataset


@dataclass(frozen=True)
class Histories:
    """U users' events, oldest first.

    offsets: [U + 1]; rows, time_s: [E]; novel: bool [E], the user's first event with that item.
    has_times: False where the source has an order but no time (time_s is then 0).
    """

    user_ids: list[str]
    offsets: np.ndarray
    rows: np.ndarray
    time_s: np.ndarray
    novel: np.ndarray
    has_times: bool

    def __len__(self) -> int:
        return len(self.user_ids)

    @classmethod
    def of(cls, dataset: Dataset, catalogue: Catalogue) -> "Histories":
        """The interactions as arrays; raises ValueError on an item that the catalogue lacks."""
        events = dataset.interactions
        rows = np.array([catalogue.row_of.get(item_id, -1) for item_id in events["item_id"].to_list()], dtype=np.int64)
        if (rows < 0).any():
            unknown = events["item_id"][int(np.argmax(rows < 0))]
            raise ValueError(f"expected interactions with items of the catalogue, got {unknown!r}")
        users = events["user_id"].to_list()
        starts = [i for i in range(len(users)) if i == 0 or users[i] != users[i - 1]]
        user_ids = [users[i] for i in starts]
        if len(set(user_ids)) != len(user_ids):
            raise ValueError("expected interactions sorted by user, got a user in two places")
        offsets = np.array([*starts, len(users)], dtype=np.int64)
        has_times = not events["event_time_s"].has_nulls()
        time_s = events["event_time_s"].fill_null(0).to_numpy() if has_times else np.zeros(len(rows), dtype=np.int64)
        user_of_event = np.repeat(np.arange(len(user_ids)), np.diff(offsets))
        _, first = np.unique(user_of_event * max(1, len(catalogue)) + rows, return_index=True)
        novel = np.zeros(len(rows), dtype=bool)
        novel[first] = True
        return cls(user_ids, offsets, rows, time_s.astype(np.int64), novel, has_times)


@dataclass(frozen=True)
class Targets:
    """Held-out events: event [T] in the flat arrays; its history is everything from start [T] up to it."""

    start: np.ndarray
    event: np.ndarray

    def __len__(self) -> int:
        return len(self.event)

    def sample(self, at_most: int, seed: int) -> "Targets":
        """A seeded subset, in order."""
        if len(self) <= at_most:
            return self
        chosen = np.sort(np.random.default_rng(seed).choice(len(self), at_most, replace=False))
        return Targets(self.start[chosen], self.event[chosen])


@dataclass(frozen=True)
class Split:
    """Who is trained on up to where, and what is predicted.

    train_stop: [U], the flat end of each user's training events. validation, test: one target per trained user with
    enough events. unseen: the test targets of users kept out of training; unseen_start, unseen_stop: their events.
    """

    histories: Histories
    train_stop: np.ndarray
    validation: Targets
    test: Targets
    unseen: Targets
    unseen_start: np.ndarray
    unseen_stop: np.ndarray


def leave_one_out(histories: Histories, targets: Literal["novel", "all"], held_out_user_share: float = 0.0) -> Split:
    """Last target event = test, the one before = validation, everything earlier = training.

    With targets "novel" only events with a new item count as targets: items seen before are removed from the ranking
    and could never be hit. Users with fewer than three such events are trained on whole and not evaluated.
    held_out_user_share of the users, chosen by a hash of their id, are not trained on at all.
    """
    train_stop = histories.offsets[1:].copy()
    held_out = np.array([_hash_share(user_id) < held_out_user_share for user_id in histories.user_ids], dtype=bool)
    start, validation, test, unseen = [], [], [], []
    for user in range(len(histories)):
        first, stop = histories.offsets[user], histories.offsets[user + 1]
        if held_out[user]:
            train_stop[user] = first
        candidates = (
            first + np.flatnonzero(histories.novel[first:stop]) if targets == "novel" else np.arange(first, stop)
        )
        if len(candidates) < 3:
            continue
        if held_out[user]:
            unseen.append((first, candidates[-1]))
            continue
        start.append(first)
        validation.append(candidates[-2])
        test.append(candidates[-1])
        train_stop[user] = candidates[-2]
    starts = np.array(start, dtype=np.int64)
    unseen_pairs = np.array(unseen, dtype=np.int64).reshape(-1, 2)
    return Split(
        histories,
        train_stop,
        Targets(starts, np.array(validation, dtype=np.int64)),
        Targets(starts, np.array(test, dtype=np.int64)),
        Targets(unseen_pairs[:, 0], unseen_pairs[:, 1]),
        histories.offsets[:-1][held_out],
        histories.offsets[1:][held_out],
    )


def _hash_share(user_id: str) -> float:
    """A stable number in [0, 1) per user."""
    return int.from_bytes(hashlib.blake2b(user_id.encode(), digest_size=8).digest(), "big") / 2**64
