"""Variants: stage by stage and its rivals - all at once, without the zoomed crop, without the box."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.benchmark_rows import Run
from model.face_description.checkpoint import load_checkpoint
from model.face_description.config import STAGES, TOGETHER, DescriberConfig
from model.face_description.evaluate import evaluate
from model.face_description.prepared import PreparedFaces
from model.face_description.train import train

SUITE = "stages"
DATASET = "fer2013 and utkface subsets"
STAGED, AT_ONCE, NO_CROP, NO_BOX = "stage by stage", "all at once", "without crop", "without box"
VARIANTS = (STAGED, AT_ONCE, NO_CROP, NO_BOX)


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """The prepared faces of the three parts."""

    train: PreparedFaces
    validation: PreparedFaces
    test: PreparedFaces

    @property
    def revision(self) -> str:
        """Fingerprint of which faces are in which part."""
        keys = [part.keys for part in (self.train, self.validation, self.test)]
        return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16]


def variant_config(config: DescriberConfig, variant: str, seed: int) -> DescriberConfig:
    """The configuration of a variant under a seed."""
    network = dataclasses.replace(config.network, use_crop=variant != NO_CROP, use_box=variant != NO_BOX)
    return dataclasses.replace(config, network=network, stage=dataclasses.replace(config.stage, seed=seed))


def variant_runs(config: DescriberConfig, parts: Parts, variants: Sequence[str], seeds: Sequence[int]) -> list[Run]:
    """Every variant under every seed, seed by seed; the test part is read when its training has ended."""

    def run(variant: str, seed: int) -> Run:
        changed = variant_config(config, variant, seed)

        def execute(work: Path) -> dict[str, Any]:
            together = variant == AT_ONCE
            train(changed, parts.train, parts.validation, work, resume=True, together=together)
            stages = (TOGETHER,) if together else STAGES
            reports = {}
            for stage in stages:
                checkpoint = load_checkpoint(work / stage)
                reports[stage] = evaluate(checkpoint, parts.test, texts=stage == stages[-1])
            facts = [load_checkpoint(work / stage).facts for stage in stages]
            minutes = facts[0]["rehearsal"]["cpu_minutes"] + sum(one["cpu_minutes"] for one in facts)
            return {
                **reports[stages[-1]],
                "stages": {stage: report["tasks"] for stage, report in reports.items()},
                "cpu_minutes": minutes,
            }

        # How the stages are ordered is no part of the configuration, but of what decides the result.
        decides = {**dataclasses.asdict(changed), "variant": variant}
        return Run(SUITE, DATASET, variant, seed, decides, parts.revision, execute)

    return [run(variant, seed) for seed in seeds for variant in variants]
