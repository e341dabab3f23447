"""Evaluate a trained stage: python -m model.face_description.evaluate --checkpoint DIR --data-dir FACES --cache DIR.

Every face of a part, six of its regions and four arbitrary boxes. References are written in wordings that training
never saw, so that nobody wins by copying.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.face_description.checkpoint import Checkpoint, load_checkpoint
from model.face_description.decisions import decide, pooled_f1, unit_matrix
from model.face_description.derivation import Derivation
from model.face_description.exam import TASKS, Item, Seen, look_at, set_exam, true_units
from model.face_description.faces import load_faces
from model.face_description.grammar import describe
from model.face_description.labels import ATTRIBUTES, Labels
from model.face_description.metrics import label_metrics, reference_metrics, text_metrics
from model.face_description.parsing import parse
from model.face_description.prepared import PreparedFaces, prepare
from model.face_description.stem_weights import load_stem
from model.face_description.told import told
from model.face_description.vocabulary import Vocabulary
from model.face_description.writer import write_all

REFERENCES = 4
COMPARED_FACES = 100


def evaluate(checkpoint: Checkpoint, prepared: PreparedFaces, *, texts: bool = True) -> dict[str, Any]:
    """Figures over all boxes and by task.

    texts: of what is written, and what the first COMPARED_FACES would get without a guide, without being told the
    labels, and against references; where False, figures of what the heads decided and nothing is written.
    """
    items = set_exam(prepared)
    seen = look_at(checkpoint.network, prepared, items)
    decided = [
        decide(seen.of(position), checkpoint.thresholds, item.question.region) for position, item in enumerate(items)
    ]
    stated = [parse(text) for text in _texts(checkpoint, seen, items, decided)] if texts else decided
    whole = [position for position, item in enumerate(items) if item.task == "face"]
    report: dict[str, Any] = {
        "boxes": len(items),
        "faces": len(prepared),
        **text_metrics(items, stated, decided),
        **label_metrics(seen.emotion[whole], prepared.emotion.numpy(), seen.age[whole], prepared.age.numpy()),
        "label_f1": pooled_f1(unit_matrix([one.units or {} for one in decided]), true_units(items)),
        "tasks": {task: _of_task(task, items, stated, decided) for task in TASKS},
    }
    if texts:
        some = [item for item in items if item.face < COMPARED_FACES]
        unguided = [parse(text) for text in _texts(checkpoint, seen, some, decided, guided=False)]
        unaided = [parse(text) for text in _texts(checkpoint, seen, some, decided, ATTRIBUTES, guided=False)]
        report["compared_boxes"] = len(some)
        report["without_a_guide"] = text_metrics(some, unguided, decided[: len(some)])
        report["read_off_the_pixels"] = text_metrics(some, unaided, decided[: len(some)])
        report |= _against_references(checkpoint, seen, some, decided)
    return report


def _of_task(task: str, items: Sequence[Item], stated: Sequence[Labels], decided: Sequence[Labels]) -> dict[str, float]:
    chosen = [position for position, item in enumerate(items) if item.task == task]
    found = text_metrics(
        # A pair is told by its position among all items.
        [Item(one.face, one.task, one.question, one.true) for one in (items[position] for position in chosen)],
        [stated[position] for position in chosen],
        [decided[position] for position in chosen],
    )
    return {name: value for name, value in found.items() if name != "sensitivity"}


def _texts(
    checkpoint: Checkpoint,
    seen: Seen,
    items: Sequence[Item],
    labels: Sequence[Labels],
    withheld: Sequence[str] = (),
    guided: bool = True,
) -> list[str]:
    """Of the first boxes that were seen, as many as there are items."""
    words = Vocabulary.of_grammar()
    asked = [(one, item.question.place) for one, item in zip(labels, items, strict=False)]
    codes = [told(one, place, withheld) for one, place in asked]
    guides = [Derivation.of(one, place, words) for one, place in asked] if guided else None
    return write_all(checkpoint.network, seen.memory[: len(items)], codes, words, guides)


def _against_references(
    checkpoint: Checkpoint, seen: Seen, items: Sequence[Item], decided: Sequence[Labels]
) -> dict[str, float]:
    """Texts about what has a label, against four references in wordings that training never saw."""
    asked = [
        Labels(
            one.units,
            None if item.true.emotion is None else one.emotion,
            None if item.true.age is None else one.age,
        )
        for one, item in zip(decided, items, strict=False)
    ]
    texts = _texts(checkpoint, seen, items, asked)
    rng = random.Random(0)
    references = [
        [describe(item.true, item.question.place, rng, held_back=True) for _ in range(REFERENCES)] for item in items
    ]
    return reference_metrics(texts, references)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_description.evaluate", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of a stage")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with fer2013/ and utkface/")
    parser.add_argument("--cache", type=Path, required=True, help="where prepared faces are kept")
    parser.add_argument("--part", choices=("validation", "test"), default="validation")
    parser.add_argument("--out", type=Path, help="also write the report there, as JSON")
    arguments = parser.parse_args(argv)
    try:
        checkpoint = load_checkpoint(arguments.checkpoint)
        faces = load_faces(arguments.data_dir)
        report = evaluate(checkpoint, prepare(faces, arguments.part, load_stem(), arguments.cache))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    text = json.dumps(rounded(report), indent=2) + "\n"
    if arguments.out:
        arguments.out.write_text(text)
    sys.stdout.write(text)
    return 0


def rounded(value: Any) -> Any:
    """Figures to four digits, however deep they lie."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return round(float(value), 4) if isinstance(value, float | np.floating) else value


if __name__ == "__main__":
    sys.exit(main())
