"""BranchQuery: a user's kept state and conditions in, query vectors out - the warm step of an answer.

The query row of branch 1 does not depend on the condition, so its logits over the user's keys are part of the state. A
condition contributes which of them it shows, and a key and value of its own.
Shapes: P conditions, R rows (conditions of all users of a batch), N events, D width, H heads of width Dh.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
from torch import nn

from model.climber_pilot.array_layer import ArrayLayer, array, centred, summed_epsilon, unit
from model.climber_pilot.network import ClimberPilot, Layer
from model.climber_pilot.request_clock import GAP_BUCKETS, GAP_UNIT_S, PERIODS
from model.climber_pilot.user_state import TowerState

SMALLEST_TOTAL = np.float32(1e-20)
# A condition's own key that outweighs every event by e^60 leaves them no weight in float32: more would overflow.
LARGEST_GAP = np.float32(60.0)
TINY_LENGTH = np.float32(1e-12)


class BranchQuery:
    """Branch 1 of one network over kept states, float32."""

    def __init__(self, network: ClimberPilot) -> None:
        layer, norm = cast(Layer, network.branches[0]), cast(nn.LayerNorm, network.branch_norms[0])
        width = network.config.width
        self.layer = ArrayLayer(layer)
        self.num_heads = layer.num_heads
        self.head_width = width // layer.num_heads
        self._gain = (array(norm.weight) * width**0.5).astype(np.float32)
        self._shift = array(norm.bias).astype(np.float32)
        self._epsilon = summed_epsilon(norm)
        self._normalise = network.config.normalise
        self._head_of = np.kron(np.eye(self.num_heads), np.ones((self.head_width, 1))).astype(np.float32)

    def vectors(
        self,
        states: Sequence[TowerState],
        visible: Sequence[np.ndarray],
        tokens: np.ndarray,
        clock: np.ndarray | None = None,
    ) -> np.ndarray:
        """Query vectors, float32 [R, D]: the rows of the first user, then those of the second, and so on.

        visible: per user, float32 [P, N] of ones and zeros
        tokens: [R, D + H * (Dh + 1)] of the conditions, see `token`; clock: [R, D] or None
        """
        if len(states) == 1:
            query, peak, last_row = states[0].query, states[0].peak, states[0].last_row
            attended = visible[0] @ states[0].weighted
        else:
            user = np.repeat(np.arange(len(states)), [len(shown) for shown in visible])
            query, peak, last_row = (
                np.array([getattr(state, part) for state in states])[user] for part in ("query", "peak", "last_row")
            )
            attended = np.concatenate([shown @ state.weighted for shown, state in zip(visible, states, strict=True)])
        width = query.shape[-1]
        own_logit = (tokens[:, :width] * query) @ self._head_of
        by_head = attended.reshape(len(tokens), self.num_heads, -1)
        own_weight = np.exp(np.minimum(own_logit - peak, LARGEST_GAP))
        by_head += own_weight[:, :, None] * tokens[:, width:].reshape(by_head.shape)
        total = by_head[:, :, -1:]
        if total.min() > SMALLEST_TOTAL:
            mean = by_head[:, :, :-1] / total
        else:
            mean = self._mean_by_row(states, visible, own_logit, tokens[:, width:])
        rows = self.layer.output(mean.reshape(len(tokens), width))
        rows += last_row
        self.layer.add_feed_forward(rows)
        if clock is not None:
            rows += clock
        return self._scored(rows)

    def token(self, key_value: np.ndarray) -> np.ndarray:
        """A condition's own key [D] and value [H * (Dh + 1)], a 1 behind each head, side by side; key_value: [2 D]."""
        key, value = np.split(key_value, 2)
        ones = np.ones((self.num_heads, 1), dtype=np.float32)
        return np.concatenate([key, np.concatenate([value.reshape(self.num_heads, -1), ones], 1).ravel()])

    def _scored(self, rows: np.ndarray) -> np.ndarray:
        """The last norm, and unit length where scores want it."""
        rows = unit(rows, self._epsilon)
        rows *= self._gain
        rows += self._shift
        if self._normalise:
            length = np.sqrt(np.einsum("rd,rd->r", rows, rows))
            np.maximum(length, TINY_LENGTH, out=length)
            rows /= length[:, None]
        return rows

    def _mean_by_row(
        self, states: Sequence[TowerState], visible: Sequence[np.ndarray], own_logit: np.ndarray, own_values: np.ndarray
    ) -> np.ndarray:
        """Attention where a condition hides all that weighs: each row is measured from its own largest logit."""
        attended, first = [], 0
        for state, shown in zip(states, visible, strict=True):
            num_events = state.logits.shape[1]
            values = state.kept.values[-1, :num_events].reshape(num_events, self.num_heads, -1)
            for row, seen in enumerate(shown != 0, first):
                own = own_values[row].reshape(self.num_heads, -1)[:, :-1]
                logits = np.concatenate([state.logits[:, seen], own_logit[row][:, None]], 1)
                weights = np.exp(logits - logits.max(1, keepdims=True))
                weights /= weights.sum(1, keepdims=True)
                attended.append(np.einsum("hn,nhd->hd", weights[:, :-1], values[seen]) + weights[:, -1:] * own)
            first += len(shown)
        return np.stack(attended)


class ArrayClock:
    """The request clock's vectors, less their mean, for one request at a time."""

    def __init__(self, network: ClimberPilot) -> None:
        assert network.clock is not None
        clock = network.clock
        self._period_s = clock.period_s
        self._first, self._last = (int(period) for period in clock.trained_periods.tolist())
        self._periods = centred(array(clock.period_table)).astype(np.float32)
        self._gaps = centred(array(clock.gap_table)).astype(np.float32)

    def __call__(self, request_time_s: int, read_time_s: int) -> np.ndarray:
        """See RequestClock.forward; [D]."""
        period = min(max(min(max(request_time_s // self._period_s, 0), PERIODS - 1), self._first), self._last)
        # As RequestClock has it, in float32: above two years, a gap close below a power of two counts as that power.
        gap = np.log2(np.float32(max(request_time_s - read_time_s, 0) // GAP_UNIT_S + 1))
        vector: np.ndarray = self._periods[period] + self._gaps[min(int(gap), GAP_BUCKETS - 1)]
        return vector
