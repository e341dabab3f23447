"""Guided attention against its competitors: python -m kernels.guided_attention.bench --shapes serving --out FILE."""

import argparse
import datetime
import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from kernels.guided_attention.bench_cases import Call, Shape, causal_sdpa, dense_sdpa, flex, guided, make_call

DENSITIES = (0.02, 0.1, 0.3, 1.0)
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
SHAPES = {
    "cpu": {
        "serving": [
            Shape(B, 2, N, 32, P, density)
            for B, N in ((1, 128), (1, 512), (1, 2048), (1, 4096), (8, 512))
            for P in (1, 2, 4, 8, 16)
            for density in DENSITIES
        ],
        "training": [Shape(8, 2, N, 32, None, density) for N in (128, 512, 1024) for density in DENSITIES],
    },
    "cuda": {
        "serving": [Shape(256, 4, N, 64, P, 0.1) for N in (512, 1024, 4096) for P in (1, 4, 8, 16)],
        "training": [Shape(32, 4, N, 64, None, density) for N in (128, 512, 1024, 2048, 4096) for density in DENSITIES],
    },
}


def providers(call: Call, shapes: str, device: str, with_flex: bool) -> dict[str, Callable[[], Tensor]]:
    """Name -> one forward call."""
    found: dict[str, Callable[[], Tensor]] = {"dense_sdpa": lambda: dense_sdpa(call)}
    if device == "cuda":
        found["fused"] = lambda: guided(call, "fused")
    else:
        found["reference"] = lambda: guided(call, "reference")
        if shapes == "serving":
            found["condition_rows"] = lambda: guided(call, "condition_rows")
    if shapes == "training":
        found["causal_sdpa"] = lambda: causal_sdpa(call)
    if with_flex:
        found["flex"] = flex(call)
    return found


def check(found: dict[str, Callable[[], Tensor]], dtype: torch.dtype) -> None:
    """No figure of a wrong answer: all but plain causal attention agree, or RuntimeError."""
    expected = found["dense_sdpa"]().detach().float()
    for name, run in found.items():
        error = 0.0 if name == "causal_sdpa" else float((run().detach().float() - expected).abs().max())
        if not error <= TOLERANCE[dtype]:
            raise RuntimeError(f"expected {name} within {TOLERANCE[dtype]} of dense_sdpa, got {error:.3g}")


def time_us(run: Callable[[], object], device: str) -> float:
    """CPU time of this thread, or time on the device."""
    if device == "cpu":
        started = time.thread_time()
        run()
        return (time.thread_time() - started) * 1e6
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    run()
    last.record()
    torch.cuda.synchronize()
    return first.elapsed_time(last) * 1e3


def measure(runs: dict[str, Callable[[], object]], repeats: int, device: str) -> dict[str, list[float]]:
    """Sorted times by name, taken in turns so that a noisy moment hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 2):
        for name, run in runs.items():
            spent = time_us(run, device)
            if turn >= 2:
                times[name].append(spent)
    return {name: sorted(values) for name, values in times.items()}


def peaks(dtype: torch.dtype, device: str) -> tuple[float, float]:
    """Bytes and matrix operations per microsecond that this device reaches in this run."""
    side = 4096 if device == "cuda" else 512
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    stream = torch.empty(2**28 if device == "cuda" else 2**25, dtype=torch.uint8, device=device)
    target = torch.empty_like(stream)
    best = measure({"copy": lambda: target.copy_(stream), "matmul": lambda: left @ right}, 10, device)
    return 2 * stream.numel() / best["copy"][0], 2 * side**3 / best["matmul"][0]


def work(call: Call, shape: Shape, dtype: torch.dtype, *, backward: bool) -> tuple[int, int]:
    """Bytes that must move at least, and operations on visible pairs alone."""
    rows = shape.B * shape.H * shape.D * ((shape.queries or shape.N) * 4 + shape.N * 2)
    moved = rows * dtype.itemsize * (3 if backward else 1) + sum(
        value.numel() * value.element_size() for value in call.masks.values() if isinstance(value, Tensor)
    )
    products = 4 * call.visible_pairs * shape.H * shape.D
    return moved, int(products * (3.5 if backward else 1))


def step(run: Callable[[], Tensor], call: Call) -> Callable[[], object]:
    """Forward and backward."""
    inputs = [tensor for tensor in call.tensors.values() if tensor.requires_grad]

    def both() -> object:
        out = run()
        return torch.autograd.grad(out, inputs, torch.ones_like(out), allow_unused=True)

    return both


def bench(shapes: str, dtype: torch.dtype, device: str, repeats: int, with_flex: bool) -> list[dict[str, Any]]:
    """One row per shape, pass and provider."""
    bandwidth, matrix = peaks(dtype, device)
    about = {"dtype": str(dtype).removeprefix("torch."), **environment(device)}
    rows: list[dict[str, Any]] = []
    for shape in tqdm(SHAPES[device][shapes], desc=shapes, file=sys.stderr):
        call = make_call(shape, dtype, device, gradients=shapes == "training")
        found = providers(call, shapes, device, with_flex)
        with torch.inference_mode(shapes == "serving"):
            check(found, dtype)
            passes: dict[str, dict[str, Callable[[], object]]] = {"forward": dict(found)}
            if shapes == "training":
                passes["forward_backward"] = {name: step(run, call) for name, run in found.items()}
            for kind, runs in passes.items():
                moved, operations = work(call, shape, dtype, backward=kind != "forward")
                bound_us = max(moved / bandwidth, operations / matrix)
                for name, times in measure(runs, repeats, device).items():
                    p20, p50, p80 = (times[int(len(times) * share)] for share in (0.2, 0.5, 0.8))
                    figures = {"p20_us": p20, "p50_us": p50, "p80_us": p80, "share_of_peak": bound_us / p50}
                    rows.append(
                        {"op": "guided_attention", "shapes": shapes, "pass": kind, "provider": name}
                        | vars(shape)
                        | {key: round(value, 4) for key, value in figures.items()}
                        | {"bytes": moved, "flops": operations, "repeats": repeats, **about}
                    )
    return rows


def environment(device: str) -> dict[str, str]:
    """Device, versions and date of a row."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"{processor()}, {torch.get_num_threads()} thread"
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    if device == "cuda":
        versions["triton"] = importlib.metadata.version("triton")
    clock = {"clock": "device time" if device == "cuda" else "CPU time of the thread"}
    return {"device": name, **versions, **clock, "date": datetime.datetime.now(datetime.UTC).date().isoformat()}


def processor() -> str:
    """The CPU's model name."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kernels.guided_attention.bench", description=__doc__)
    parser.add_argument("--shapes", choices=("serving", "training"), required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--flex", action="store_true", help="FlexAttention too, on cuda (compiles per shape)")
    parser.add_argument("--out", type=Path, help="append rows here, else to the standard output")
    arguments = parser.parse_args(argv)
    if arguments.flex and arguments.device == "cpu":
        parser.error("--flex needs --device cuda: torch 2.13.0 does not compile this mask for a CPU")
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    dtype = getattr(torch, arguments.dtype)
    rows = bench(arguments.shapes, dtype, arguments.device, arguments.repeats, arguments.flex)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if arguments.out is None:
        sys.stdout.write(lines)
    else:
        with arguments.out.open("a") as file:
            file.write(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
