"""Library: every cover that can be found now - those of a release and those added since - as one row numbering."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from model.artwork.cover import Cover
from model.artwork.fingerprint import MAX_DISTANCE, MIN_COSINE, distances
from model.artwork.segment import Segment, check_known
from model.artwork.styles import Styles
from model.condition import Condition, ConditionError, Where

NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Addition:
    """A cover that is in no release yet.

    vector: float32 [d], norm 1. prepared: name -> array, for the pair scorer. thumbnail: a WebP, empty without one.
    """

    cover: Cover
    vector: np.ndarray
    prepared: dict[str, np.ndarray] = field(default_factory=dict)
    thumbnail: bytes = b""


@dataclass(frozen=True)
class Selection:
    """One condition as each segment reads it; None for a segment of which no cover can satisfy it."""

    conditions: tuple[Condition | None, ...]


class Library:
    """Immutable: a change makes another library, so that a search under way keeps the one that it began with.

    Rows 0..V-1 are those of the release, the ones behind them were added; a row that was replaced or removed is never
    found.
    """

    def __init__(
        self, base: Segment, styles: Styles, additions: Sequence[Addition] = (), removed: Collection[str] = ()
    ) -> None:
        """additions: at most one for each id. removed: ids of covers that are to be found no more."""
        self.base = base
        self.styles = styles
        self.additions = tuple(additions)
        self.removed = frozenset(removed)
        self.added: Segment | None = None
        changed = (*(one.cover.artwork_id for one in additions), *self.removed)
        hidden = [base.catalogue.row_of[one] for one in changed if one in base.catalogue.row_of]
        self.hidden = np.unique(np.array(hidden, dtype=np.int64))
        if additions:
            vectors = np.stack([one.vector for one in additions])
            prepared = {name: np.stack([one.prepared[name] for one in additions]) for name in base.prepared}
            self.added = Segment.build(
                [one.cover for one in additions],
                styles.names(vectors),
                vectors,
                prepared,
                [one.thumbnail for one in additions],
            )

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """Those of the release first."""
        return (self.base,) if self.added is None else (self.base, self.added)

    def __len__(self) -> int:
        return sum(len(segment) for segment in self.segments) - len(self.hidden)

    @property
    def width(self) -> int:
        """d of the vectors."""
        return int(self.base.vectors.shape[1])

    def with_addition(self, addition: Addition) -> "Library":
        """This library and one more cover, in place of any that has its id."""
        own = {addition.cover.artwork_id}
        return Library(self.base, self.styles, (*self._additions_but(own), addition), self.removed - own)

    def without(self, artwork_ids: Collection[str]) -> "Library":
        """This library but some covers, as far as it has them."""
        return Library(self.base, self.styles, self._additions_but(artwork_ids), self.removed.union(artwork_ids))

    def row_of(self, artwork_id: str) -> int | None:
        """Where a cover stands, None where it is unknown or was removed."""
        if artwork_id in self.removed:
            return None
        if self.added is not None and (row := self.added.catalogue.row_of.get(artwork_id)) is not None:
            return len(self.base) + row
        return self.base.catalogue.row_of.get(artwork_id)

    def place(self, row: int) -> tuple[Segment, int]:
        """The segment of a row, and the row's own number in it."""
        if row < len(self.base):
            return self.base, row
        assert self.added is not None
        return self.added, row - len(self.base)

    def cover(self, row: int) -> Cover:
        """All that is known of one."""
        segment, own = self.place(row)
        return segment.cover(own)

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """A copy, float32 [len(rows), d]."""
        found = np.empty((len(rows), self.width), dtype=np.float32)
        old = rows < len(self.base)
        found[old] = self.base.vectors[rows[old]]
        if self.added is not None:
            found[~old] = self.added.vectors[rows[~old] - len(self.base)]
        return found

    def prepared(self, row: int) -> dict[str, np.ndarray]:
        """What the pair scorer keeps of one cover, as float32."""
        segment, own = self.place(row)
        return {name: np.asarray(array[own], dtype=np.float32) for name, array in segment.prepared.items()}

    def thumbnail(self, row: int) -> bytes:
        """The small picture of one cover, a WebP; empty where there is none."""
        segment, own = self.place(row)
        return b"" if segment.thumbnails is None else segment.thumbnails.file(own)

    def picture(self, row: int) -> str:
        """What stands for all covers that look like this one."""
        segment, own = self.place(row)
        return segment.picture[own]

    def copies(self, picture: str) -> int:
        """How many covers show one picture."""
        return self._copies_in_release[picture] + self._copies_changed[picture]

    def shown_before(self, artwork_id: str, fingerprint: int, vector: np.ndarray) -> str | None:
        """The picture of another cover that looks like this, None where there is none."""
        for segment in self.segments:
            near = np.flatnonzero(distances(segment.fingerprints, fingerprint) <= MAX_DISTANCE)
            near = near[segment.vectors[near] @ vector >= MIN_COSINE]
            for row in near.tolist():
                hidden = segment is self.base and row in self.hidden
                if segment.catalogue.item_ids[row] != artwork_id and not hidden:
                    return segment.picture[row]
        return None

    def select(self, where: Where, path: str = "where") -> Selection:
        """Read a condition; raises ConditionError where no cover knows its words, or none could ever satisfy it."""
        check_known(self.segments, where, path)
        conditions: list[Condition | None] = []
        contradiction: ConditionError | None = None
        for segment in self.segments:
            try:
                conditions.append(segment.restricted(where))
            except ConditionError as error:
                conditions.append(None)
                contradiction = ConditionError(error.code, path, str(error))
        if contradiction is not None and not any(one is not None for one in conditions):
            raise contradiction
        return Selection(tuple(conditions))

    def nearest(self, query: np.ndarray, selection: Selection, count: int) -> tuple[np.ndarray, int]:
        """Rows of the largest inner products with a vector [d], best first, and how many covers were eligible."""
        rows, scores, eligible, start = [NO_ROWS], [np.empty(0, dtype=np.float32)], 0, 0
        for segment, condition in zip(self.segments, selection.conditions, strict=True):
            if condition is not None:
                hidden = self.hidden if segment is self.base else NO_ROWS
                found = segment.index.search(query[None], condition, count, hidden)[0]
                rows.append(start + found.rows)
                scores.append(found.scores)
                eligible += found.eligible
            start += len(segment)
        order = np.argsort(-np.concatenate(scores), kind="stable")[:count]
        return np.concatenate(rows)[order], eligible

    def lettered(self, sentence: str) -> np.ndarray:
        """float64 [rows]: how much of a sentence is written on each cover; 0 for one that is hidden."""
        scores = np.concatenate([segment.lettering.scores(sentence) for segment in self.segments])
        scores[self.hidden] = 0
        return scores

    def satisfying(self, selection: Selection, rows: np.ndarray) -> np.ndarray:
        """bool [len(rows)]: which rows a condition selects."""
        found, start = np.zeros(len(rows), dtype=bool), 0
        for segment, condition in zip(self.segments, selection.conditions, strict=True):
            own = np.flatnonzero((rows >= start) & (rows < start + len(segment)))
            if condition is not None and len(own):
                found[own] = segment.satisfying(condition, rows[own] - start)
            start += len(segment)
        return found & ~np.isin(rows, self.hidden)

    def _additions_but(self, artwork_ids: Collection[str]) -> list[Addition]:
        return [one for one in self.additions if one.cover.artwork_id not in artwork_ids]

    @cached_property
    def _copies_in_release(self) -> Counter[str]:
        return Counter(self.base.picture)

    @cached_property
    def _copies_changed(self) -> Counter[str]:
        changed: Counter[str] = Counter() if self.added is None else Counter(self.added.picture)
        changed.subtract(self.base.picture[row] for row in self.hidden.tolist())
        return changed
