"""BiasBuckets: the relative bias of query-key pairs as one number into a layer's joint table, in NumPy."""

import numpy as np
import torch

from kernels.guided_attention.relative_bias import MAX_TIME_BUCKETS, position_bucket
from model.climber_pilot.config import NetworkConfig

EXPONENT_SHIFT, EXPONENT_BIAS = 52, 1023


class BiasBuckets:
    """Buckets as steps.joint_bias_table orders them; the number after the last stands for a key that is not seen."""

    def __init__(self, config: NetworkConfig) -> None:
        self._time_buckets = config.time_buckets
        self._last_time = min(config.time_buckets, MAX_TIME_BUCKETS) - 1
        distances = torch.arange(config.max_history)
        self._of_distance = position_bucket(distances, config.position_buckets).numpy() * config.time_buckets
        self.hidden = config.position_buckets * config.time_buckets

    def of(self, time_s: np.ndarray, first: int) -> np.ndarray:
        """Buckets of the queries at positions first..N-1 over all N keys, int64 [N - first, N]; time_s: int64 [N]."""
        num_keys = len(time_s)
        distance = np.arange(first, num_keys)[:, None] - np.arange(num_keys)
        later = distance < 0
        # 1 + gap is exact in float64, and its exponent is the floor of its logarithm.
        spans = np.maximum(time_s[first:, None] - time_s, 0).astype(np.float64)
        spans += 1.0
        bucket = (spans.view(np.int64) >> EXPONENT_SHIFT) - EXPONENT_BIAS
        np.minimum(bucket, self._last_time, out=bucket)
        bucket += self._of_distance[np.maximum(distance, 0)]
        bucket[later] = self.hidden
        return bucket
