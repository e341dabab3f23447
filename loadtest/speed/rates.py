"""Rates of one core: how fast it reads, how fast it multiplies; measured with numpy's BLAS on one thread."""

import time
from collections.abc import Callable
from functools import cache

import numpy as np

WIDTH = 128
SIDE = 768
MEASURE_S = 0.4
MAX_READ_BYTES = 512 << 20
MIN_READ_BYTES = 1 << 16


@cache
def flops_per_s() -> float:
    """Float32 operations per CPU second in a product of two square matrices."""
    matrix = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    out = np.empty_like(matrix)
    return 2 * SIDE**3 / _best_s(lambda: np.matmul(matrix, matrix, out=out))


def read_bytes_per_s(resident_bytes: int) -> float:
    """Bytes per CPU second that a matrix-vector product reads, going round a matrix of about that size."""
    clipped = min(MAX_READ_BYTES, max(MIN_READ_BYTES, resident_bytes))
    # To a power of two: a rate per size that is told apart.
    return _read_rate(1 << (clipped - 1).bit_length())


@cache
def _read_rate(num_bytes: int) -> float:
    matrix = np.ones((num_bytes // (4 * WIDTH), WIDTH), dtype=np.float32)
    vector = np.ones(WIDTH, dtype=np.float32)
    out = np.empty(len(matrix), dtype=np.float32)
    return matrix.nbytes / _best_s(lambda: np.matmul(matrix, vector, out=out))


def _best_s(work: Callable[[], object]) -> float:
    """CPU seconds of one call: the best of short series, so that a neighbour's load does not count."""
    work()
    begun_s = time.process_time()
    work()
    calls = max(1, int(0.02 / max(1e-7, time.process_time() - begun_s)))
    best_s = float("inf")
    until_s = time.process_time() + MEASURE_S
    while time.process_time() < until_s:
        begun_s = time.process_time()
        for _ in range(calls):
            work()
        best_s = min(best_s, (time.process_time() - begun_s) / calls)
    return best_s
