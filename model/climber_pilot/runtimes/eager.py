"""eager: ExtendStep in PyTorch as it is."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from model.climber_pilot.runtimes.runtime import Extend, Runtime
from model.climber_pilot.steps import ExtendStep
from model.climber_pilot.towers import Network, networks_of


def load_eager(model: Network) -> Runtime:
    """Always there."""
    return Runtime("eager", tuple(on_arrays(ExtendStep(network).eval()) for network in networks_of(model)))


def on_arrays(step: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> Extend:
    """A step on tensors as one on arrays that share their memory."""

    def extend(
        past_keys: np.ndarray,
        past_values: np.ndarray,
        past_time_s: np.ndarray,
        past_length: np.ndarray,
        new_vectors: np.ndarray,
        new_time_s: np.ndarray,
        new_length: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        arrays = past_keys, past_values, past_time_s, past_length, new_vectors, new_time_s, new_length
        with torch.inference_mode():
            keys, values, last_rows = step(*(torch.from_numpy(array) for array in arrays))
            return keys.numpy(), values.numpy(), last_rows.numpy()

    return extend
