"""Turn trainings into a release: python -m model.image_text.export --run RUN ... --report FILE --root RELEASES."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from model.image_text.checkpoint import CHECKPOINT_FILES, Checkpoint, encoder_folder, load_checkpoint
from model.image_text.ensemble import Ensemble
from model.image_text.evaluate import scorer_of
from model.image_text.inference import KIND, MATCHERS_FILE
from model.image_text.sentence_encoder import GRAPH_FILE
from model.image_text.sentence_graph import LEAST_COSINE, agreement
from model.image_text.tuning import Tuning
from model.release import Release, set_current, write_release


def export_release(
    runs: Sequence[Path],
    root: Path,
    report: dict[str, Any] | None = None,
    signing_key: Path | None = None,
    graph: Path | None = None,
) -> Release:
    """As `write_matchers`, and make it the current one."""
    release = write_matchers(runs, root, report, signing_key, graph)
    set_current(root, release.release_id)
    return release


def write_matchers(
    runs: Sequence[Path],
    root: Path,
    report: dict[str, Any] | None = None,
    signing_key: Path | None = None,
    graph: Path | None = None,
    origin: Mapping[str, object] | None = None,
) -> Release:
    """Write and verify a release of one ensemble under `root`.

    report: the evaluation's, whose tuning the release serves with; without it vectors are served as trained.
    graph: of the members' frozen sentence encoder, which the release then reads with. origin: facts about what made it.
    Raises ValueError where the graph is another's.
    """
    members = tuple(load_checkpoint(run) for run in runs)
    tuning = replace(Tuning(), **(report or {}).get("tuning", {}))
    ensemble = Ensemble(members, scorer_of(members), tuning)
    described = {
        "feature_space": ensemble.feature_space,
        "members": len(members),
        "scorer": ensemble.scorer,
        "tuning": asdict(tuning),
    }
    files: dict[str, Path | bytes] = {MATCHERS_FILE: json.dumps(described, indent=2).encode()}
    for number, run in enumerate(runs):
        files |= {f"{number}-{name}": run / name for name in CHECKPOINT_FILES if (run / name).exists()}
    if graph is not None:
        files[GRAPH_FILE] = graph
    facts = {
        **(origin or {}),
        "kind": KIND,
        "feature_space": ensemble.feature_space,
        "architectures": [member.config.network.architecture for member in members],
        "data_revision": members[0].facts["data_revision"],
        "git_revision": members[0].facts["git_revision"],
        "sentence_graph": None if graph is None else _least_cosine(members, graph),
        "metrics": report or {"validation": [member.facts["validation"] for member in members]},
    }
    return write_release(root, files, facts, signing_key)


def _least_cosine(members: Sequence[Checkpoint], graph: Path) -> float:
    folders = {encoder_folder(member.config) for member in members if member.config.text.encoder == "minilm"}
    if len(folders) != 1:
        raise ValueError(f"expected members with one frozen sentence encoder for {graph.name}, got {len(folders)}")
    found = agreement(folders.pop(), graph)
    if found < min(LEAST_COSINE.values()):
        raise ValueError(f"expected a graph of the members' sentence encoder in {graph}, its sentences are others")
    return round(found, 5)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.image_text.export", description=__doc__)
    parser.add_argument("--run", type=Path, action="append", required=True, help="a training; repeat for an ensemble")
    parser.add_argument("--root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--report", type=Path, help="report.json of the evaluation")
    parser.add_argument("--sentence-graph", type=Path, help="of python -m model.image_text.sentence_graph")
    parser.add_argument("--signing-key", type=Path, help="private key of python -m model.signature keygen")
    arguments = parser.parse_args(argv)
    report = json.loads(arguments.report.read_text()) if arguments.report else None
    try:
        release = export_release(arguments.run, arguments.root, report, arguments.signing_key, arguments.sentence_graph)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{release.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
