"""Registry: a runtime by its name."""

from pathlib import Path

from model.climber_pilot.runtimes.bfloat16 import load_bfloat16
from model.climber_pilot.runtimes.compiled import load_compiled
from model.climber_pilot.runtimes.eager import load_eager
from model.climber_pilot.runtimes.onnx_runtime import load_onnx
from model.climber_pilot.runtimes.runtime import RUNTIMES, Runtime
from model.climber_pilot.towers import Network


def load_runtime(name: str, model: Network, folder: Path) -> Runtime:
    """The runtime of a name of RUNTIMES over a model on the CPU and its release's folder.

    Raises RuntimeUnavailableError where release or machine lack what it needs, ValueError for another name.
    """
    if name == "numpy":
        return Runtime("numpy", None)
    if name == "eager":
        return load_eager(model)
    if name == "compiled":
        return load_compiled(model)
    if name == "bfloat16":
        return load_bfloat16(model)
    if name == "onnx":
        return load_onnx("onnx", model, folder)
    if name == "onnx-int8":
        return load_onnx("onnx-int8", model, folder)
    raise ValueError(f"expected a runtime of {RUNTIMES}, got {name!r}")
