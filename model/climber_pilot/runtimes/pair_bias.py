"""PairBias: the additive attention mask of new events over all keys, computed once per call for every backbone layer.

Outside the graph because it is integer work on small tables: NumPy does it several times faster than a graph of
comparisons, and a graph that takes the mask as an input is dense arithmetic alone.
Shapes: L layers, H heads, B users, N0 past events, M new events.
"""

import numpy as np
import torch

from model.climber_pilot.bias_buckets import BiasBuckets
from model.climber_pilot.network import ClimberPilot, Layer
from model.climber_pilot.steps import HIDDEN_LOGIT, joint_bias_table


class PairBias:
    """The tables of one network's backbone, ready to be looked up."""

    def __init__(self, network: ClimberPilot) -> None:
        self._buckets = BiasBuckets(network.config)
        with torch.no_grad():
            tables = torch.stack([joint_bias_table(layer) for layer in network.layers if isinstance(layer, Layer)])
        # The bucket of hidden keys comes after the last: then hiding costs nothing beside the lookup.
        shown = torch.cat([tables, tables.new_full((*tables.shape[:2], 1), HIDDEN_LOGIT)], 2)
        self._tables: np.ndarray = shown.cpu().numpy()

    def __call__(self, past_time_s: np.ndarray, past_length: np.ndarray, new_time_s: np.ndarray) -> np.ndarray:
        """Mask float32 [L, H, B, M, N0 + M], HIDDEN_LOGIT where the pair is invisible; arguments as ExtendStep's.

        New events need no length: their padding lies ahead of every row that means something.
        """
        num_users, num_past = past_time_s.shape
        if num_users == 1 and past_length[0] == num_past:
            bucket = self._buckets.of(np.concatenate([past_time_s[0], new_time_s[0]]), num_past)[None]
        else:
            num_new = new_time_s.shape[1]
            bucket = np.full((num_users, num_new, num_past + num_new), self._buckets.hidden)
            for user, known in enumerate(past_length.tolist()):
                times = np.concatenate([past_time_s[user, :known], new_time_s[user]])
                found = self._buckets.of(times, known)
                bucket[user, :, :known] = found[:, :known]
                bucket[user, :, num_past:] = found[:, known:]
        return self._tables.take(bucket, 2, mode="clip")
