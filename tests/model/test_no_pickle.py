import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# A package keeps its weights as a .pth file: read once at set-up, tensors alone, its hash checked before.
ONE_CONVERTER = ("model/vision/conversion.py", ["torch.load"])
FORBIDDEN_CALLS = {"torch.load", "torch.save", "torch.jit", "np.load", "numpy.load"}


def unsafe_reads(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = [f"{node.value.id}.{node.attr}"]
        else:
            continue
        found += [name for name in names if name.split(".")[0] in FORBIDDEN_MODULES or name in FORBIDDEN_CALLS]
    return found


def test_nothing_in_the_product_unpickles() -> None:
    files = [path for folder in ("service", "model", "kernels") for path in (REPOSITORY / folder).rglob("*.py")]
    assert len(files) > 10
    found = {str(path.relative_to(REPOSITORY)): unsafe_reads(path.read_text()) for path in files}
    converter, calls = ONE_CONVERTER
    assert found.pop(converter) == calls
    assert "weights_only=True" in (REPOSITORY / converter).read_text()
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from torch import load", "import torch\ntorch.load('x')", "import joblib.x", "np.load('x')"],
)
def test_the_search_for_unpickling_finds_it(source: str) -> None:
    assert unsafe_reads(source)
