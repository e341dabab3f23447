"""Turn a checkpoint into a release: python -m model.face_au.export --checkpoint DIR --root RELEASES [--report FILE].

The network becomes one ONNX graph that reads a face and its mirror; it is compared with PyTorch before it is published.
"""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch

from model.face_au.checkpoint import Checkpoint, load_checkpoint
from model.face_au.inference import CONFIG_FILE, GRAPH_FILE, INPUT, KIND, OUTPUTS, THRESHOLDS_FILE
from model.face_au.reading import MirroredReader
from model.release import Release, set_current, write_release
from model.training import WEIGHTS_FILE

OPSET = 20
TOLERANCE = 1e-4
CHECKED_BATCHES = (1, 3)
PURPOSE = {
    "weak": "research alone: FER2013 and UTKFace are research sets; labels are machine-made",
    "bp4d": "under the agreement of BP4D",
    "disfa": "under the agreement of DISFA",
    "ckplus": "under the agreement of CK+",
}


def export_release(
    checkpoint: Path, root: Path, report: dict[str, Any] | None = None, signing_key: Path | None = None
) -> Release:
    """Write and verify a release of the checkpoint under `root` and make it the current one.

    report: the evaluation's figures, carried in the manifest as `metrics`. Raises ValueError where the graph differs
    from the network by more than TOLERANCE.
    """
    loaded = load_checkpoint(checkpoint)
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / GRAPH_FILE
        difference = export_graph(loaded, graph)
        files: dict[str, Path | bytes] = {
            CONFIG_FILE: checkpoint / CONFIG_FILE,
            WEIGHTS_FILE: checkpoint / WEIGHTS_FILE,
            GRAPH_FILE: graph,
            THRESHOLDS_FILE: json.dumps(loaded.facts["thresholds"], indent=2).encode(),
        }
        facts = {
            "kind": KIND,
            **loaded.facts,
            "may_be_used_for": PURPOSE[loaded.facts["dataset"]],
            "graph_difference": difference,
            "metrics": report or {"validation": loaded.facts["validation"]},
        }
        release = write_release(root, files, facts, signing_key)
    set_current(root, release.release_id)
    return release


def export_graph(checkpoint: Checkpoint, path: Path) -> float:
    """Write the graph; its largest difference from PyTorch, over random faces. Raises ValueError above TOLERANCE."""
    network = checkpoint.config.network
    reader = MirroredReader(checkpoint.network).eval()
    example = torch.zeros(2, network.colour_channels, network.input_px, network.input_px)
    with warnings.catch_warnings():
        # The exporter that traces announces its end; the newer one takes twenty times as long for many branches.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            reader,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            dynamic_axes={name: {0: "batch"} for name in (INPUT, *OUTPUTS)},
            input_names=[INPUT],
            output_names=list(OUTPUTS),
        )
    return check_graph(reader, path, example.shape[1:])


def check_graph(reader: MirroredReader, path: Path, shape: tuple[int, ...]) -> float:
    """Largest difference of the graph from `reader` over random faces; ValueError above TOLERANCE."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for count in CHECKED_BATCHES:
        faces = np.random.default_rng(count).uniform(-1, 1, (count, *shape)).astype(np.float32)
        with torch.inference_mode():
            wanted = reader(torch.from_numpy(faces))
        found = session.run(list(OUTPUTS), {INPUT: faces})
        for one, other in zip(wanted, found, strict=True):
            worst = max(worst, float(np.abs(one.numpy() - other).max()))
    if not worst <= TOLERANCE:
        raise ValueError(f"expected {path.name} within {TOLERANCE} of the network, got {worst:.3g}")
    return worst


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_au.export", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--report", type=Path, help="report.json of the evaluation")
    parser.add_argument("--signing-key", type=Path, help="private key of python -m model.signature keygen")
    arguments = parser.parse_args(argv)
    try:
        report = json.loads(arguments.report.read_text()) if arguments.report else None
        release = export_release(arguments.checkpoint, arguments.root, report, arguments.signing_key)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{release.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
