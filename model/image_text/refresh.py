"""Refresh: train, evaluate and publish a matcher in one call, for a job that runs when pairs or features have grown."""

import json
from pathlib import Path

from model.image_text.captions import Captions
from model.image_text.config import ImageTextConfig
from model.image_text.data import Features
from model.image_text.evaluate import evaluate
from model.image_text.export import export_release
from model.image_text.train import prepare, train
from model.release import Release

REPORT_FILE = "report.json"


def refresh(
    config: ImageTextConfig,
    captions: Captions,
    features: Features,
    work: Path,
    out: Path,
    signing_key: Path | None = None,
) -> Release:
    """Leave a new release in force under `out`.

    work: a folder of this refresh alone, where a run that was stopped goes on; give another one to begin anew. The
    figures of the release are those of the part `test` where captions have one, else of `val`.
    """
    cache = work / "texts"
    run = train(prepare(config, captions, features, cache), work / "run", resume=True)
    report = evaluate([run], captions, features, "test" if "test" in captions.parts else "val", cache)
    (work / REPORT_FILE).write_text(json.dumps(report, indent=2))
    return export_release([run], out, report, signing_key)
