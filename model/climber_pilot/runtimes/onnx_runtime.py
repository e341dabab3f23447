"""onnx and onnx-int8: the graphs that the release carries, run by ONNX Runtime on one thread."""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from model.climber_pilot.runtimes.dense_step import DenseExtend, DenseFunction
from model.climber_pilot.runtimes.runtime import Runtime, RuntimeName, RuntimeUnavailableError
from model.climber_pilot.towers import Network, networks_of

INPUTS = ("past_keys", "past_values", "mask", "new_vectors")
OUTPUTS = ("new_keys", "new_values", "rows")
ERRORS_ONLY = 3


def graph_file(name: RuntimeName, tower: int) -> str:
    """The release's file that holds the graph of a tower."""
    return f"extend-int8-{tower}.onnx" if name == "onnx-int8" else f"extend-{tower}.onnx"


def load_onnx(name: RuntimeName, model: Network, folder: Path) -> Runtime:
    """Raises RuntimeUnavailableError where the folder lacks a graph."""
    extend = []
    for tower, network in enumerate(networks_of(model)):
        path = folder / graph_file(name, tower)
        if not path.is_file():
            raise RuntimeUnavailableError(f"expected a file {path.name} in the release, which was made without graphs")
        extend.append(DenseExtend(network, dense_function(path)))
    return Runtime(name, tuple(extend))


def dense_function(path: Path) -> DenseFunction:
    """A session over the graph. One thread and no spinning: a process per core serves better than threads that wait."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = ERRORS_ONLY
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class of their own
        raise RuntimeUnavailableError(f"expected a graph that ONNX Runtime loads, {path.name}: {error}") from error

    def run(*arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        keys, values, rows = session.run(OUTPUTS, dict(zip(INPUTS, arrays, strict=True)))
        return keys, values, rows

    return run
