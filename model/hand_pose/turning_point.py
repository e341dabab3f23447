"""Turning points: where a hand reverses, noise decides the direction, so the position is held until it is clear.

Inferred: the paper names "stabilising post-processing at turning points" without giving its form.
"""

import math
from dataclasses import dataclass

from model.hand_pose.config import CursorConfig

Position = tuple[float, float]


@dataclass
class TurningPointHold:
    """Follows one hand. `holding`: whether the last position given back was a held one."""

    config: CursorConfig
    holding: bool = False
    _before: Position | None = None
    _velocity: Position = (0.0, 0.0)
    _was_fast: bool = False
    _held: Position = (0.0, 0.0)
    _held_for_s: float = 0.0
    _blended: int | None = None

    def steadied(self, position: Position, step_s: float) -> Position:
        """The position to show; step_s: time since the one before, above 0, of no meaning for the first."""
        if self._before is None:
            self._before = self._held = position
            return position
        turned = self._turns(position, step_s)
        self._before = position
        if turned and not self.holding and self._blended is None:
            self.holding, self._held_for_s = True, 0.0
        elif self.holding:
            self._held_for_s += step_s
            away = math.dist(position, self._held) > self.config.hold_distance
            if away or self._held_for_s >= self.config.hold_s:
                self.holding, self._blended = False, 0
        if self.holding:
            return self._held
        shown = position
        if self._blended is not None:
            self._blended += 1
            share = self._blended / self.config.release_frames
            shown = (_mix(self._held[0], position[0], share), _mix(self._held[1], position[1], share))
            if self._blended >= self.config.release_frames:
                self._blended = None
        if self._blended is None:
            self._held = shown
        return shown

    def _turns(self, position: Position, step_s: float) -> bool:
        assert self._before is not None
        keep = 2 ** (-step_s / self.config.velocity_half_life_s)
        (vx, vy), (x, y), (bx, by) = self._velocity, position, self._before
        velocity = (_mix((x - bx) / step_s, vx, keep), _mix((y - by) / step_s, vy, keep))
        self._velocity = velocity
        speed = math.hypot(*velocity)
        slowed = self._was_fast and speed < self.config.slow_per_s
        if slowed or speed > self.config.fast_per_s:
            self._was_fast = not slowed
        return slowed or velocity[0] * vx + velocity[1] * vy < 0


def _mix(one: float, other: float, share: float) -> float:
    return one + (other - one) * share
