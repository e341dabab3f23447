"""Cursor: the places of a hand, one after the other -> a steady position on the map."""

import math
from dataclasses import dataclass, field
from typing import Literal

from model.hand_pose.config import CursorConfig
from model.hand_pose.one_euro import OneEuro
from model.hand_pose.turning_point import Position, TurningPointHold

State = Literal["moving", "hold", "lost"]
# Frames of one moment, or of a clock that went back, count as this far apart.
SHORTEST_STEP_S = 1e-3


@dataclass(frozen=True)
class Steps:
    """Which of the steps are taken; all of them but where they are compared."""

    hold: bool = True
    one_euro: bool = True


@dataclass(frozen=True)
class CursorPoint:
    """x, y: 0 to 1; raw: before any step. None where no hand has been seen for lost_after_s."""

    time_s: float
    position: Position | None
    raw: Position | None
    state: State


@dataclass
class Cursor:
    """Follows one hand: outlier gate, turning-point hold, One Euro filter. A hand that returns begins anew."""

    config: CursorConfig
    steps: Steps = field(default_factory=Steps)
    _seen_s: float | None = None
    _raw: Position = (0.0, 0.0)
    _shown: Position = (0.0, 0.0)
    _hold: TurningPointHold = field(init=False)
    _axes: tuple[OneEuro, OneEuro] = field(init=False)

    def __post_init__(self) -> None:
        self._restart()

    def follow(self, time_s: float, place: Position, confidence: float = 1.0) -> CursorPoint:
        """Where the cursor is once the hand is at `place`."""
        if self._seen_s is not None and time_s - self._seen_s > self.config.lost_after_s:
            self._restart()
        first = self._seen_s is None
        step_s = 1.0 if self._seen_s is None else max(time_s - self._seen_s, SHORTEST_STEP_S)
        jumped = not first and math.dist(place, self._raw) > self.config.jump
        used = self._raw if jumped and confidence < self.config.low_confidence else place
        self._seen_s, self._raw = time_s, used
        shown = self._hold.steadied(used, step_s) if self.steps.hold else used
        if self.steps.one_euro:
            shown = (self._axes[0].filtered(shown[0], step_s), self._axes[1].filtered(shown[1], step_s))
        self._shown = shown
        return CursorPoint(time_s, shown, place, "hold" if self._hold.holding else "moving")

    def miss(self, time_s: float) -> CursorPoint:
        """Where the cursor is while no hand is seen: where it was, for lost_after_s."""
        gone = self._seen_s is None or time_s - self._seen_s > self.config.lost_after_s
        return CursorPoint(time_s, None if gone else self._shown, None, "lost")

    def _restart(self) -> None:
        config = self.config
        self._seen_s = None
        self._hold = TurningPointHold(config)
        self._axes = (self._axis(), self._axis())

    def _axis(self) -> OneEuro:
        config = self.config
        return OneEuro(config.min_cutoff_hz, config.speed_coefficient, config.derivative_cutoff_hz)
