"""Metrics of descriptions that need no judge, and the traditional ones."""

from collections.abc import Sequence

import numpy as np

from model.face_description.decisions import false_claims, pooled_f1
from model.face_description.exam import Item, shown_units, true_units
from model.face_description.labels import BAND_YEARS, EMOTIONS, Labels, band_of
from model.face_description.regions import UNITS


def text_metrics(items: Sequence[Item], stated: Sequence[Labels], decided: Sequence[Labels]) -> dict[str, float]:
    """What texts are worth, by what they state (parsed) against the truth, the box and the labels that were output.

    fidelity: F1 of the units named against those that are there and can be seen, over all boxes at once. focus: 1 - the
    share of named units that the box cannot show. consistency: share of texts that state exactly the labels.
    false_claims: of the boxes with nothing in them, the share with a claim. sensitivity: of the pairs of boxes far
    apart on one face whose truths differ, the share whose named sets differ.
    """
    named = _matrix(stated)
    true, shown = true_units(items), shown_units(items)
    count = float(named.sum())
    return {
        "fidelity": pooled_f1(named, true),
        "fidelity_mean": float(np.mean([pooled_f1(named[:, [one]], true[:, [one]]) for one in range(len(UNITS))])),
        "focus": 1.0 - float((named & ~shown).sum()) / count if count else 1.0,
        "consistency": float(np.mean([one == other for one, other in zip(stated, decided, strict=True)])),
        "false_claims": false_claims(named, true),
        "sensitivity": _sensitivity(items, named, true),
    }


def _sensitivity(items: Sequence[Item], named: np.ndarray, true: np.ndarray) -> float:
    """1 where no pair of boxes has different truths."""
    pairs = [
        (position, item.pair) for position, item in enumerate(items) if item.pair is not None and item.pair > position
    ]
    differing = [(one, other) for one, other in pairs if (true[one] != true[other]).any()]
    if not differing:
        return 1.0
    return float(np.mean([(named[one] != named[other]).any() for one, other in differing]))


def label_metrics(
    emotions: np.ndarray, true_emotions: np.ndarray, ages: np.ndarray, true_ages: np.ndarray
) -> dict[str, float]:
    """Of whole faces: emotion accuracy, age error in years and share of right bands, each over the faces that have one.

    emotions [n, 7] and ages [n, 10]: probabilities; true_emotions, true_ages [n], below 0 without a label.
    """
    felt, aged = true_emotions >= 0, true_ages >= 0
    years = ages[aged] @ np.array(BAND_YEARS)
    bands = np.array([band_of(float(age)) for age in true_ages[aged]])
    assert emotions.shape[1] == len(EMOTIONS)
    return {
        "emotion_accuracy": float((emotions[felt].argmax(1) == true_emotions[felt]).mean()),
        "age_error_years": float(np.abs(years - true_ages[aged]).mean()),
        "age_band_accuracy": float((ages[aged].argmax(1) == bands).mean()),
    }


def reference_metrics(texts: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """BLEU-1, BLEU-4 and ROUGE-L (F) of texts against several references each; needs torchmetrics (extra bench)."""
    from torchmetrics.functional.text import bleu_score, rouge_score

    rouge = rouge_score(list(texts), [list(some) for some in references], accumulate="best", rouge_keys="rougeL")
    return {
        "bleu1": float(bleu_score(list(texts), [list(some) for some in references], n_gram=1)),
        "bleu4": float(bleu_score(list(texts), [list(some) for some in references], n_gram=4)),
        "rouge_l": float(rouge["rougeL_fmeasure"]),
    }


def _matrix(labels: Sequence[Labels]) -> np.ndarray:
    return np.array([[unit in (one.units or {}) for unit in UNITS] for one in labels], dtype=bool)
