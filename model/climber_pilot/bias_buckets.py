"""BiasBuckets: the relative bias of query-key pairs as one number into a layer's joint table, in NumPy."""

import numpy as np
import torch

from kernels.guided_attention.relative_bias import MAX_TIME_BUCKETS, position_bucket
from model.climber_pilot.config import NetworkConfig

EXPONENT_SHIFT, EXPONENT_BIAS = 52, 1023


class BiasBuckets:
    """Buckets as steps.joint_bias_table orders them; the number after the last stands for a key that is not seen."""

    def __init__(self, config: NetworkConfig) -> None:
        self._top_exponent = EXPONENT_BIAS + min(config.time_buckets, MAX_TIME_BUCKETS) - 1
        self._max_history = config.max_history
        self.hidden = config.position_buckets * config.time_buckets
        distances = torch.arange(config.max_history)
        of_distance = position_bucket(distances, config.position_buckets).numpy() * config.time_buckets
        ahead = np.full(config.max_history, self.hidden)
        # By distance, the largest first and the keys ahead last: what a query adds to its keys is a stretch of this.
        self._line = np.concatenate([of_distance[::-1], ahead]) - EXPONENT_BIAS

    def of(self, time_s: np.ndarray, first: int) -> np.ndarray:
        """Buckets of the queries at positions first..N-1 over all N keys, int64 [N - first, N]; time_s: int64 [N].

        Raises ValueError for more than max_history events.
        """
        num_keys = len(time_s)
        if num_keys > self._max_history:
            raise ValueError(f"expected at most {self._max_history} events, got {num_keys}")
        moments = time_s.astype(np.float64)
        # 1 + gap is exact in float64, and its exponent is the floor of its logarithm.
        spans = (moments[first:, None] + 1.0) - moments
        bucket = np.maximum(spans, 1.0, out=spans).view(np.int64)
        bucket >>= EXPONENT_SHIFT
        np.minimum(bucket, self._top_exponent, out=bucket)
        bucket += self._stretches(num_keys, first)
        # A later key of a time before adds a time bucket to being hidden.
        np.minimum(bucket, self.hidden, out=bucket)
        return bucket

    def _stretches(self, num_keys: int, first: int) -> np.ndarray:
        """A view [N - first, N] of the line: each query's begins one entry before that of the query before it."""
        step = self._line.strides[0]
        start = self._line[self._max_history - 1 - first :]
        return np.lib.stride_tricks.as_strided(start, (num_keys - first, num_keys), (-step, step), writeable=False)
