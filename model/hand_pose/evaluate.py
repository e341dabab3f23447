"""Evaluate a hand-pose checkpoint: python -m model.hand_pose.evaluate --checkpoint runs/hand --data-dir data/hands."""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from model.hand_pose.checkpoint import Checkpoint, load_checkpoint
from model.hand_pose.cursor import Cursor, Steps
from model.hand_pose.measures import cells_used, jitter, lag_s, trustworthiness
from model.hand_pose.pose_code import bone_angles, pose_codes
from model.hand_pose.recordings import Stretch, load_stretches, split

TRUSTED_FRAMES = 2_000
ALL = "all"


@dataclass(frozen=True)
class Paths:
    """A stretch seen on the map. places: [T, 2] before any step; time_s: [T]."""

    places: np.ndarray
    time_s: np.ndarray

    def steadied(self, checkpoint: Checkpoint, steps: Steps) -> np.ndarray:
        """[T, 2]: where the cursor is."""
        cursor = Cursor(checkpoint.config.cursor, steps)
        moments = zip(self.time_s.tolist(), self.places.tolist(), strict=True)
        return np.array([cursor.follow(time_s, (x, y)).position for time_s, (x, y) in moments])


def figures(checkpoint: Checkpoint, stretches: list[Stretch]) -> dict[str, float]:
    """Reconstruction, map and cursor over stretches that were not trained on; at least 45 frames of them."""
    poses = pose_codes(np.concatenate([stretch.points for stretch in stretches]))
    codes = torch.from_numpy(poses.codes[poses.usable])
    with torch.inference_mode():
        mean, decoded = checkpoint.network(codes)
        spread = (codes - checkpoint.network.code_mean).square().mean()
    places = checkpoint.skeleton.layout.place(mean.numpy())
    some = np.random.default_rng(0).permutation(len(codes))[:TRUSTED_FRAMES]
    return {
        "frames": len(codes),
        "code_mse": float((decoded - codes).square().mean()),
        "mean_pose_mse": float(spread),
        "bone_angle_deg": float(bone_angles(decoded.numpy(), codes.numpy()).mean()),
        "cells_used": cells_used(places),
        "trustworthiness": trustworthiness(codes.numpy()[some], places[some]),
        **cursor_figures(checkpoint, paths(checkpoint, stretches)),
    }


def paths(checkpoint: Checkpoint, stretches: list[Stretch]) -> list[Paths]:
    """Every stretch on the map; one with an unusable frame is left out."""
    found = []
    for stretch in stretches:
        poses = pose_codes(stretch.points)
        if poses.usable.all():
            with torch.inference_mode():
                plane = checkpoint.network.encode(torch.from_numpy(poses.codes)).mean.numpy()
            found.append(Paths(checkpoint.skeleton.layout.place(plane), stretch.time_s))
    return found


def cursor_figures(checkpoint: Checkpoint, seen: list[Paths]) -> dict[str, float]:
    """Jitter in widths of the map and lag in ms, with nothing steadied, after the hold, and after all steps."""
    raw = [path.places for path in seen]
    times_s = [path.time_s for path in seen]
    found = {"jitter_raw": jitter(raw)}
    for name, steps in (
        ("hold", Steps(one_euro=False)),
        ("one_euro", Steps(hold=False)),
        ("all", Steps()),
    ):
        shown = [path.steadied(checkpoint, steps) for path in seen]
        found[f"jitter_{name}"] = jitter(shown)
        found[f"lag_{name}_ms"] = 1000 * lag_s(raw, shown, times_s)
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.hand_pose.evaluate", description="Figures of a checkpoint.")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the landmark recordings")
    parts = ("validation", "test", ALL)
    parser.add_argument("--part", choices=parts, default="test", help="all: a folder of recordings kept apart")
    arguments = parser.parse_args(argv)
    try:
        checkpoint, stretches = load_checkpoint(arguments.checkpoint), load_stretches(arguments.data_dir)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    chosen = stretches if arguments.part == ALL else split(stretches)[arguments.part]
    sys.stdout.write(json.dumps(figures(checkpoint, chosen), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
