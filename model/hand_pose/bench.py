"""What a frame costs: python -m model.hand_pose.bench --root runs/hands --data-dir data/hands."""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from model.hand_pose.inference import HandPose
from model.hand_pose.landmarks import LandmarkFrame
from model.hand_pose.recordings import Stretch, load_stretches
from model.release import current_release

FRAMES = 1_000
WARM_UP = 100


def frame_costs_ms(pose: HandPose, stretch: Stretch) -> np.ndarray:
    """[1,000]: CPU of each frame from landmarks to cursor, one at a time as a stream brings them."""
    cursor, costs = pose.cursor(), []
    for number in range(WARM_UP + FRAMES):
        points = stretch.points[number % len(stretch.points)]
        frame = LandmarkFrame(points, 1, 1, "right", False)
        started_s = time.process_time()
        pose.follow([(number / 30, frame)], cursor)
        costs.append(1000 * (time.process_time() - started_s))
    return np.array(costs[WARM_UP:])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.hand_pose.bench", description="CPU time of a frame.")
    parser.add_argument("--root", type=Path, required=True, help="folder of hand-pose releases")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the landmark recordings")
    arguments = parser.parse_args(argv)
    try:
        pose = HandPose.load(current_release(arguments.root))
        stretches = load_stretches(arguments.data_dir)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    costs = frame_costs_ms(pose, max(stretches, key=lambda stretch: len(stretch.points)))
    figures = {"median_ms": float(np.median(costs)), "p99_ms": float(np.quantile(costs, 0.99)), "frames": len(costs)}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
