"""UsedHistory: what of a request's events the model can use, and which item ids mean nothing to it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.catalogue import Catalogue
from service.history_codec import HistoryEvent

HistorySource = Literal["store", "body", "both", "none"]


@dataclass(frozen=True)
class UsedHistory:
    """rows, time_s: int64 [N], oldest first, known items only; unknown: other item ids with their counts."""

    events: tuple[HistoryEvent, ...]
    rows: np.ndarray
    time_s: np.ndarray
    source: HistorySource
    unknown: Mapping[str, int]


def merge_events(stored: Sequence[HistoryEvent], sent: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """Both by time, stored ones first within a second; an event of the same item and second counts once."""
    return sorted(dict.fromkeys((*stored, *sent)), key=lambda event: event.event_time_s)


def use_history(catalogue: Catalogue, stored: Sequence[HistoryEvent], sent: Sequence[HistoryEvent]) -> UsedHistory:
    """Merge stored and sent events and look their items up."""
    events = merge_events(stored, sent)
    known = [
        (catalogue.row_of[event.item_id], event.event_time_s) for event in events if event.item_id in catalogue.row_of
    ]
    source: HistorySource = "both" if stored and sent else "store" if stored else "body" if sent else "none"
    return UsedHistory(
        events=tuple(events),
        rows=np.array([row for row, _ in known], dtype=np.int64),
        time_s=np.array([time_s for _, time_s in known], dtype=np.int64),
        source=source,
        unknown=Counter(event.item_id for event in events if event.item_id not in catalogue.row_of),
    )


def known_rows(catalogue: Catalogue, item_ids: Iterable[str]) -> tuple[np.ndarray, Counter[str]]:
    """(rows int64, unknown ids with their counts) of item ids."""
    unknown: Counter[str] = Counter()
    rows = []
    for item_id in item_ids:
        row = catalogue.row_of.get(item_id)
        if row is None:
            unknown[item_id] += 1
        else:
            rows.append(row)
    return np.array(rows, dtype=np.int64), unknown
