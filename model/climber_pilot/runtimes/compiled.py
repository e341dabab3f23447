"""compiled: torch.compile with dynamic shapes; needs a C++ compiler and many seconds, hence only where asked for."""

import shutil

import torch

from model.climber_pilot.runtimes.eager import on_arrays
from model.climber_pilot.runtimes.runtime import Runtime, RuntimeUnavailableError
from model.climber_pilot.steps import ExtendStep
from model.climber_pilot.towers import Network, networks_of


def load_compiled(model: Network) -> Runtime:
    """Compiles at the first call; raises RuntimeUnavailableError without a C++ compiler."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        raise RuntimeUnavailableError("expected a C++ compiler for torch.compile, found none")
    steps = [torch.compile(ExtendStep(network).eval(), dynamic=True) for network in networks_of(model)]
    return Runtime("compiled", tuple(on_arrays(step) for step in steps))
