"""Turn a checkpoint into a release: python -m model.hand_pose.export --checkpoint runs/hand --root runs/hands."""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from model.hand_pose.checkpoint import Checkpoint, load_checkpoint
from model.hand_pose.inference import CONFIG_FILE, KIND, SKELETON_FILE, WEIGHTS_FILE
from model.hand_pose.pose_code import CODE_WIDTH
from model.release import Release, git_revision, set_current, write_release

GRAPH_FILE = "hand_pose.onnx"
TOLERANCE = 1e-5
PROBES = 256


def export_release(checkpoint: Path, root: Path, report: dict[str, Any] | None = None) -> Release:
    """Write a release of the checkpoint under `root` and put it in force; ValueError where the graph differs."""
    loaded = load_checkpoint(checkpoint)
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / GRAPH_FILE
        difference = _export_graph(loaded, graph)
        files = {name: checkpoint / name for name in (WEIGHTS_FILE, CONFIG_FILE, SKELETON_FILE)}
        facts = {
            "kind": KIND,
            "simulated": "no: landmark recordings of people",
            "git_revision": git_revision(),
            "graph_difference": difference,
            "metrics": report or {},
        }
        release = write_release(root, {**files, GRAPH_FILE: graph}, facts)
    set_current(root, release.release_id)
    return release


def _export_graph(checkpoint: Checkpoint, path: Path) -> float:
    """Write the graph code [B, 80] -> mean [B, 2], decoded [B, 80]; the largest difference from the network."""
    random = np.random.default_rng(0)
    network = checkpoint.network
    noise = torch.from_numpy(random.standard_normal((PROBES, CODE_WIDTH)).astype(np.float32))
    codes = network.code_mean + noise * network.code_deviation
    with warnings.catch_warnings():
        # Of the exporter's own making.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (codes,),
            path,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["code"],
            output_names=["mean", "decoded"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = network(codes)
    pairs = zip(session.run(None, {"code": codes.numpy()}), expected, strict=True)
    difference = max(float(np.abs(one - other.numpy()).max()) for one, other in pairs)
    if difference > TOLERANCE:
        raise ValueError(f"expected the graph within {TOLERANCE} of the network, got {difference}")
    return difference


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.hand_pose.export", description="Write a release.")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="folder of hand-pose releases")
    parser.add_argument("--report", type=Path, help="what evaluate printed")
    arguments = parser.parse_args(argv)
    try:
        report = json.loads(arguments.report.read_text()) if arguments.report else None
        release = export_release(arguments.checkpoint, arguments.root, report)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{release.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
