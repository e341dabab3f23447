"""MatcherTraining: image-text matchers trained on a folder of pairs, in force unless they find less than those before.

Stages: pairs (what there is to train on), train, evaluate (against those in force), export, publish. What is compared
is rSum on the part `val`, which also chooses the epochs; the part `test` is read for the release's own figures alone.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.durable_files import replace_durably
from model.image_text.captions import Captions, read_captions
from model.image_text.config import ImageTextConfig, load_config
from model.image_text.data import Features
from model.image_text.export import write_matchers
from model.image_text.refresh import judge, rsum_of_release, train_members
from service.trainer.cycle import WORSE, CycleOverError, Stage, check_changed
from service.trainer.journal import Journal
from service.trainer.publication import CYCLE, Publication, current_id
from service.trainer.settings import TrainerSettings

STAGES = ("pairs", "train", "evaluate", "export", "publish")
PAIRS_FILE, CONFIGS_FILE, REPORT_FILE = "pairs.json", "configs.json", "report.json"
TRAINED = "runs"


class MatcherTraining:
    """One cycle's stages. Pairs and configurations are those of its first moment, whatever becomes of their files."""

    def __init__(self, settings: TrainerSettings) -> None:
        assert settings.matcher_root is not None
        assert settings.matcher_pairs is not None
        assert settings.matcher_features is not None
        self._settings = settings
        self._pairs = settings.matcher_pairs
        self._store = settings.matcher_features
        self._publication = Publication(settings, settings.matcher_root)

    def stages(self) -> dict[str, Stage]:
        """Name -> what to do, in order."""
        return {name: getattr(self, name) for name in STAGES}

    def pairs(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """Captions and configurations, kept for the stages that follow."""
        captions, features = read_captions(self._pairs), Features([self._store])
        configs = json.dumps([load_config(Path(path)).to_json() for path in self._settings.matcher_configs])
        seen = {
            "revision": captions.revision(),
            "configs": hashlib.sha256(configs.encode()).hexdigest(),
            "feature_space": features.feature_space,
        }
        check_changed(journal, **seen)
        if not {"train", "val"} <= set(captions.parts):
            raise CycleOverError("too_few_pairs", **seen)
        missing = sum(sha256 not in features for sha256 in captions.sha256)
        if missing:
            raise CycleOverError("features_missing", missing=missing, **seen)
        replace_durably(work / PAIRS_FILE, captions.to_json().encode())
        replace_durably(work / CONFIGS_FILE, configs.encode())
        return {**seen, "images": len(captions), "base": current_id(self._publication.root)}

    def train(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """A matcher for each configuration, from its start in closed form; an epoch is what a kill can cost."""
        configs = [ImageTextConfig.from_json(one) for one in json.loads((work / CONFIGS_FILE).read_text())]
        runs = train_members(configs, *self._data(work, journal), work / TRAINED)
        return {"runs": [str(run.relative_to(work)) for run in runs]}

    def evaluate(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """rSum of those in force and of the new ones, each as it is served."""
        data = self._data(work, journal)
        report = judge(_runs(work, journal), *data, work / TRAINED)
        replace_durably(work / REPORT_FILE, json.dumps(report).encode())
        after = {"rsum": report["selected"]}
        if journal.facts["base"] is None:
            return {"before": None, "after": after}
        in_force = self._publication.in_force()
        if in_force.manifest["facts"]["feature_space"] != journal.facts["feature_space"]:
            # Of two ways to look at pictures neither can be judged by the other's features.
            raise CycleOverError("other_feature_space", after=after)
        before = {"rsum": rsum_of_release(in_force.path, *data, work / TRAINED)}
        if after["rsum"] < before["rsum"]:
            raise CycleOverError(WORSE, before=before, after=after)
        return {"before": before, "after": after}

    def export(self, work: Path, journal: Journal) -> Mapping[str, Any]:
        """The release, not in force yet."""
        report = json.loads((work / REPORT_FILE).read_text())
        release = self._publication.made(
            journal.cycle,
            lambda: write_matchers(
                _runs(work, journal),
                self._publication.root,
                report,
                self._settings.signing_key,
                origin={CYCLE: journal.cycle},
            ),
        )
        return {"release": release.release_id}

    def publish(self, _: Path, journal: Journal) -> Mapping[str, Any]:
        """In force, unless somebody has put others there meanwhile."""
        self._publication.turn_to(journal.facts["release"], journal.facts["base"])
        return {}

    def _data(self, work: Path, journal: Journal) -> tuple[Captions, Features]:
        captions = Captions.from_json((work / PAIRS_FILE).read_text())
        return captions, Features([self._store], journal.facts["feature_space"])


def _runs(work: Path, journal: Journal) -> list[Path]:
    return [work / run for run in journal.facts["runs"]]
