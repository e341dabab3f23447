"""Compilation of the kernels for a chip that need not be there: python -m kernels.guided_attention.compilation."""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from kernels.guided_attention.backward_key import backward_key_kernel
from kernels.guided_attention.backward_query import backward_query_kernel
from kernels.guided_attention.backward_rows import backward_rows_kernel
from kernels.guided_attention.forward import forward_kernel
from kernels.guided_attention.serving import serving_kernel
from kernels.guided_attention.tile_sizes import MAX_REGISTERS, ROWS, TILES, Tile

KERNELS = {
    "forward": forward_kernel,
    "backward_query": backward_query_kernel,
    "backward_key": backward_key_kernel,
    "backward_rows": backward_rows_kernel,
    "serving": serving_kernel,
}
ARCHITECTURES = (80, 90, 100)
DTYPES = {2: "bf16", 4: "fp32"}
FEATURES: dict[str, dict[str, Any]] = {
    "one_word": {"WORDS": 2, "GROUPS": 1, "ANCHORED": True},
    "many_words": {"WORDS": 6, "GROUPS": 2, "ANCHORED": True},
    "no_condition": {"WORDS": 0, "GROUPS": 0, "ANCHORED": False},
}
_INT64 = {"key_start", "key_length"}
_SERVING_INT64 = {"query_time_s", "key_time_s", "hidden_to_s", "query_position"}
_FLOAT32 = {
    *("log_sum", "inner", "own_slope", "position_table", "time_table", "position_gradient", "time_gradient"),
}
_DATA = {
    *("q", "k", "v", "own_key", "own_value", "out", "out_gradient"),
    *("q_gradient", "k_gradient", "v_gradient", "own_key_gradient", "own_value_gradient"),
}
_SCALARS = {
    *("num_heads", "num_queries", "num_keys", "num_blocks", "num_words", "batch_keys", "safety_interval_s"),
}


@dataclass(frozen=True)
class Report:
    """What one kernel needs on one chip; spilled_bytes: registers that went to memory, per thread."""

    kernel: str
    dtype: str
    width: int
    features: str
    architecture: int
    tile: tuple[int, ...]
    registers: int
    spilled_bytes: int
    shared_bytes: int


def compile_kernel(kernel: str, number_bytes: int, width: int, features: str, architecture: int, tile: Tile) -> Report:
    """Compile down to machine code and read the assembler's resource report."""
    dtype = DTYPES[number_bytes]
    signature = {name: _type(kernel, name, dtype) for name in KERNELS[kernel].arg_names}
    values = {
        **{"D": width, "BLOCK_D": width, "BLOCK_M": tile.queries, "BLOCK_N": tile.keys, "SPLITS": 1},
        **{"POSITIONS": 32, "TIMES": 31, "CELLS": 32, "OWN": True, "UPCAST": False},
        **FEATURES[features],
    }
    # Tensors and their rows start on 16 bytes, as torch lays them out for widths that are multiples of 8.
    aligned = [i for i, (name, kind) in enumerate(signature.items()) if kind[0] == "*" or _is_stride(name)]
    source = ASTSource(
        fn=KERNELS[kernel],
        signature=signature,
        constexprs={name: values[name] for name, kind in signature.items() if kind == "constexpr"},
        attrs={(i,): [["tt.divisibility", 16]] for i in aligned},
    )
    options = {"num_warps": tile.warps, "num_stages": tile.stages, "maxnreg": MAX_REGISTERS}
    compiled = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    assert f"sm_{architecture}" in compiled.asm["ptx"]
    registers, spilled = _resources(compiled.asm["cubin"])
    shared = compiled.metadata.shared
    return Report(kernel, dtype, width, features, architecture, tuple(tile), registers, spilled, shared)


def _type(kernel: str, name: str, dtype: str) -> str:
    if name.isupper():
        return "constexpr"
    if name == "scale":
        return "fp32"
    if name in _SCALARS or _is_stride(name):
        return "i32"
    if name in _INT64 or (kernel == "serving" and name in _SERVING_INT64):
        return "*i64"
    if name in _FLOAT32:
        return "*fp32"
    return f"*{dtype}" if name in _DATA else "*i32"


def _is_stride(name: str) -> bool:
    return name.endswith(("_batch", "_head", "_stride"))


def _resources(cubin: bytes) -> tuple[int, int]:
    """Registers per thread and bytes of stack and local memory, from Triton's own cuobjdump."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [str(tool), "--dump-resource-usage", file.name]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+) .*?LOCAL:(\d+)", printed)
    if found is None:
        raise RuntimeError(f"expected a resource report of cuobjdump, got {printed!r}")
    return int(found[1]), int(found[2]) + int(found[3])


def jobs() -> Iterator[tuple[str, int, int, str, int, Tile]]:
    """Every kernel x tile x chip with one word of attributes; the other features at one width."""
    for (kernel, number_bytes), by_width in TILES.items():
        for width, tile in by_width.items():
            for architecture in ARCHITECTURES:
                yield kernel, number_bytes, width, "one_word", architecture, tile
        if number_bytes == 2:
            for features in ("many_words", "no_condition"):
                yield kernel, 2, 64, features, 90, by_width[64]
    for architecture in ARCHITECTURES:
        yield "backward_rows", 2, 128, "one_word", architecture, Tile(ROWS, 0, 4, 1)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kernels.guided_attention.compilation", description=__doc__)
    parser.add_argument("--kernel", choices=sorted(KERNELS), help="this one alone")
    arguments = parser.parse_args(argv)
    for job in jobs():
        if arguments.kernel in (None, job[0]):
            sys.stdout.write(json.dumps(asdict(compile_kernel(*job))) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
