"""Refresh: from pairs to trained and judged matchers, and how good those in force are on the same validation part.

Begun again after a kill, each step comes to the same result.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.image_text.captions import Captions
from model.image_text.config import ImageTextConfig
from model.image_text.data import Features
from model.image_text.evaluate import Judged, evaluate, report_of, stages
from model.image_text.inference import load_release
from model.image_text.train import prepare, train

SELECTED, JUDGED = "val", "test"
TEXTS = "texts"


def train_members(configs: Sequence[ImageTextConfig], captions: Captions, features: Features, work: Path) -> list[Path]:
    """A finished training for each configuration, in a folder of this refresh alone."""
    cache = work / TEXTS
    return [
        train(prepare(config, captions, features, cache), work / f"run-{number}", resume=True)
        for number, config in enumerate(configs)
    ]


def judge(runs: Sequence[Path], captions: Captions, features: Features, work: Path) -> dict[str, Any]:
    """The evaluation's report, on the part `test` where captions have one, else on `val`; `selected`: rSum on `val`."""
    report = evaluate(runs, captions, features, SELECTED, work / TEXTS)
    selected = served_rsum(report["metrics"])
    if JUDGED in captions.parts:
        report = evaluate(runs, captions, features, JUDGED, work / TEXTS)
    return {**report, "selected": selected}


def rsum_of_release(release: Path, captions: Captions, features: Features, work: Path) -> float:
    """rSum of a verified release on the part `val`, as it serves; ValueError for one of another feature space."""
    ensemble = load_release(release)
    judged = Judged(ensemble.members, captions.part(SELECTED), features, work / TEXTS)
    return served_rsum(report_of(ensemble, judged, stages(ensemble, judged), SELECTED)["metrics"])


def served_rsum(metrics: dict[str, dict[str, float]]) -> float:
    """rSum of the last stage that is served."""
    return metrics.get("reranked", metrics["corrected"])["rsum"]
