"""Runtime: one way to read many events of a user at once, what costs most; all have one signature and one result."""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

RuntimeName = Literal["numpy", "eager", "compiled", "onnx", "onnx-int8", "bfloat16"]
RUNTIMES: tuple[RuntimeName, ...] = get_args(RuntimeName)
LOSSY: frozenset[RuntimeName] = frozenset({"onnx-int8", "bfloat16"})
"""Runtimes that round more than float32 does: their lists are compared instead of their numbers."""


class RuntimeUnavailableError(ValueError):
    """This release, machine or installation cannot run the runtime; the message says what is missing."""


class Extend(Protocol):
    """ExtendStep of one network on arrays, on the CPU."""

    def __call__(
        self,
        past_keys: np.ndarray,
        past_values: np.ndarray,
        past_time_s: np.ndarray,
        past_length: np.ndarray,
        new_vectors: np.ndarray,
        new_time_s: np.ndarray,
        new_length: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See ExtendStep.forward."""
        ...


@dataclass(frozen=True)
class Runtime:
    """extend: one function per network; None for HistoryReader's own arithmetic in NumPy, the measure of the others."""

    name: RuntimeName
    extend: tuple[Extend, ...] | None
