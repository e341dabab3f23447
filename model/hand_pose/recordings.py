"""Recordings of hands: landmark files of different units -> right-handed points in one unit, in unbroken stretches."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from model.hand_pose.pose_code import NUM_LANDMARKS, flexion

Part = Literal["train", "validation", "test"]
FRAME_S = 1 / 30
LONGEST_STEP_S = 0.1
SHORTEST_STRETCH = 3
# Of every ten recordings of a source, in the order of their names' hashes.
TEST_SHARE, VALIDATION_SHARE = 0.1, 0.1


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames of one hand. points: float32 [T, 21, 3], right-handed, in image widths; time_s: [T].

    mirrored: the frames showed a left hand, or a right one in a mirror.
    """

    source: str
    recording: str
    points: np.ndarray
    time_s: np.ndarray
    mirrored: bool


@dataclass(frozen=True)
class _Source:
    """How a file tells its frames. scale: what takes x, y and z to image widths (the aspect ratio is an estimate that
    makes bone lengths most constant; no source states it). real_time: clock is in seconds,
    else in frames at 30 a second.
    """

    file: str
    recording: str
    hand: str
    clock: str
    scale: tuple[float, float, float]
    real_time: bool = False


SOURCES = {
    "clarinet": _Source("trajectories_clarinet.csv.gz", "recording", "track", "frame", (1 / 1920, 1 / 1920, 1.0)),
    "sapiens": _Source("trajectories_sapiens_timed.csv", "block", "hand", "t", (1.0, 0.595, 1.0), real_time=True),
    "signs": _Source("trajectories_signs.csv", "sequence", "hand", "frame", (1.0, 0.5625, 1.0)),
}


def load_stretches(folder: Path) -> list[Stretch]:
    """Every stretch of the sources that lie in `folder`; ValueError where none does."""
    stretches: list[Stretch] = []
    for name, source in SOURCES.items():
        if (folder / source.file).exists():
            stretches += _read(name, source, folder / source.file)
    if not stretches:
        raise ValueError(f"expected one of {[one.file for one in SOURCES.values()]} in {folder}, got none")
    return stretches


def split(stretches: list[Stretch]) -> dict[Part, list[Stretch]]:
    """Whole recordings apart: neighbouring frames are near-duplicates, so that no recording lies in two parts."""
    parts: dict[Part, list[Stretch]] = {"train": [], "validation": [], "test": []}
    for source in sorted({stretch.source for stretch in stretches}):
        own = [stretch for stretch in stretches if stretch.source == source]
        names = sorted({stretch.recording for stretch in own}, key=lambda name: hashlib.sha256(name.encode()).digest())
        num_test, num_validation = (max(1, round(share * len(names))) for share in (TEST_SHARE, VALIDATION_SHARE))
        test, validation = set(names[:num_test]), set(names[num_test : num_test + num_validation])
        for stretch in own:
            part: Part = (
                "test" if stretch.recording in test else "validation" if stretch.recording in validation else "train"
            )
            parts[part].append(stretch)
    return parts


def _read(name: str, source: _Source, path: Path) -> list[Stretch]:
    table = pl.read_csv(path).sort(source.recording, source.hand, source.clock)
    columns = [f"{axis}{landmark}" for landmark in range(NUM_LANDMARKS) for axis in "xyz"]
    stretches = []
    for (recording, _), rows in table.group_by([source.recording, source.hand], maintain_order=True):
        points = rows.select(columns).to_numpy().reshape(-1, NUM_LANDMARKS, 3) * np.array(source.scale)
        clock = rows[source.clock].to_numpy().astype(np.float64)
        time_s = clock if source.real_time else clock * FRAME_S
        mirrored = bool(np.median(flexion(points)) < 0)
        if mirrored:
            points = points * np.array([-1.0, 1.0, 1.0])
        breaks = np.flatnonzero(np.diff(time_s) > (LONGEST_STEP_S if source.real_time else 1.5 * FRAME_S)) + 1
        stretches += [
            Stretch(name, str(recording), own.astype(np.float32), times, mirrored)
            for own, times in zip(np.split(points, breaks), np.split(time_s, breaks), strict=True)
            if len(own) >= SHORTEST_STRETCH
        ]
    return stretches
