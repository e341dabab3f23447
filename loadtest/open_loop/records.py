"""Records: what came of every request of a run, one row each, and the text form in which workers hand them over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Seconds from the start of the run. status 0: there was no answer, and `answer` says why.
RECORD = np.dtype(
    [
        ("intended_s", "f8"),
        ("sent_s", "f8"),
        ("done_s", "f8"),
        ("status", "u2"),
        ("kind", "u1"),
        ("answer", "u1"),
        ("retry_after", "?"),
    ]
)
TIMEOUT, CONNECTION_LOST, NOT_CONNECTED = "timeout", "connection_lost", "not_connected"
REJECTED = (429, 503)


@dataclass(frozen=True)
class Records:
    """rows: RECORD [R]. kinds, answers: what its numbers stand for; an answer is a source or an error's code."""

    rows: np.ndarray
    kinds: tuple[str, ...]
    answers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def latency_ms(self) -> np.ndarray:
        """float64 [R]: from the intended moment to the end of the answer."""
        return _ms(self.rows["done_s"] - self.rows["intended_s"])

    @property
    def from_sending_ms(self) -> np.ndarray:
        """float64 [R]: the same from the moment the request was sent."""
        return _ms(self.rows["done_s"] - self.rows["sent_s"])

    @property
    def lag_ms(self) -> np.ndarray:
        """float64 [R]: how late the generator was, whatever the server did."""
        return _ms(self.rows["sent_s"] - self.rows["intended_s"])

    @property
    def rejected(self) -> np.ndarray:
        """bool [R]: refused with a moment to come back at."""
        return np.isin(self.rows["status"], REJECTED) & self.rows["retry_after"]

    def good(self, within_ms: float) -> np.ndarray:
        """bool [R]: answered with success in time, and not by the fallback."""
        rows = self.rows
        fallback = [number for number, name in enumerate(self.answers) if name == "fallback"]
        success = (rows["status"] >= 200) & (rows["status"] < 300) & ~np.isin(rows["answer"], fallback)
        return success & (self.latency_ms <= within_ms)

    def only(self, mask: np.ndarray) -> "Records":
        """The rows where mask is true."""
        return Records(self.rows[mask], self.kinds, self.answers)

    def of_kind(self, kind: str) -> "Records":
        """The requests of one kind of action."""
        return self.only(self.rows["kind"] == self.kinds.index(kind))

    def between(self, start_s: float, end_s: float) -> "Records":
        """The requests that were due in [start_s, end_s)."""
        intended_s = self.rows["intended_s"]
        return self.only((intended_s >= start_s) & (intended_s < end_s))


def joined(parts: Sequence[Records]) -> Records:
    """The records of several workers as one, in the order of intended moments."""
    kinds = tuple(dict.fromkeys(kind for part in parts for kind in part.kinds))
    answers = tuple(dict.fromkeys(answer for part in parts for answer in part.answers))
    tables = []
    for part in parts:
        rows = part.rows.copy()
        rows["kind"] = _renumbered(part.kinds, kinds)[rows["kind"]]
        rows["answer"] = _renumbered(part.answers, answers)[rows["answer"]]
        tables.append(rows)
    rows = np.concatenate([np.empty(0, RECORD), *tables])
    return Records(rows[np.argsort(rows["intended_s"], kind="stable")], kinds, answers)


def read_records(header: dict[str, Any], content: bytes) -> Records:
    """The records that a worker wrote as bytes."""
    return Records(np.frombuffer(content, RECORD), tuple(header["kinds"]), tuple(header["answers"]))


def _renumbered(names: Sequence[str], order: Sequence[str]) -> np.ndarray:
    return np.array([order.index(name) for name in names] or [0])


def _ms(seconds: np.ndarray) -> np.ndarray:
    return np.asarray(1000 * seconds, dtype=np.float64)
