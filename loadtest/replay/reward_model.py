"""RewardModel: a cross-fitted guess of the reward of an item, for the doubly robust and the direct estimate.

Item, position and context each add what their rows earn beyond the mean. The users of a fold are predicted from the
other folds alone, so that no row is predicted from itself. The doubly robust estimate is unbiased whatever is guessed.
"""

from collections.abc import Iterable

import numpy as np

from loadtest.replay.exposures import Exposures
from loadtest.replay.vocabulary import UNKNOWN, Vocabulary

NUM_FOLDS = 5
# Every mean is pulled towards the mean of all rows as by so many rows of it.
PRIOR_ROWS = 20.0


class Tally:
    """Sums and counts per fold and row of a table that grows."""

    def __init__(self) -> None:
        self._sums = np.zeros((2, NUM_FOLDS, 0))

    def add(self, fold: np.ndarray, row: np.ndarray, value: np.ndarray, num_rows: int) -> None:
        """Add values [N] to the cells (fold [N], row [N]) of a table of num_rows rows."""
        grown = num_rows - self._sums.shape[2]
        if grown > 0:
            self._sums = np.pad(self._sums, ((0, 0), (0, 0), (0, grown)))
        cells = fold * self._sums.shape[2] + row
        for sums, weights in zip(self._sums, (value, None), strict=True):
            sums += np.bincount(cells, weights=weights, minlength=sums.size).reshape(sums.shape)

    def of_other_folds(self) -> np.ndarray:
        """[2, F, rows]: sums and counts without the fold itself."""
        return self._sums.sum(1, keepdims=True) - self._sums

    def effects(self, mean: np.ndarray) -> np.ndarray:
        """[F, rows + 1]: what a row earns beyond mean [F], learned from other folds; the last row is for unseen."""
        sums, counts = self.of_other_folds()
        effects = (sums - counts * mean[:, None]) / (counts + PRIOR_ROWS)
        return np.pad(effects, ((0, 0), (0, 1)))


class RewardModel:
    """Learns by `learn` over the whole log, then predicts after `fit`."""

    def __init__(self) -> None:
        self._items, self._contexts = Vocabulary(), Vocabulary()
        self._rows, self._of_item, self._of_position, self._of_context = Tally(), Tally(), Tally(), Tally()

    def learn(self, exposures: Exposures) -> None:
        """Add exposures to the sums."""
        fold, reward, position = fold_of(exposures), exposures.reward, exposures.position
        self._rows.add(fold, np.zeros_like(fold), reward, 1)
        coded = exposures.coded("item_id")
        items = self._items.learn(coded.words)[coded.codes]
        self._of_item.add(fold, items, reward, len(self._items))
        self._of_position.add(fold, position, reward, int(position.max(initial=0)) + 1)
        if exposures.has("context"):
            coded = exposures.coded("context")
            contexts = self._contexts.learn(coded.words)[coded.codes]
            self._of_context.add(fold, contexts, reward, len(self._contexts))

    def fit(self) -> None:
        """Turn the sums into effects; call once, after the last exposures."""
        sums, counts = self._rows.of_other_folds()
        self._mean = (sums / np.maximum(counts, 1)).sum(1)
        self._item_effects = self._of_item.effects(self._mean)
        self._position_effects = self._of_position.effects(self._mean)
        self._context_effects = self._of_context.effects(self._mean)

    def item_effects(self, item_ids: Iterable[str]) -> np.ndarray:
        """[F, N]: what every item adds, for the users of every fold; 0 for an item that was never shown."""
        # UNKNOWN is the last column.
        return self._item_effects[:, self._items.rows(item_ids)]

    def surroundings(self, exposures: Exposures) -> np.ndarray:
        """[N]: the guess before the item is known, from position and context."""
        fold = fold_of(exposures)
        known = np.where(exposures.position < self._position_effects.shape[1] - 1, exposures.position, UNKNOWN)
        guess = self._mean[fold] + self._position_effects[fold, known]
        if exposures.has("context"):
            coded = exposures.coded("context")
            guess = guess + self._context_effects[fold, self._contexts.rows(coded.words)[coded.codes]]
        return guess

    def predict(self, exposures: Exposures) -> np.ndarray:
        """[N]: the guess for the item that was shown."""
        coded = exposures.coded("item_id")
        rows = self._items.rows(coded.words)[coded.codes]
        return self.surroundings(exposures) + self._item_effects[fold_of(exposures), rows]

    @property
    def item_ids(self) -> list[str]:
        """Every item that was ever shown."""
        return self._items.words


def fold_of(exposures: Exposures) -> np.ndarray:
    """int64 [N]: the fold of every row's user."""
    return exposures.group % NUM_FOLDS
