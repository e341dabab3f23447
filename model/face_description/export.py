"""Turn a trained stage into a release: python -m model.face_description.export --checkpoint DIR --root RELEASES."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from model.face_description.checkpoint import CONFIG_FILE, load_checkpoint
from model.face_description.graphs import export_graphs
from model.face_description.inference import KIND, SETTINGS_FILE, Graphs
from model.face_description.stem import Stem
from model.face_description.stem_weights import load_stem
from model.face_description.vocabulary import Vocabulary
from model.release import Release, set_current, write_release
from model.training import WEIGHTS_FILE

CARD_FILE = "model_card.md"
CARD = """# Descriptions of face regions

Says of a box on a face which of six action units can be seen there, which emotion it looks like and which band of age.

- Trained on FER2013 and UTKFace subsets: research sets of real people. For research until a model is trained on faces
  whose rights are cleared. No image of them is in this release.
- The action units' labels were made by another model from landmarks, not by people; scores against them say how well
  that model is followed. Emotion labels are crowd-sourced and of staged or posed faces; ages are apparent ages.
- Known to be weak: anger and neutrality show in none of the six units, so regions never speak of them; drawn, painted
  and edited faces were never seen; faces under 64 px are refused by the service.
- Not for recognising persons, and it has no output of sex, ethnicity or health. Emotion inference is regulated: not to
  be used on people at work or in education. What it writes is what a face looks like, never what a person feels or is.
"""


def export_release(
    checkpoint: Path,
    root: Path,
    report: dict[str, Any] | None = None,
    *,
    stem: Stem | None = None,
    beams: int = 1,
    signing_key: Path | None = None,
) -> Release:
    """Write and verify a release of the checkpoint under `root` and make it the current one.

    report: the evaluation's figures, carried in the manifest. stem: the packaged one where left out. beams: how many
    texts the service weighs against each other. Raises ValueError where a graph disagrees with the model.
    """
    loaded = load_checkpoint(checkpoint)
    words = Vocabulary.of_grammar()
    with tempfile.TemporaryDirectory() as scratch:
        difference = export_graphs(stem or load_stem(), loaded.network, Path(scratch))
        settings = {
            "words": words.words,
            "thresholds": loaded.thresholds.tolist(),
            "max_words": loaded.config.network.max_words,
            "beams": beams,
        }
        files: dict[str, Path | bytes] = {
            name: Path(scratch) / name for name in (Graphs.LOOK, Graphs.PROMPT, Graphs.STEP)
        }
        files |= {name: checkpoint / name for name in (CONFIG_FILE, WEIGHTS_FILE)}
        files |= {SETTINGS_FILE: json.dumps(settings).encode(), CARD_FILE: CARD.encode()}
        facts = {
            **loaded.facts,
            "kind": KIND,
            "graph_difference": difference,
            "metrics": report or {"validation": loaded.facts.get("validation", {})},
        }
        release = write_release(root, files, facts, signing_key)
    set_current(root, release.release_id)
    return release


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_description.export", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of a stage")
    parser.add_argument("--root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--report", type=Path, help="report of the evaluation, JSON")
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--signing-key", type=Path, help="private key of python -m model.signature keygen")
    arguments = parser.parse_args(argv)
    report = json.loads(arguments.report.read_text()) if arguments.report else None
    try:
        release = export_release(
            arguments.checkpoint, arguments.root, report, beams=arguments.beams, signing_key=arguments.signing_key
        )
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{release.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
