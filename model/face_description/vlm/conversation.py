"""Conversation: what is said to the vision-language model and what it has to answer, a text and then a line of JSON."""

import json
from collections.abc import Sequence

from model.face_description.labels import BANDS, EMOTIONS, NOT_SHOWN, Labels, band_name, unit_name
from model.face_description.regions import UNITS

SYSTEM = "You describe what a part of a face looks like. You never say what a person feels or is, nor who it is."
IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
_UNIT_OF = {unit_name(unit): unit for unit in UNITS}
_BAND_OF = {band_name(band): band for band in range(len(BANDS))}


def opening(
    box: tuple[int, int, int, int], place: str, attributes: Sequence[str], earlier: Sequence[str], as_json: bool
) -> str:
    """The conversation up to where the model answers, in the chat form of Qwen; one image placeholder.

    box: in resized pixels. earlier: what the model answered before in the same talk, oldest first.
    """
    asked = ", ".join(attributes)
    line = " Then a line of JSON with the labels." if as_json else ""
    before = "".join(f"<|im_start|>assistant\n{text}<|im_end|>\n" for text in earlier)
    return (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
        f"<|im_start|>user\n{IMAGE}The face in the picture.<|im_end|>\n{before}"
        f"<|im_start|>user\nDescribe {place.replace('_', ' ')}, box {list(box)}: {asked}.{line}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def expected_answer(text: str, labels: Labels, as_json: bool) -> str:
    """What training wants to read: the text, and from the last stage on the labels after it."""
    return f"{text}\n{json.dumps(labels_document(labels))}<|im_end|>" if as_json else f"{text}<|im_end|>"


def labels_document(labels: Labels) -> dict[str, object]:
    """Labels as JSON has them; what was not asked is left out."""
    document: dict[str, object] = {}
    if labels.units is not None:
        document["aus"] = {unit_name(unit): certainty for unit, certainty in labels.units.items()}
    if labels.emotion is not None:
        document["emotion"] = labels.emotion
    if labels.age is not None:
        document["age"] = labels.age if isinstance(labels.age, str) else band_name(labels.age)
    return document


def read_answer(answer: str) -> tuple[str, Labels | None]:
    """The text and the labels of the JSON line; None where there is no line or it is no answer to the question."""
    text, _, line = answer.strip().partition("\n")
    try:
        document = json.loads(line)
        if not isinstance(document, dict):
            return text, None
        return text, _labels(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        return text, None


def _labels(document: dict[str, object]) -> Labels:
    """Raises KeyError and ValueError for labels that do not exist."""
    aus, emotion, age = (document.get(name) for name in ("aus", "emotion", "age"))
    units = None
    if aus is not None:
        units = {_UNIT_OF[name]: certainty for name, certainty in aus.items()}  # type: ignore[attr-defined]
        if not set(units.values()) <= {"faint", "clear"}:
            raise ValueError(f"expected faint or clear, got {units}")
    if emotion is not None and emotion not in (NOT_SHOWN, *EMOTIONS):
        raise ValueError(f"expected an emotion, got {emotion}")
    band = age if age is None or age == NOT_SHOWN else _BAND_OF[str(age)]
    return Labels(units, emotion, band)
