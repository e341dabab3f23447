"""Shadow: what a release answers to requests that others asked, and where it ranks events that were held back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.catalogue import Catalogue
from model.climber_pilot.inference import Candidates, History, RetrievalRequest, Retriever
from model.climber_pilot.runtimes.probe import Histories
from model.condition import Condition, ConditionError
from service.courtesy import no_rest
from service.history_codec import HistoryEvent
from service.recent_requests import RecentRequest

MAX_TOP_K, TOP_SCORES = 50, 10
SYNTHETIC_REQUESTS, SYNTHETIC_EVENTS = 64, 30


@dataclass(frozen=True)
class Shadow:
    """One release's answers to R requests.

    gains: [R], how near the top the newest event's item is among all items but those of the history before it: 1 for
        the first, 0 for the last, linear in the logarithm of the rank; NaN where there is no event to hold back.
    scores: one per list, the mean of its first TOP_SCORES; NaN for an empty one.
    shown: ids of all items in lists. lists, wrong: how many lists, and items that miss their condition or are missing.
    conditions, unknown: how many conditions were asked, and those that the release cannot read.
    """

    gains: np.ndarray
    scores: np.ndarray
    shown: frozenset[str]
    lists: int
    wrong: int
    conditions: int
    unknown: int


def cast_shadow(
    retriever: Retriever, policy: Condition, requests: Sequence[RecentRequest], rest: Callable[[], None] = no_rest
) -> Shadow:
    """Ask everything of a release. rest: called after every piece of work of a few milliseconds."""
    gains, scores, shown = np.full(len(requests), np.nan), [], set[str]()
    lists = wrong = conditions = unknown = 0
    for number, request in enumerate(requests):
        asked = [_parsed(retriever.catalogue, where) for where in request.conditions or ({},)]
        history = _known(retriever.catalogue, request.events)
        conditions, unknown = conditions + len(asked), unknown + asked.count(None)
        if len(history.rows):
            # A condition that cannot be read keeps its place, as a list of nothing: places are compared.
            for condition, found in zip(asked, _answers(retriever, policy, request, history, asked), strict=True):
                lists += 1
                scores.append(float(found.scores[:TOP_SCORES].mean()) if len(found.scores) else np.nan)
                shown.update(retriever.catalogue.item_ids[row] for row in found.rows.tolist())
                if condition is not None:
                    wrong += _wrong(retriever.catalogue, policy & condition, found, min(request.top_k, MAX_TOP_K))
            rest()
            gains[number] = _gain(retriever, history)
        else:
            scores += [np.nan] * len(asked)
        rest()
    return Shadow(gains, np.array(scores), frozenset(shown), lists, wrong, conditions, unknown)


def made_up(retriever: Retriever) -> list[RecentRequest]:
    """Seeded requests of listeners who do not exist, for a time when nobody has asked yet."""
    catalogue = retriever.catalogue
    histories = Histories.seeded(retriever.popularity, SYNTHETIC_EVENTS, SYNTHETIC_REQUESTS)
    values = [
        value_id
        for name in retriever.instructable
        if name in catalogue.attributes
        for value_id in range(
            catalogue.attributes[name].first_value,
            catalogue.attributes[name].first_value + len(catalogue.attributes[name].values),
        )
    ]
    common = sorted(values, key=lambda value: -np.count_nonzero(catalogue.value_ids == value))[:SYNTHETIC_REQUESTS]
    requests = []
    for number, (rows, time_s) in enumerate(zip(histories.rows, histories.time_s, strict=True)):
        events = [HistoryEvent(catalogue.item_ids[row], int(at_s)) for row, at_s in zip(rows, time_s, strict=True)]
        asked = [{}] if not common else [{}, catalogue.where(Condition.of(common[number % len(common)]))]
        requests.append(RecentRequest(None, tuple(events), tuple(asked), MAX_TOP_K))
    return requests


def _parsed(catalogue: Catalogue, where: object) -> Condition | None:
    try:
        return catalogue.condition(where)  # type: ignore[arg-type]  # the client's form
    except ConditionError:
        return None


def _known(catalogue: Catalogue, events: Sequence[HistoryEvent]) -> History:
    known = [(row, time_s) for item_id, time_s in events if (row := catalogue.row_of.get(item_id)) is not None]
    rows, times_s = np.array(known, dtype=np.int64).reshape(-1, 2).T
    return History(rows, times_s)


def _answers(
    retriever: Retriever,
    policy: Condition,
    request: RecentRequest,
    history: History,
    asked: Sequence[Condition | None],
) -> list[Candidates]:
    readable = tuple(condition for condition in asked if condition is not None)
    top_k, seen = min(request.top_k, MAX_TOP_K), np.unique(history.rows)
    found = iter(retriever.retrieve([RetrievalRequest(history, readable, top_k, "strict", policy, seen)])[0])
    nothing = Candidates(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32), 0)
    return [nothing if condition is None else next(found) for condition in asked]


def _wrong(catalogue: Catalogue, condition: Condition, found: Candidates, top_k: int) -> int:
    missing = min(top_k, found.eligible) - len(np.unique(found.rows))
    return missing + int(np.count_nonzero(~catalogue.satisfying(condition, found.rows)))


def _gain(retriever: Retriever, history: History) -> float:
    target, past = int(history.rows[-1]), History(history.rows[:-1], history.time_s[:-1])
    if not len(past.rows):
        return np.nan
    asked = RetrievalRequest(past, (Condition(),), 1, time_s=int(history.time_s[-1]))
    scores = retriever.vectors @ retriever.query_vectors([asked])[0][0]
    ahead = scores > scores[target]
    ahead[past.rows] = False
    # The first ranks count most, but hits of the first few alone are too rare to judge fifty requests by.
    return float(1 - np.log(1 + np.count_nonzero(ahead)) / np.log(max(2, len(scores))))
