"""Layout: the plane of the autoencoder <-> the unit square that a map fills.

Each axis is scaled so that the middle 98 % of training poses lie in 0 to 1, and then bent towards even use: x by the
quantiles of all poses, y by those of the poses in the same columns of x. `evenness` mixes the scaled and the even.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

KNOTS = 33
LOWEST, HIGHEST = 0.01, 0.99
BISECTIONS = 40


@dataclass(frozen=True)
class Layout:
    """lowest, width: [2], of the scaling. x: [33] places of the even quantiles of x. y: [C, 33] those of y, in columns
    whose centres lie at even steps of the bent x. All are increasing; what lies outside is clipped to the square."""

    lowest: np.ndarray
    width: np.ndarray
    x: np.ndarray
    y: np.ndarray
    evenness: float

    def place(self, plane: np.ndarray) -> np.ndarray:
        """Points of the square [B, 2] for points of the plane [B, 2]."""
        scaled = np.clip((np.asarray(plane, dtype=np.float64) - self.lowest) / self.width, 0, 1)
        x = self._bend(np.interp(scaled[:, 0], self.x, _steps()), scaled[:, 0])
        return np.stack((x, self._bend(self._even_y(x, scaled[:, 1]), scaled[:, 1])), axis=1)

    def plane(self, placed: np.ndarray) -> np.ndarray:
        """The reverse of `place`, by bisection: it is increasing in x, and in y at any x."""
        placed = np.clip(np.asarray(placed, dtype=np.float64), 0, 1)
        x = _inverse(lambda trial: self._bend(np.interp(trial, self.x, _steps()), trial), placed[:, 0])
        y = _inverse(lambda trial: self._bend(self._even_y(placed[:, 0], trial), trial), placed[:, 1])
        return np.stack((x, y), axis=1) * self.width + self.lowest

    def arrays(self) -> dict[str, list[float] | list[list[float]] | float]:
        """As JSON carries it."""
        return {
            "lowest": self.lowest.tolist(),
            "width": self.width.tolist(),
            "x": self.x.tolist(),
            "y": self.y.tolist(),
            "evenness": self.evenness,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, object]) -> "Layout":
        """The reverse of `arrays`; ValueError where they are of no layout."""
        try:
            lowest, width, x, y = (np.asarray(arrays[name], dtype=np.float64) for name in ("lowest", "width", "x", "y"))
            evenness = float(arrays["evenness"])  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"expected lowest, width, x, y and evenness of a layout, got {error!r}") from None
        sizes_fit = lowest.shape == width.shape == (2,) and x.shape == (KNOTS,) and y.shape[1:] == (KNOTS,)
        if not sizes_fit or (width <= 0).any() or (np.diff(x) < 0).any() or (np.diff(y) < 0).any():
            raise ValueError(f"expected increasing knots of a layout, got shapes {x.shape} and {y.shape}")
        return cls(lowest, width, x, y, evenness)

    def _bend(self, even: np.ndarray, scaled: np.ndarray) -> np.ndarray:
        return self.evenness * even + (1 - self.evenness) * scaled

    def _even_y(self, x: np.ndarray, scaled_y: np.ndarray) -> np.ndarray:
        """Quantiles of y among poses of about the same x, mixed between the two nearest columns."""
        place = np.clip(x * len(self.y) - 0.5, 0, len(self.y) - 1)
        left = np.minimum(place.astype(np.int64), len(self.y) - 2)
        share = place - left
        return (1 - share) * self._column(left, scaled_y) + share * self._column(left + 1, scaled_y)

    def _column(self, column: np.ndarray, scaled_y: np.ndarray) -> np.ndarray:
        even = np.empty(len(scaled_y))
        for number in np.unique(column):
            rows = column == number
            even[rows] = np.interp(scaled_y[rows], self.y[number], _steps())
        return even


def fit_layout(plane: np.ndarray, evenness: float, bins: int) -> Layout:
    """The layout of training poses [N, 2]; ValueError where an axis of them has no width."""
    plane = np.asarray(plane, dtype=np.float64)
    lowest, highest = np.quantile(plane, [LOWEST, HIGHEST], axis=0)
    if (highest <= lowest).any():
        raise ValueError(f"expected poses that differ on both axes, got a width of {highest - lowest}")
    layout = Layout(lowest, highest - lowest, _steps(), np.tile(_steps(), (bins, 1)), evenness)
    scaled = np.clip((plane - lowest) / layout.width, 0, 1)
    layout = Layout(lowest, layout.width, _knots(scaled[:, 0]), layout.y, evenness)
    x = layout.place(plane)[:, 0]
    column = np.minimum((x * bins).astype(np.int64), bins - 1)
    y = np.stack([_knots(scaled[column == number, 1]) for number in range(bins)])
    return Layout(lowest, layout.width, layout.x, y, evenness)


def _steps() -> np.ndarray:
    return np.linspace(0, 1, KNOTS)


def _knots(values: np.ndarray) -> np.ndarray:
    """The even quantiles of values in 0 to 1, kept apart so that no stretch of the square is a point of the plane."""
    if len(values) < KNOTS:
        return _steps()
    knots = np.quantile(values, _steps())
    knots[0], knots[-1] = 0, 1
    # A little of the identity: strictly increasing, with a slope that has a bound.
    return 0.98 * knots + 0.02 * _steps()


def _inverse(function: Callable[[np.ndarray], np.ndarray], target: np.ndarray) -> np.ndarray:
    low, high = np.zeros_like(target), np.ones_like(target)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = function(middle) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
