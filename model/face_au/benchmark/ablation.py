"""Ablation: the levels of MGRR-Net added one after the other, everything else the same."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.benchmark_rows import Run
from model.face_au.checkpoint import load_checkpoint
from model.face_au.config import FaceAuConfig
from model.face_au.data import revision_of
from model.face_au.evaluate import evaluate, read_ms
from model.face_au.folds import Parts
from model.face_au.train import train

SUITE = "levels"
LEVELS = ("local", "region_graph", "pixel_graph", "channel_graph")
VARIANTS = ("global only", "+ local regions", "+ region graph", "+ pixel graph", "+ channel graph (full)")


def variant_config(config: FaceAuConfig, variant: str, seed: int) -> FaceAuConfig:
    """The configuration with the levels of a variant: as many of LEVELS as its place in VARIANTS."""
    levels: dict[str, Any] = {level: place < VARIANTS.index(variant) for place, level in enumerate(LEVELS)}
    network = dataclasses.replace(config.network, **levels)
    return dataclasses.replace(config, network=network, stage=dataclasses.replace(config.stage, seed=seed))


def ablation_runs(config: FaceAuConfig, dataset: str, parts: Parts, data_dir: Path, seeds: Sequence[int]) -> list[Run]:
    """Every variant under every seed, seed by seed and the full one first."""
    revision = revision_of(parts)

    def run(variant: str, seed: int) -> Run:
        changed = variant_config(config, variant, seed)

        def execute(work: Path) -> dict[str, Any]:
            facts = {"dataset": dataset, "fold": 0}
            checkpoint = train(changed, parts, work, facts, resume=True)
            figures = evaluate(load_checkpoint(work), parts, data_dir)
            minutes = checkpoint.facts["cpu_minutes"]
            parameters = sum(one.numel() for one in checkpoint.network.parameters())
            return {
                "validation": checkpoint.facts["validation"],
                **figures,
                "cpu_ms_per_face": read_ms(checkpoint),
                "parameters": parameters,
                "cpu_minutes": minutes,
            }

        return Run(SUITE, dataset, variant, seed, dataclasses.asdict(changed), revision, execute)

    return [run(variant, seed) for seed in seeds for variant in reversed(VARIANTS)]
