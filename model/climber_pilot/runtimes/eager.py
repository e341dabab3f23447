"""eager: ExtendStep in PyTorch as it is."""

import numpy as np
import torch
from torch import nn

from model.climber_pilot.runtimes.runtime import Extend, Runtime
from model.climber_pilot.steps import ExtendStep
from model.climber_pilot.towers import Network, networks_of


def load_eager(model: Network) -> Runtime:
    """Always there."""
    return Runtime("eager", tuple(on_arrays(ExtendStep(network).eval()) for network in networks_of(model)))


def on_arrays(step: nn.Module) -> Extend:
    """A step on tensors as one on arrays that share their memory."""

    def extend(*arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with torch.inference_mode():
            keys, values, last_rows = step(*(torch.from_numpy(array) for array in arrays))
            return keys.numpy(), values.numpy(), last_rows.numpy()

    return extend
