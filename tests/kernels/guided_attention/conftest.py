"""The Triton kernels as Python on the CPU, for the tests that ask for them."""

import pytest
import torch


@pytest.fixture(scope="module")
def interpreter():
    """Triton's interpreter, unless TRITON_INTERPRET=0 keeps the kernels for a device."""
    from kernels.guided_attention.fused import interpreted

    if not interpreted():
        pytest.skip("TRITON_INTERPRET=0: the kernels of this process run on a device")


@pytest.fixture
def poisoned_memory():
    """Fresh memory holds NaN: whatever a kernel forgets to write shows."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert bool(torch.empty(3).isnan().all())
    yield
    torch.use_deterministic_algorithms(False)
