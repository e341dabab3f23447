"""The One Euro filter (Casiez, Roussel, Vogel, CHI 2012): a low-pass filter that opens with speed."""

import math
from dataclasses import dataclass


@dataclass
class OneEuro:
    """One axis. min_cutoff_hz: f_min; speed_coefficient: beta; derivative_cutoff_hz: f_d."""

    min_cutoff_hz: float
    speed_coefficient: float
    derivative_cutoff_hz: float
    _value: float | None = None
    _speed: float = 0.0

    def filtered(self, value: float, step_s: float) -> float:
        """The filtered value; step_s: time since the one before, above 0, of no meaning for the first."""
        if self._value is None:
            self._value = value
            return value
        raw_speed = (value - self._value) / step_s
        self._speed += _weight(self.derivative_cutoff_hz, step_s) * (raw_speed - self._speed)
        cutoff_hz = self.min_cutoff_hz + self.speed_coefficient * abs(self._speed)
        self._value += _weight(cutoff_hz, step_s) * (value - self._value)
        return self._value


def _weight(cutoff_hz: float, step_s: float) -> float:
    """alpha = 1 / (1 + tau / T_e), tau = 1 / (2 pi f)."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s))
