"""The gate drill: releases of the same data under other seeds must be let in, planted defects must not."""

import itertools
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from loadtest.release_drill.variants import PLANTS, write_variant
from model.climber_pilot.config import ClimberPilotConfig, NetworkConfig, ObjectiveConfig, StageConfig
from model.climber_pilot.export import export_release
from model.climber_pilot.inference import Retriever
from model.climber_pilot.train import train
from model.condition import Condition
from model.datasets.dataset import Dataset
from model.datasets.registry import load_dataset
from model.release import current_release
from service.history_codec import HistoryEvent
from service.quality_gate import GateError, QualityGate
from service.recent_requests import RecentRequest
from service.releases import ServedRelease

Worlds = Mapping[str, Sequence[HistoryEvent]]
USERS, ITEMS, DAYS = 300, 1_500, 30.0
EVENTS = 100


def small_world() -> Dataset:
    """Simulated listeners; everything here is."""
    return load_dataset("music-world", users=USERS, items=ITEMS, days=DAYS, seed=7)


def train_seeds(dataset: Dataset, folder: Path, seeds: Sequence[int]) -> list[Path]:
    """A small release per seed, about half a minute each; those that are there are used again."""
    paths = []
    for seed in tqdm(seeds, desc="trainings", unit="seed"):
        root = folder / f"seed-{seed}"
        if not (root / "current").exists():
            stage = StageConfig(batch_size=16, warmup_steps=2, seed=seed)
            config = ClimberPilotConfig(
                network=NetworkConfig(width=32, feed_forward_width=64, id_buckets=65_536, max_history=EVENTS),
                objective=ObjectiveConfig(held_out_user_share=0.1),
                pretrain=replace(stage, epochs=4, learning_rate=0.01),
                finetune=replace(stage, epochs=1, learning_rate=0.003),
            )
            with tempfile.TemporaryDirectory() as scratch:
                for name in ("pretrain", "finetune"):
                    train(name, config, dataset, Path(scratch), resume=False)
                export_release(Path(scratch), root, graphs=False)
        paths.append(current_release(root))
    return paths


class PastRequests:
    """What listeners of the data would have asked at some moment: two genres or nothing."""

    def __init__(self, dataset: Dataset) -> None:
        events = dataset.interactions
        self._genres = sorted({genre for genres in dataset.items["genre"] for genre in genres})
        self._histories: dict[str, list[HistoryEvent]] = {}
        for user, item_id, time_s in zip(events["user_id"], events["item_id"], events["event_time_s"], strict=True):
            self._histories.setdefault(user, []).append(HistoryEvent(item_id, time_s))

    def sample(self, count: int, seed: int) -> list[RecentRequest]:
        """Of listeners drawn by a seed."""
        rng = random.Random(seed)
        users = list(self._histories)
        requests = []
        for _ in range(count):
            own = self._histories[rng.choice(users)]
            stop = rng.randint(max(2, len(own) // 2), max(2, len(own)))
            genres = rng.sample(self._genres, 2) if rng.random() < 0.7 else ()
            wheres = tuple({"genre": {"any": [genre]}} for genre in genres)
            requests.append(RecentRequest(None, tuple(own[:stop][-EVENTS:]), wheres, 20))
        return requests


def judge_pairs(past: PastRequests, paths: Sequence[Path], gate: QualityGate, requests: int) -> dict[str, Any]:
    """Every release after every other one, judged on other requests each time; how many were refused, and why."""
    served = [_served(path) for path in paths]
    refused: dict[str, int] = {}
    pairs = list(itertools.permutations(range(len(served)), 2))
    for number, (before, after) in enumerate(tqdm(pairs, desc="A/A publishes", unit="publish")):
        reason = _judged(gate, served[after], served[before], past.sample(requests, number))
        if reason is not None:
            refused[reason] = refused.get(reason, 0) + 1
    return {"plant": "none", "publishes": len(pairs), "requests": requests, "refused": refused}


def judge_plants(past: PastRequests, paths: Sequence[Path], gate: QualityGate, requests: int) -> list[dict[str, Any]]:
    """Per planted defect: how often it was refused, after a release of each seed, asked much and asked nothing."""
    rows = []
    for name, plant in PLANTS.items():
        for asked in (requests, 0):
            reasons: dict[str, int] = {}
            with tempfile.TemporaryDirectory() as scratch:
                for number, path in enumerate(tqdm(paths, desc=f"{name}, {asked} requests", unit="publish")):
                    before = _served(write_variant(path, Path(scratch), plant.before, {"number": number}).path)
                    defect = _served(write_variant(path, Path(scratch), plant.change, {"defect": number}).path)
                    sample = past.sample(asked, number)
                    reason = _judged(gate, defect, before, sample) or "let in"
                    reasons[reason] = reasons.get(reason, 0) + 1
            caught = sum(count for reason, count in reasons.items() if reason in plant.reasons)
            rows.append(
                {"plant": name, "publishes": len(paths), "requests": asked, "caught": caught, "reasons": reasons}
            )
    return rows


def _served(path: Path) -> ServedRelease:
    return ServedRelease(Retriever.load(path), Condition(), ())


def _judged(
    gate: QualityGate, candidate: ServedRelease, before: ServedRelease, requests: Sequence[RecentRequest]
) -> str | None:
    try:
        gate.judge(candidate, before, requests)
    except GateError as error:
        return error.code
    return None
