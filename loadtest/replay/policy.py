"""Policy: what would have been shown - the uniform one, a table of probabilities, an arm as it was logged.

An own policy is any object with a name and these two methods; a log is evaluated under it by evaluation.evaluate.
"""

from typing import Protocol

import numpy as np
import polars as pl

from loadtest.replay.exposures import Exposures
from loadtest.replay.reward_model import RewardModel, fold_of
from loadtest.replay.vocabulary import UNKNOWN, Vocabulary

SUM_TOLERANCE = 1e-6


class Policy(Protocol):
    """Request and position -> probabilities of items."""

    name: str

    def probability(self, exposures: Exposures) -> np.ndarray:
        """[N]: probability that this policy shows the logged item at its position. Raises ValueError if unknown."""
        ...

    def expected(self, exposures: Exposures, model: RewardModel) -> np.ndarray | None:
        """[N]: the model's mean reward of what this policy would show; None where the policy's items are unknown."""
        ...


class Arm:
    """The policy of an arm as it was logged: its own rows, every weight 1."""

    def __init__(self, arm: str) -> None:
        self.arm, self.name = arm, f"arm:{arm}"


class Uniform:
    """Every item equally likely: of num_items in all, or, where it is None, of each row's `candidates`."""

    def __init__(self, num_items: int | None = None) -> None:
        if num_items is not None and num_items < 1:
            raise ValueError(f"expected at least 1 item, got {num_items}")
        self.num_items = num_items
        self.name = "uniform" if num_items is None else f"uniform:{num_items}"

    def probability(self, exposures: Exposures) -> np.ndarray:
        if self.num_items is not None:
            return np.full(len(exposures), 1 / self.num_items)
        if not exposures.has("candidates") or exposures.frame["candidates"].null_count():
            raise ValueError("expected a log with candidates in every row, or uniform:N; got neither")
        return 1 / exposures.array("candidates")

    def expected(self, exposures: Exposures, model: RewardModel) -> np.ndarray | None:
        if self.num_items is None:
            return None
        # Items that were never shown add 0.
        effects = model.item_effects(model.item_ids).sum(1) / self.num_items
        return model.surroundings(exposures) + effects[fold_of(exposures)]


class Table:
    """Probabilities by item and, where the table has these columns, by position and context.

    Raises ValueError unless the probabilities of every context and position are at least 0 and sum to 1. A context or
    position that the table does not hold is a ValueError when it is met.
    """

    def __init__(self, frame: pl.DataFrame, name: str) -> None:
        self.name = name
        self._keys: list[str] = [key for key in ("context", "position") if key in frame.columns]
        check_probabilities(frame, self._keys, name)
        self._items, self._cells = Vocabulary(), Vocabulary()
        items = self._items.learn(frame["item_id"].to_list())
        cells = self._cells.learn(map(str, frame.select(self._keys).iter_rows() if self._keys else [()] * len(frame)))
        self._table = np.zeros((len(self._cells), len(self._items) + 1))
        self._table[cells, items] = frame["probability"].to_numpy()

    def probability(self, exposures: Exposures) -> np.ndarray:
        # UNKNOWN is the last column: an item that this policy never shows.
        coded = exposures.coded("item_id")
        return self._table[self._rows(exposures), self._items.rows(coded.words)[coded.codes]]

    def expected(self, exposures: Exposures, model: RewardModel) -> np.ndarray | None:
        effects = model.item_effects(self._items.words)
        means = effects @ self._table[:, :-1].T
        return model.surroundings(exposures) + means[fold_of(exposures), self._rows(exposures)]

    def _rows(self, exposures: Exposures) -> np.ndarray:
        """int64 [N]: the row of the table for the context and position of every exposure."""
        if "context" in self._keys and not exposures.has("context"):
            raise ValueError(f"{self.name} has probabilities by context: expected a log with context, got none")
        contexts = exposures.coded("context") if "context" in self._keys else None
        codes = np.zeros(len(exposures), dtype=np.int64) if contexts is None else contexts.codes
        places = exposures.position if "position" in self._keys else np.zeros(len(exposures), dtype=np.int64)
        met, inverse = np.unique(np.stack([codes, places]), axis=1, return_inverse=True)
        keys = [
            (*((contexts.words[code],) if contexts else ()), *((int(place),) if "position" in self._keys else ()))
            for code, place in met.T
        ]
        rows = self._cells.rows(map(str, keys))
        if (rows == UNKNOWN).any():
            got = keys[int(np.flatnonzero(rows == UNKNOWN)[0])]
            raise ValueError(f"{self.name}: expected probabilities of every {self._keys}, got none of {got}")
        return rows[inverse.ravel()]


def check_probabilities(frame: pl.DataFrame, keys: list[str], name: str) -> None:
    """Raises ValueError unless the probabilities of every key are at least 0 and sum to 1."""
    column = frame["probability"]
    if column.null_count() or not column.is_finite().all() or (column < 0).any():
        raise ValueError(f"{name}: expected probabilities of at least 0, got {column.min()!r} or no number")
    repeated = frame.select(pl.struct([*keys, "item_id"]).is_duplicated().any()).item()
    if repeated:
        raise ValueError(f"{name}: expected every item once per {keys or 'table'}, got one twice")
    sums = frame.group_by(keys).agg(pl.col("probability").sum())["probability"] if keys else pl.Series([column.sum()])
    wrong = sums.filter((sums - 1).abs() > SUM_TOLERANCE)
    if len(wrong) or not len(sums):
        raise ValueError(f"{name}: expected probabilities that sum to 1, got {wrong[0] if len(wrong) else 'no row'}")
