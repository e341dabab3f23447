"""Inference: an exported describer that answers with ONNX Runtime; loads no training code and no PyTorch model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime

from model.face_description.answer import Answer, Asked
from model.face_description.decisions import Probabilities, decide
from model.face_description.decoding import Guide, Kept, write_texts
from model.face_description.derivation import Derivation
from model.face_description.grammar import BOX, vocabulary, written
from model.face_description.labels import EMOTIONS, Labels
from model.face_description.parsing import parse
from model.face_description.questions import FACE_BOX
from model.face_description.regions import FACE, UNITS, Sight, face_window
from model.face_description.told import told
from model.face_description.vocabulary import Vocabulary
from model.face_description.window import cut_window, grey, within
from model.release import Release

KIND = "face-description"
SETTINGS_FILE = "describer.json"


@dataclass(frozen=True, eq=False)
class Graphs:
    """The three graphs of a release; see graphs.py for their shapes."""

    LOOK: ClassVar[str] = "look.onnx"
    PROMPT: ClassVar[str] = "prompt.onnx"
    STEP: ClassVar[str] = "step.onnx"
    _look: onnxruntime.InferenceSession
    _prompt: onnxruntime.InferenceSession
    _step: onnxruntime.InferenceSession

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> "Graphs":
        """Open the graphs of a folder; threads: of one run."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        return cls(
            *(
                onnxruntime.InferenceSession(folder / name, options, providers=["CPUExecutionProvider"])
                for name in (cls.LOOK, cls.PROMPT, cls.STEP)
            )
        )

    def look(self, pixels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, ...]:
        """claims [B, 6], sight [B, 7], emotion [B, 7], age [B, 10], memory [B, 98, D]."""
        return _run(self._look, pixels, boxes)

    def prompt(self, memory: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Keys and values of the decoder's blocks, stacked."""
        return _run(self._prompt, memory, codes)[0]

    def step(
        self, words: np.ndarray, place: np.ndarray, kept: np.ndarray, prompt: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Logits of the next word, and what to keep."""
        return _run(self._step, words, place, kept, prompt)


def _run(session: onnxruntime.InferenceSession, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
    names = [one.name for one in session.get_inputs()]
    return tuple(session.run(None, dict(zip(names, inputs, strict=True))))


class Describer:
    """The small model as a backend."""

    def __init__(self, graphs: Graphs, settings: dict[str, Any], name: str) -> None:
        """settings: words, thresholds, max_words and beams."""
        self._graphs = graphs
        self._words = Vocabulary(settings["words"])
        self._thresholds = np.array(settings["thresholds"])
        self._max_words, self._beams = int(settings["max_words"]), int(settings["beams"])
        self.name = name

    @classmethod
    def load(cls, release: Release, threads: int = 1) -> "Describer":
        """The describer of a verified release; ValueError for one of another kind or with other words."""
        kind = release.manifest["facts"].get("kind")
        if kind != KIND:
            raise ValueError(f"expected a release of kind {KIND}, got {kind}")
        settings = json.loads((release.path / SETTINGS_FILE).read_text())
        missing = sorted(set(vocabulary()) - set(settings["words"]))
        if missing:
            raise ValueError(f"expected a release that has the grammar's words, got one without {missing[:5]}")
        return cls(Graphs.load(release.path, threads), settings, release.release_id)

    def describe(self, asked: Sequence[Asked]) -> list[Answer]:
        """All boxes in one batch."""
        windows = [face_window(one.landmarks) for one in asked]
        pixels = np.stack([cut_window(grey(one.pixels), window) for one, window in zip(asked, windows, strict=True)])
        # The whole face is one and the same box of every window, as in training.
        boxes = np.array(
            [
                FACE_BOX if one.region == FACE else within(one.box, window)
                for one, window in zip(asked, windows, strict=True)
            ]
        )
        claims, sight, emotion, age, memory = self._graphs.look(
            pixels[:, None].astype(np.float32), boxes.astype(np.float32)
        )
        found = [
            Probabilities(claims[row], float(sight[row, len(UNITS)]), emotion[row], age[row])
            for row in range(len(asked))
        ]
        labels = [
            decide(one, self._thresholds, question.region, question.attributes)
            for one, question in zip(found, asked, strict=True)
        ]
        places = [question.region or BOX for question in asked]
        codes = [told(one, place) for one, place in zip(labels, places, strict=True)]
        guides = [Derivation.of(one, place, self._words) for one, place in zip(labels, places, strict=True)]
        texts = self._write(memory, np.array(codes), guides)
        return [
            _answer(question, one, label, text)
            for question, one, label, text in zip(asked, found, labels, texts, strict=True)
        ]

    def _write(self, memory: np.ndarray, codes: np.ndarray, guides: Sequence[Guide]) -> list[list[str]]:
        prompt = self._graphs.prompt(memory, codes)

        def step(words: np.ndarray, place: int, kept: Kept, rows: np.ndarray) -> tuple[np.ndarray, Kept]:
            logits, now = self._graphs.step(words, np.array([place]), kept[0], prompt[rows])
            return logits, [now]

        nothing = np.zeros((len(codes), *prompt.shape[1:3], 0, prompt.shape[-1]), dtype=np.float32)
        numbers = write_texts(step, len(codes), [nothing], beams=self._beams, max_words=self._max_words, guides=guides)
        return [self._words.decode(one) for one in numbers]


def _answer(asked: Asked, found: Probabilities, labels: Labels, text: list[str]) -> Answer:
    stated = parse(" ".join(text))
    return Answer(
        text=written(text),
        labels=labels,
        focus=focus_of(asked, stated),
        consistent=stated == labels,
        units={unit: float(found.claims[number]) for number, unit in enumerate(UNITS)},
        emotions={emotion: float(found.emotion[number]) for number, emotion in enumerate(EMOTIONS)},
        bands=tuple(float(one) for one in found.age),
    )


def focus_of(asked: Asked, stated: Labels) -> float:
    """1 - the share of the units named in a text that the box cannot show; 1 where none is named."""
    named = set(stated.units or {})
    shown = frozenset(UNITS) if asked.region == FACE else Sight(asked.landmarks).units(asked.box, asked.region)
    return 1.0 - len(named - shown) / len(named) if named else 1.0
