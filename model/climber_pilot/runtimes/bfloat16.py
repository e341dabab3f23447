"""bfloat16: weights and activations of half the size, for CPUs that multiply them natively (AMX, AVX512-BF16)."""

import copy

import numpy as np
import torch

from model.climber_pilot.network import ClimberPilot
from model.climber_pilot.runtimes.dense_step import DenseExtend, DenseFunction, DenseStep
from model.climber_pilot.runtimes.runtime import Runtime, RuntimeUnavailableError
from model.climber_pilot.towers import Network, networks_of


def load_bfloat16(model: Network) -> Runtime:
    """Softmax and norms are summed in float32, as torch does; raises RuntimeUnavailableError on other CPUs.

    Keys and values are handed on as float32: users' states are the same whatever runtime made them.
    """
    if not torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported():
        raise RuntimeUnavailableError("expected a CPU with AMX or AVX512-BF16, this one would emulate bfloat16")
    return Runtime("bfloat16", tuple(DenseExtend(network, _dense(network)) for network in networks_of(model)))


def _dense(network: ClimberPilot) -> DenseFunction:
    step = copy.deepcopy(DenseStep(network)).to(torch.bfloat16).eval()

    def run(*arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with torch.inference_mode():
            keys, values, rows = step(*(torch.from_numpy(array).to(torch.bfloat16) for array in arrays))
            return keys.float().numpy(), values.float().numpy(), rows.float().numpy()

    return run
