"""Trials: the simulated user selects 200 targets under each way of steadying the cursor."""

from dataclasses import dataclass

import numpy as np
import torch

from model.hand_pose.benchmark.simulated_user import FRAME_S, LIMIT_S, Hand, jitter_of, reach
from model.hand_pose.checkpoint import Checkpoint
from model.hand_pose.cursor import Steps
from model.hand_pose.data import code_stretches
from model.hand_pose.evaluate import Paths
from model.hand_pose.recordings import Stretch

TARGETS = 200
LEAST_DISTANCE = 0.3
RADIUS = 0.05
DWELL_S = 0.5
ERROR, GUIDED_ERROR = 0.10, 0.05
RESAMPLES = 2_000
STILL = "stable"


@dataclass(frozen=True)
class Condition:
    """One row of the table. anti_jitter: whether the network was trained with the term."""

    name: str
    anti_jitter: bool
    steps: Steps
    error: float = ERROR


CONDITIONS = (
    Condition("raw", False, Steps(hold=False, one_euro=False)),
    Condition("+ anti-jitter", True, Steps(hold=False, one_euro=False)),
    Condition("+ hold", True, Steps(one_euro=False)),
    Condition("+ One Euro", True, Steps()),
    Condition("with guidance", True, Steps(), GUIDED_ERROR),
)


@dataclass(frozen=True)
class Trial:
    """time_s: until the target was selected, LIMIT_S where it was not. final_distance: mean of the last half second."""

    selected: bool
    time_s: float
    final_distance: float


def trials(checkpoint: Checkpoint, condition: Condition, held_back: list[Stretch], seed: int) -> list[Trial]:
    """TARGETS trials between held-back poses, drawn in the same order under every condition of a seed."""
    random = np.random.default_rng(seed)
    codes = np.concatenate(code_stretches(held_back))
    still = [one for one in held_back if one.recording.startswith(STILL)] or held_back
    shake = [jitter_of(one) for one in code_stretches(still) if len(one) * FRAME_S > LIMIT_S]
    places = _places(checkpoint, codes)
    found: list[Trial] = []
    while len(found) < TARGETS:
        start, target = random.integers(len(codes), size=2)
        hand = Hand(condition.error, shake[random.integers(len(shake))])
        if np.linalg.norm(places[start] - places[target]) < LEAST_DISTANCE:
            continue
        seen = reach(codes[start], codes[target], hand, np.random.default_rng((seed, int(start), int(target))))
        path = Paths(_places(checkpoint, seen.astype(np.float32)), np.arange(len(seen)) * FRAME_S)
        found.append(_trial(path.steadied(checkpoint, condition.steps), places[target]))
    return found


def _places(checkpoint: Checkpoint, codes: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return checkpoint.skeleton.layout.place(checkpoint.network.encode(torch.from_numpy(codes)).mean.numpy())


def _trial(shown: np.ndarray, target: np.ndarray) -> Trial:
    distance = np.linalg.norm(shown - target, axis=1)
    dwell = round(DWELL_S / FRAME_S)
    inside = np.convolve(distance <= RADIUS, np.ones(dwell), "valid") == dwell
    if not inside.any():
        return Trial(False, LIMIT_S, float(distance[-dwell:].mean()))
    end = int(np.argmax(inside)) + dwell
    return Trial(True, end * FRAME_S, float(distance[end - dwell : end].mean()))


def interval(values: np.ndarray) -> list[float]:
    """Mean and its 95 % bootstrap interval over trials: [mean, low, high]."""
    random = np.random.default_rng(0)
    means = values[random.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    return [float(values.mean()), *(float(one) for one in np.quantile(means, [0.025, 0.975]))]


def summary(found: list[Trial]) -> dict[str, list[float]]:
    """Each measure of the trials with its interval."""
    return {
        "selected": interval(np.array([trial.selected for trial in found], dtype=np.float64)),
        "time_s": interval(np.array([trial.time_s for trial in found])),
        "final_distance": interval(np.array([trial.final_distance for trial in found])),
    }
