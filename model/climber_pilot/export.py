"""Turn a checkpoint into a release: python -m model.climber_pilot.export --checkpoint DIR --root RELEASES."""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from model.catalogue import Catalogue
from model.climber_pilot.checkpoint import load_checkpoint, stage_folder
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, INDEX_FILE, SEARCH, WEIGHTS_FILE
from model.climber_pilot.onnx_export import export_graphs
from model.item_index import ItemIndex
from model.release import Release, set_current, write_release


def export_release(
    checkpoint: Path,
    root: Path,
    report: dict[str, Any] | None = None,
    *,
    graphs: bool = True,
    signing_key: Path | None = None,
) -> Release:
    """Write and verify a release of the checkpoint under `root` and make it the current one.

    report: the evaluation's figures, carried in the manifest as `metrics`. signing_key: see model/signature.py.
    graphs: carry those of onnx_export.py, some seconds per tower; ValueError where one disagrees with the model.
    """
    loaded = load_checkpoint(checkpoint)
    with tempfile.TemporaryDirectory() as scratch:
        files = checkpoint_files(checkpoint, Path(scratch), graphs=graphs)
        release = write_release(root, files, release_facts(loaded.facts, report), signing_key)
    set_current(root, release.release_id)
    return release


def checkpoint_files(checkpoint: Path, folder: Path, *, graphs: bool = True) -> dict[str, Path]:
    """Name -> where it lies, of each file of a release of the checkpoint; what has to be made is made in `folder`."""
    loaded, stage = load_checkpoint(checkpoint), stage_folder(checkpoint)
    with torch.inference_mode():
        vectors = loaded.model.scored(loaded.model.items()).numpy()
    save_file(index_arrays(loaded.catalogue, vectors, loaded.popularity), folder / INDEX_FILE)
    files = {name: stage / name for name in (CONFIG_FILE, CATALOGUE_FILE, WEIGHTS_FILE)}
    if graphs:
        files |= export_graphs(loaded.model, folder)
    return {**files, INDEX_FILE: folder / INDEX_FILE}


def release_facts(facts: Mapping[str, Any], report: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a manifest says of a release made from a checkpoint with these facts."""
    return {"kind": "climber_pilot", **facts, "metrics": report or {"validation": facts["validation"]}}


def index_arrays(catalogue: Catalogue, vectors: np.ndarray, popularity: np.ndarray) -> dict[str, np.ndarray]:
    """What the service searches: scored item vectors [V, D], popularity [V], and what the item index builds of them.

    In the release, so that every worker of a machine maps the same bytes instead of building its own.
    """
    built = ItemIndex(catalogue, vectors).arrays()
    found = {f"{SEARCH}{name}": array for name, array in built.items()}
    return {"item_vectors": vectors, "popularity": popularity, **found}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.climber_pilot.export", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--report", type=Path, help="report.json of the evaluation")
    parser.add_argument("--signing-key", type=Path, help="private key of python -m model.signature keygen")
    arguments = parser.parse_args(argv)
    report = json.loads(arguments.report.read_text()) if arguments.report else None
    try:
        release = export_release(arguments.checkpoint, arguments.root, report, signing_key=arguments.signing_key)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{release.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
