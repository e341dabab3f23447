"""Quantisation: a graph for ONNX Runtime with the weights of its matrix products rounded to int8."""

import logging
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic


def quantise(exact: Path, rounded: Path) -> None:
    """Write a graph with int8 weights, a scale per channel; what comes in is rounded while it runs."""
    root = logging.getLogger()
    level = root.level
    # It recommends a preparation that changes nothing for a graph of matrix products, through the root logger.
    root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(exact, rounded, per_channel=True, weight_type=QuantType.QInt8)
    finally:
        root.setLevel(level)
