"""Graphs of a model for ONNX Runtime: exported, quantised and compared with PyTorch before anybody serves them."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor

from model.climber_pilot.network import ClimberPilot
from model.climber_pilot.runtimes.dense_step import DenseStep
from model.climber_pilot.runtimes.onnx_runtime import INPUTS, OUTPUTS, dense_function, graph_file
from model.climber_pilot.steps import HIDDEN_LOGIT
from model.climber_pilot.towers import Network, networks_of
from model.quantisation import quantise

OPSET = 20
"""The first with Gelu as one operator."""
TOLERANCE = 1e-4
CHECKED_SHAPES = ((1, 0, 1), (1, 0, 17), (3, 5, 2), (2, 16, 1))
"""(B, N0, M) beyond the one that is traced: nothing kept, one event, batches."""


def export_graphs(model: Network, folder: Path) -> dict[str, Path]:
    """Write two graphs per tower into `folder`, float32 and int8, and say which file of a release is where.

    Raises ValueError where a float32 graph disagrees with the model by more than TOLERANCE. int8 is lossy by design:
    whoever serves it compares lists.
    """
    files: dict[str, Path] = {}
    for tower, network in enumerate(networks_of(model)):
        step = DenseStep(network, plain_softmax=True).eval()
        exact, rounded = (folder / graph_file(name, tower) for name in ("onnx", "onnx-int8"))
        onnx.save_model(_graph(step, network), exact)
        check_graph(network, exact)
        quantise(exact, rounded)
        files |= {exact.name: exact, rounded.name: rounded}
    return files


def check_graph(network: ClimberPilot, path: Path) -> float:
    """Largest difference of the graph from the model over CHECKED_SHAPES; ValueError above TOLERANCE."""
    step, run, worst = DenseStep(network).eval(), dense_function(path), 0.0
    with torch.inference_mode():
        for number, shape in enumerate(CHECKED_SHAPES):
            inputs = example_inputs(network, *shape, seed=number)
            for wanted, got in zip(step(*inputs), run(*(array.numpy() for array in inputs)), strict=True):
                worst = np.maximum(worst, np.abs(wanted.numpy() - got).max())
                if not worst <= TOLERANCE:
                    message = (
                        f"expected {path.name} within {TOLERANCE} of the model, got {worst:.3g} at B, N0, M {shape}"
                    )
                    raise ValueError(message)
    return float(worst)


def example_inputs(
    network: ClimberPilot, num_users: int, num_past: int, num_new: int, seed: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random arguments of DenseStep under a causal mask."""
    config, rng = network.config, np.random.default_rng(seed)

    def normal(*shape: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))

    kept = (num_users, config.num_layers, num_past, config.width)
    mask = normal(config.num_layers, config.num_heads, num_users, num_new, num_past + num_new)
    mask.masked_fill_(torch.ones(mask.shape[-2:], dtype=torch.bool).triu(num_past + 1), HIDDEN_LOGIT)
    return normal(*kept), normal(*kept), mask, normal(num_users, num_new, config.width) / config.width**0.5


def _graph(step: DenseStep, network: ClimberPilot) -> onnx.ModelProto:
    some = torch.export.Dim.DYNAMIC
    shapes = ({0: some, 2: some}, {0: some, 2: some}, {2: some, 3: some, 4: some}, {0: some, 1: some})
    with warnings.catch_warnings():
        # About the exporter's own inner life, every time.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            step,
            example_inputs(network, 2, 5, 3, seed=0),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=shapes,
            input_names=INPUTS,
            output_names=OUTPUTS,
            verbose=False,
        )
    if program is None:
        raise ValueError("expected a program of the exporter, got None")
    return program.model_proto
