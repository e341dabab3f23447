"""UsedHistory: what of a request's events the model can use, and which item ids mean nothing to it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Literal

import numpy as np

from model.catalogue import Catalogue
from model.climber_pilot.inference import History
from service.history_codec import HistoryEvent
from service.reasons import columns_of

HistorySource = Literal["store", "body", "both", "none"]
# Of an event that is kept: the tuple, its id and its time.
EVENT_BYTES = 200
RECENT_ROWS = 50
# Of the vectors of so many rows at a width of 128.
RECENT_BYTES = RECENT_ROWS * 128 * 4
_TIME = itemgetter(1)


@dataclass(frozen=True)
class UsedHistory:
    """rows, time_s: int64 [N], oldest first, known items only; unknown: other item ids with their counts.

    Kept from request to request while nothing changes, so what follows from it alone is computed once.
    """

    events: tuple[HistoryEvent, ...]
    rows: np.ndarray
    time_s: np.ndarray
    source: HistorySource
    unknown: Mapping[str, int]

    @cached_property
    def past(self) -> History:
        """What the model reads."""
        return History(self.rows, self.time_s)

    @cached_property
    def seen(self) -> np.ndarray:
        """int64: every row once, ascending."""
        return np.unique(self.rows)

    @cached_property
    def recent(self) -> np.ndarray:
        """int64: the last RECENT_ROWS different rows, newest first."""
        return np.array(list(dict.fromkeys(self.rows[::-1].tolist()))[:RECENT_ROWS], dtype=np.int64)

    def recent_columns(self, vectors: np.ndarray) -> np.ndarray:
        """float32 [D, R]: the vectors of `recent`, taken from those of all items of the release."""
        found: np.ndarray | None = self.__dict__.get("_columns")
        if found is None:
            found = self.__dict__["_columns"] = columns_of(vectors, self.recent)
        return found

    @property
    def num_bytes(self) -> int:
        """Memory held, about."""
        return 1_000 + RECENT_BYTES + EVENT_BYTES * len(self.events) + 4 * self.rows.nbytes


def merge_events(stored: Sequence[HistoryEvent], sent: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """Both by time, stored ones first within a second; an event of the same item and second counts once."""
    return sorted(dict.fromkeys((*stored, *sent)), key=_TIME)


def use_history(catalogue: Catalogue, stored: Sequence[HistoryEvent], sent: Sequence[HistoryEvent]) -> UsedHistory:
    """Merge stored and sent events and look their items up."""
    events = merge_events(stored, sent)
    row_of = catalogue.row_of
    rows = np.array([row_of.get(item_id, -1) for item_id, _ in events], dtype=np.int64)
    time_s = np.array([time_s for _, time_s in events], dtype=np.int64)
    unknown: Mapping[str, int] = {}
    known = rows >= 0
    if not known.all():
        unknown = Counter(event.item_id for event, has_row in zip(events, known.tolist(), strict=True) if not has_row)
        rows, time_s = rows[known], time_s[known]
    source: HistorySource = "both" if stored and sent else "store" if stored else "body" if sent else "none"
    return UsedHistory(tuple(events), rows, time_s, source, unknown)


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
