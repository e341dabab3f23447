"""Exposures: what was shown, by which arm, how likely, and what came of it - the schema of the log, in one place.

One row per exposure. The rows of a request stand together, their positions rising; the order of requests is the log's.
Columns that are not named here are allowed and ignored.
"""

from functools import cached_property, lru_cache
from hashlib import blake2b

import numpy as np
import polars as pl

from loadtest.replay.vocabulary import Coded

REQUIRED: dict[str, pl.DataType] = {
    "request_id": pl.String(),
    "user_id": pl.String(),
    # Epoch seconds of the request.
    "time_s": pl.Float64(),
    # What the user was assigned to, and the release that answered.
    "arm": pl.String(),
    "release": pl.String(),
    # 1 is the first place of the slate.
    "position": pl.Int64(),
    "item_id": pl.String(),
    # P(this item at this position | request) under the policy that logged the row: in (0, 1]. Where the slate was drawn
    # place by place, as the service does: given the places above, so that a slate's probability is the product.
    "propensity": pl.Float64(),
    # The outcome, from 0 to the largest reward that the caller names.
    "reward": pl.Float64(),
}
OPTIONAL: dict[str, pl.DataType] = {
    # How many items the request could have been shown: what "uniform" is uniform over.
    "candidates": pl.Int64(),
    # A coarse kind of request (a country, a device): policies and the reward model may depend on it.
    "context": pl.String(),
    # 1 where the item satisfies its instruction, 0 where not.
    "compliant": pl.Float64(),
    "latency_ms": pl.Float64(),
}
SCHEMA = REQUIRED | OPTIONAL
OPTIONAL_BOUNDS = {"candidates": (1.0, np.inf), "compliant": (0.0, 1.0), "latency_ms": (0.0, np.inf)}
NUM_GROUPS = 1_000
PROPENSITY_ROUNDING = 1e-9


class LogError(ValueError):
    """A row of a log that cannot be used: which file, which line (of Parquet: which row), which field, and why."""

    def __init__(self, source: str, line: int, field: str, expected: str, got: object) -> None:
        super().__init__(f"{source}, line {line}, {field}: expected {expected}, got {got!r}")
        self.line, self.field = line, field


class Exposures:
    """Consecutive rows of a log with whole requests only; arrays are [N], in the order of the log.

    Raises LogError for the first row that breaks the schema. first_line: the line of the first row.
    """

    def __init__(
        self, frame: pl.DataFrame, *, source: str = "log", lines: np.ndarray | None = None, max_reward: float = 1.0
    ) -> None:
        missing = [name for name in REQUIRED if name not in frame.columns]
        if missing:
            raise LogError(source, 1, missing[0], "a column of this name", frame.columns)
        self.frame = frame
        self._coded: dict[str, Coded] = {}
        _check(self, source, np.arange(1, len(frame) + 1) if lines is None else lines, max_reward)

    def __len__(self) -> int:
        return len(self.frame)

    def of_arm(self, arm: str) -> "Exposures":
        """The rows of one arm; what has been checked is not checked again."""
        chosen = object.__new__(Exposures)
        arms = self.coded("arm")
        chosen.frame = self.frame.filter(np.array([word == arm for word in arms.words])[arms.codes])
        chosen._coded = {}
        return chosen

    def has(self, column: str) -> bool:
        """Whether any row holds a value of an optional column."""
        return column in self.frame.columns and self.frame[column].null_count() < len(self)

    def array(self, column: str) -> np.ndarray:
        """A numeric column as float64 [N], absent values as NaN."""
        return self.frame[column].to_numpy().astype(np.float64)

    def coded(self, column: str) -> Coded:
        """A column of strings; an absent context is a context of its own."""
        if column not in self._coded:
            self._coded[column] = Coded(self.frame[column])
        return self._coded[column]

    @cached_property
    def propensity(self) -> np.ndarray:
        return self.array("propensity")

    @cached_property
    def reward(self) -> np.ndarray:
        return self.array("reward")

    @cached_property
    def position(self) -> np.ndarray:
        return self.frame["position"].to_numpy()

    @cached_property
    def user_hash(self) -> np.ndarray:
        """uint64 [N]: a hash of the user that is the same in every run."""
        users = self.coded("user_id")
        return np.array([hash_of(user) for user in users.words], dtype=np.uint64)[users.codes]

    @cached_property
    def group(self) -> np.ndarray:
        """int64 [N]: the group of users that is resampled as one."""
        return (self.user_hash % np.uint64(NUM_GROUPS)).astype(np.int64)

    @cached_property
    def request_starts(self) -> np.ndarray:
        """int64 [R]: the first row of every request."""
        return starts_of(self.coded("request_id").codes)


def starts_of(codes: np.ndarray) -> np.ndarray:
    """int64 [R]: the rows where the code differs from the one before."""
    return np.flatnonzero(np.diff(codes, prepend=-1))


@lru_cache(maxsize=100_000)
def hash_of(user_id: str) -> int:
    """64 bits of BLAKE2b: the same on every machine and under every release of every library."""
    return int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest(), "big")


def _check(exposures: Exposures, source: str, lines: np.ndarray, max_reward: float) -> None:
    frame = exposures.frame

    def refuse(bad: np.ndarray, field: str, expected: str) -> None:
        rows = np.flatnonzero(bad)
        if len(rows):
            row = int(rows[0])
            raise LogError(source, int(lines[row]), field, expected, frame[field][row])

    for name in REQUIRED:
        if frame[name].null_count():
            refuse(frame[name].is_null().to_numpy(), name, "a value")
    for name in ("time_s", "propensity", "reward"):
        refuse(~np.isfinite(exposures.array(name)), name, "a finite number")
    propensity, reward, position = exposures.propensity, exposures.reward, exposures.position
    refuse((propensity <= 0) | (propensity > 1 + PROPENSITY_ROUNDING), "propensity", "more than 0 and at most 1")
    refuse((reward < 0) | (reward > max_reward), "reward", f"0 to {max_reward:g}, the largest reward")
    refuse(position < 1, "position", "at least 1")
    for name, (low, high) in OPTIONAL_BOUNDS.items():
        if exposures.has(name):
            values = exposures.array(name)
            refuse((values < low) | (values > high), name, f"{low:g} to {high:g}")
    begins = np.zeros(len(exposures), dtype=bool)
    begins[exposures.request_starts] = True
    risen = np.diff(position, prepend=0) > 0
    refuse(~begins & ~risen, "position", "more than the position before it in the same request")
