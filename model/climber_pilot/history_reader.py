"""HistoryReader: reads a user's events, all or those since the last state, into a TowerState.

The arithmetic is that of steps.ExtendStep, for one user and in NumPy. Long histories are read in chunks, each over the
keys kept so far, so that no logit of a future event is computed.
"""

import numpy as np

from model.climber_pilot.array_layer import ArrayLayer, unit
from model.climber_pilot.bias_buckets import BiasBuckets
from model.climber_pilot.network import ClimberPilot, Layer
from model.climber_pilot.query import BranchQuery
from model.climber_pilot.user_state import KeptRows, TowerState

CHUNK_EVENTS = 128


class HistoryReader:
    """The backbone of one network and the keys of its branch 1, float32."""

    def __init__(self, network: ClimberPilot, item_vectors: np.ndarray, branch: BranchQuery) -> None:
        """item_vectors: [V, D] of `network.items()`."""
        self._items = item_vectors
        self._scale = np.float32(network.config.width**0.5)
        self._mean = np.full((network.config.width, 1), 1 / network.config.width, dtype=np.float32)
        self._max_history = network.config.max_history
        self._buckets = BiasBuckets(network.config)
        self._layers = [ArrayLayer(layer) for layer in network.layers if isinstance(layer, Layer)]
        self._branch = branch.layer
        self._num_heads, self._head_width = branch.num_heads, branch.head_width
        self._nothing = KeptRows(len(self._layers) + 1, 0, network.config.width)

    def read(self, rows: np.ndarray, time_s: np.ndarray, previous: TowerState | None = None) -> TowerState:
        """The state after all events; previous: that after the first of them, N >= 1 more are new."""
        num_events, done = len(rows), 0 if previous is None else previous.logits.shape[1]
        kept = self._nothing if previous is None else previous.kept
        kept = kept.grown(done, num_events, self._max_history)
        stream = buckets = np.empty(0)
        for first in range(done, num_events, CHUNK_EVENTS):
            end = min(first + CHUNK_EVENTS, num_events)
            buckets = self._buckets.of(time_s[:end], first)
            stream = self._read_chunk(kept, rows[first:end], buckets, first)
        return self._at_last(kept, stream[-1:], buckets[-1])

    def _read_chunk(self, kept: KeptRows, rows: np.ndarray, buckets: np.ndarray, first: int) -> np.ndarray:
        """Write the keys and values of the M events from `first` on; their rows [M, D]."""
        stream = self._items[rows] * self._scale
        stream -= stream @ self._mean
        for number, layer in enumerate(self._layers):
            mapped = layer.query_key_value(unit(stream, layer.attention_epsilon))
            query, keys, values = self._keep(kept, number, mapped, first)
            logits = query.transpose(1, 0, 2) @ keys.transpose(1, 2, 0)
            logits += layer.bias_table.take(buckets, 1)
            logits -= logits.max(2, keepdims=True)
            np.exp(logits, out=logits)
            attended = logits @ values.transpose(1, 0, 2)
            attended /= logits.sum(2, keepdims=True)
            stream += layer.output(attended.transpose(1, 0, 2).reshape(stream.shape))
            layer.add_feed_forward(stream)
        mapped = self._branch.key_value(unit(stream, self._branch.attention_epsilon))
        self._keep(kept, len(self._layers), mapped, first)
        return stream

    def _keep(self, kept: KeptRows, layer: int, mapped: np.ndarray, first: int) -> tuple[np.ndarray, ...]:
        """Store the keys and values of [query,] key, value [M, .]; query [M, H, Dh], all keys and values [N, H, Dh]."""
        width, end = kept.keys.shape[2], first + len(mapped)
        kept.keys[layer, first:end] = mapped[:, -2 * width : -width]
        kept.values[layer, first:end] = mapped[:, -width:]
        heads = (-1, self._num_heads, self._head_width)
        query, keys, values = mapped[:, : -2 * width], kept.keys[layer, :end], kept.values[layer, :end]
        return query.reshape(heads), keys.reshape(heads), values.reshape(heads)

    def _at_last(self, kept: KeptRows, last_row: np.ndarray, buckets: np.ndarray) -> TowerState:
        num_events, heads = len(buckets), (-1, self._num_heads, self._head_width)
        query = self._branch.query(unit(last_row, self._branch.attention_epsilon))[0]
        keys = kept.keys[-1, :num_events].reshape(heads)
        logits = (keys.transpose(1, 0, 2) @ query.reshape(self._num_heads, -1, 1))[:, :, 0]
        logits += self._branch.bias_table.take(buckets, 1)
        peak = logits.max(1)
        weights = np.exp(logits - peak[:, None]).T[:, :, None]
        weighted = np.empty((num_events, self._num_heads, self._head_width + 1), dtype=np.float32)
        np.multiply(kept.values[-1, :num_events].reshape(heads), weights, out=weighted[:, :, :-1])
        weighted[:, :, -1:] = weights
        return TowerState(kept, last_row[0].copy(), query, logits, peak, weighted.reshape(num_events, -1))
