import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
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
    assert {str(path): names for path in files if (names := unsafe_reads(path.read_text()))} == {}


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from torch import load", "import torch\ntorch.load('x')", "import joblib.x", "np.load('x')"],
)
def test_the_search_for_unpickling_finds_it(source: str) -> None:
    assert unsafe_reads(source)
