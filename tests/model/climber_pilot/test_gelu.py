"""gelu against the definition, on both sides of its switch."""

import numpy as np
import torch
from torch.nn import functional

from model.climber_pilot.gelu import FEW_NUMBERS, gelu


def test_few_and_many_numbers_get_the_exact_gelu():
    rng = np.random.default_rng(0)
    few = np.concatenate([np.linspace(-9, 9, 3_001), rng.uniform(-6.01, 6.01, 1_000), [-50, -6, 0, 6, 50, 3_000]])
    for numbers in (few, np.resize(few, FEW_NUMBERS + 1)):
        numbers = numbers.astype(np.float32)
        exact = functional.gelu(torch.from_numpy(numbers).double()).numpy()
        np.testing.assert_allclose(gelu(numbers), exact, atol=2e-6, rtol=2e-7)


def test_shapes_stay():
    assert gelu(np.zeros((3, 5), dtype=np.float32)).shape == (3, 5)
    assert gelu(np.zeros((0, 5), dtype=np.float32)).shape == (0, 5)
