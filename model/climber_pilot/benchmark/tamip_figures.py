"""What a run of the TAMIP study keeps: hits summed over groups of users, for every set of events they are counted on.

Sums over groups keep what the table needs - means, intervals, paired differences - without a value per user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.climber_pilot.benchmark.tamip_truth import judge_lists, truth_known
from model.climber_pilot.checkpoint import Checkpoint
from model.climber_pilot.histories import Histories, Split, Targets
from model.climber_pilot.horizon import Ahead, look_ahead, moments, steps_after
from model.climber_pilot.ranking import encode_targets, target_ranks
from model.climber_pilot.user_groups import group_of, sums
from model.datasets.dataset import Dataset
from model.metrics import hits

CUTS = (10, 20, 50)
LIST_LENGTH = 50
Sums = dict[str, list[float]]


@dataclass(frozen=True)
class Study:
    """How lists are judged, the same for every variant.

    interval_s: what counts as "inside the interval" and as not yet logged. steps: t+1 to t+steps. min_history: events
    before a moment of retrieval. moments_per_user: at most so many of every listener kept out of training.
    """

    interval_s: int
    steps: int
    min_history: int
    moments_per_user: int


@dataclass(frozen=True)
class Ranks:
    """Ranks of the test targets by the whole history and by what is logged of it; the lists of listeners kept out."""

    test: np.ndarray
    logged: np.ndarray
    visible: np.ndarray
    at: Targets
    owner: np.ndarray
    ahead: Ahead


def rank_variant(checkpoint: Checkpoint, split: Split, study: Study) -> Ranks:
    """Everything a variant is judged by; to be called in inference mode."""
    model, histories, test = checkpoint.model, split.histories, split.test
    queries, vectors = encode_targets(model, histories, test, None, None)
    ranks = target_ranks(queries, vectors, histories, test)
    logged = logged_history(histories, test, study.interval_s)
    visible = logged.event > logged.start
    judged = Targets(logged.start[visible], logged.event[visible])
    known, _ = encode_targets(model, histories, judged, None, None)
    later = test.event[visible][:, None]
    by_log = look_ahead(lambda block: known[block] @ vectors.T, histories, judged, later, LIST_LENGTH)
    at, listener = moments(
        split.unseen_start,
        split.unseen_stop,
        steps=study.steps,
        min_history=study.min_history,
        per_user=study.moments_per_user,
    )
    if not len(at):
        raise ValueError(f"expected listeners kept out of training with {study.min_history + study.steps} events")
    asked, _ = encode_targets(model, histories, at, None, None)
    ahead = look_ahead(lambda block: asked[block] @ vectors.T, histories, at, steps_after(at, study.steps), LIST_LENGTH)
    owner = users_of(histories, split.unseen_start)[listener]
    return Ranks(ranks, by_log.ranks[:, 0], visible, at, owner, ahead)


def logged_history(histories: Histories, targets: Targets, interval_s: int) -> Targets:
    """The targets' histories up to the last event more than interval_s before the target, the rest not yet logged;
    empty (event = start) where there is none."""
    visible = [
        start + np.searchsorted(histories.time_s[start:event], histories.time_s[event] - interval_s, side="left")
        for start, event in zip(targets.start.tolist(), targets.event.tolist(), strict=True)
    ]
    return Targets(targets.start, np.array(visible, dtype=np.int64))


def users_of(histories: Histories, starts: np.ndarray) -> np.ndarray:
    """The user rows whose events begin at `starts`."""
    return np.searchsorted(histories.offsets, starts, side="left")


def figures_of(ranks: Ranks, dataset: Dataset, split: Split, study: Study) -> dict[str, Any]:
    """The sums by set of events, and how many events each set holds."""
    histories, test = split.histories, split.test
    group = group_of(histories.user_ids)
    of_test = group[users_of(histories, test.start)]
    at_50 = {f"hr@{CUTS[-1]}": hits(ranks.test, CUTS[-1])}
    gap_s = histories.time_s[test.event] - histories.time_s[test.event - 1]
    inside = gap_s <= study.interval_s
    sets = {
        "next": summed({f"hr@{cut}": hits(ranks.test, cut) for cut in CUTS}, of_test),
        "next inside": summed(at_50, of_test, inside),
        "next outside": summed(at_50, of_test, ~inside),
        "next logged": summed({f"hr@{cut}": hits(ranks.logged, cut) for cut in CUTS}, of_test[ranks.visible]),
    }
    if "request_id" in dataset.interactions.columns:
        sets["next same request"] = summed(at_50, of_test, same_request(dataset, test))
    of_moment = group[ranks.owner]
    hit = ranks.ahead.hit(CUTS[-1])
    for step in range(study.steps):
        counted = ranks.ahead.counted[:, step]
        sets[f"t+{step + 1}"] = summed({f"hr@{CUTS[-1]}": hit[:, step]}, of_moment, counted)
    if truth_known(dataset):
        sets["truth"] = summed(judge_lists(dataset, histories, ranks.at, ranks.owner, ranks.ahead.shown), of_moment)
    events = {name: int(sum(kept["count"])) for name, kept in sets.items()}
    not_logged = int((~ranks.visible).sum())
    return {"events": events, "test_targets_without_logged_history": not_logged, "sums": sets}


def same_request(dataset: Dataset, targets: Targets) -> np.ndarray:
    """bool [T]: the target and the event before it were exposed by one request."""
    request = dataset.interactions["request_id"].fill_null("").to_numpy()
    own = request[targets.event]
    return np.asarray((own == request[targets.event - 1]) & (own != ""))


def summed(values: Mapping[str, np.ndarray], groups: np.ndarray, counted: np.ndarray | None = None) -> Sums:
    """Every value [T] summed over the groups [T] of its events, and "count"; only over events that are counted."""
    kept = np.ones(len(groups), dtype=bool) if counted is None else counted
    columns = {"count": np.ones(len(groups)), **values}
    return {name: compact(sums(column[kept], groups[kept])) for name, column in columns.items()}


def compact(values: np.ndarray) -> list[float]:
    """Plain numbers, whole ones as integers, others to four digits."""
    return [int(value) if value == int(value) else round(value, 4) for value in values.tolist()]
