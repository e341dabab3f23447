"""Every kernel in every tile is compiled for chips that are not here; the assembler's report says what it needs."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernels.guided_attention.tile_sizes import TILES

ROOT = Path(__file__).parents[3]
KERNELS = sorted({kernel for kernel, _ in TILES} | {"backward_rows"})
# What one block may use, by compute capability (CUDA C++ Programming Guide, technical specifications).
SHARED_BYTES = {80: 163 * 1024, 90: 227 * 1024, 100: 227 * 1024}


@pytest.fixture(params=KERNELS)
def reports(request, tmp_path):
    if importlib.util.find_spec("triton") is None:
        pytest.skip("the kernels need Triton")
    # A process of its own: this one may hold the interpreter's version of the kernels.
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "kernels.guided_attention.compilation", "--kernel", request.param]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    return request.param, [json.loads(line) for line in result.stdout.splitlines()]


def test_every_tile_compiles_for_every_chip_without_spilling(reports):
    kernel, found = reports
    assert {report["architecture"] for report in found} == set(SHARED_BYTES)
    tiles = {(report["dtype"], report["width"]) for report in found if report["features"] == "one_word"}
    assert (
        len(tiles) == sum(len(by_width) for (name, _), by_width in TILES.items() if name == kernel) or len(tiles) == 1
    )
    assert [report for report in found if report["spilled_bytes"]] == []
    assert [report for report in found if report["shared_bytes"] > SHARED_BYTES[report["architecture"]]] == []
    assert all(0 < report["registers"] <= 255 for report in found)
