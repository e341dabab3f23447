"""The entry: which backend runs is said, not guessed, and Triton is loaded only where it runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from kernels.guided_attention.op import BACKENDS
from tests.kernels.guided_attention.cases import make_case

ROOT = Path(__file__).parents[3]
WITHOUT_TRITON = """
import sys
sys.modules["triton"] = None  # any import of it fails
import torch
from kernels.guided_attention.op import guided_attention
from kernels.guided_attention.packed import guided_attention_packed
rows = torch.zeros(1, 1, 2, 4)
position, length = torch.tensor([[0, 1]]), torch.tensor([2])
for backend in ("reference", "condition_rows"):
    guided_attention(rows, rows, rows, query_position=position, key_length=length, backend=backend)
try:
    guided_attention(rows, rows, rows, query_position=position, key_length=length, backend="fused")
except ImportError:
    print("refused")
"""


def test_triton_is_needed_by_the_fused_backend_alone():
    result = subprocess.run([sys.executable, "-c", WITHOUT_TRITON], cwd=ROOT, capture_output=True, text=True)
    assert (result.stdout, result.returncode) == ("refused\n", 0), result.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_refuses_what_does_not_fit(backend):
    case = make_case(N=5, Q=2)
    tensors = {name: value.float() for name, value in case.tensors.items()}
    case.masks["key_length"] = case.masks["key_length"][:1]
    with pytest.raises(ValueError, match="key_length"):
        case.call(tensors, backend)
