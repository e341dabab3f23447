"""Tolerances by dtype, one place."""

import torch

TOLERANCES = {torch.float32: {"atol": 2e-5, "rtol": 1e-4}, torch.float64: {"atol": 1e-10, "rtol": 1e-8}}
