"""What a description costs: python -m model.face_description.speed --root RELEASES; prints one JSON line.

Processor time of a release on a face of noise, region by region; how many words a text has decides most of it.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from model.benchmark_rows import machine
from model.face_description.answer import Asked
from model.face_description.grammar import words
from model.face_description.inference import Describer
from model.face_description.labels import ATTRIBUTES
from model.face_description.regions import UNITS_OF, Sight
from model.release import current_release, verify_release

SIDE_PX = 600


def measure(describer: Describer, landmarks: np.ndarray, repeats: int) -> dict[str, float]:
    """Median CPU-ms of one description over every named region, and of one word of it.

    landmarks: [68, 2] in pixels of an image of SIDE_PX.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    boxes = Sight(landmarks).boxes
    asked = [Asked(pixels, landmarks, boxes[name], name, ATTRIBUTES) for name in UNITS_OF]
    describer.describe(asked[:1])
    spent_ms, lengths = [], []
    for _ in range(repeats):
        for one in asked:
            started_s = time.process_time()
            (answer,) = describer.describe([one])
            spent_ms.append((time.process_time() - started_s) * 1000)
            lengths.append(len(words(answer.text)))
    return {
        "descriptions": len(spent_ms),
        "cpu_ms": round(statistics.median(spent_ms), 2),
        "cpu_ms_most": round(max(spent_ms), 2),
        "words": statistics.median(lengths),
    }


def frontal_landmarks() -> np.ndarray:
    """A plain frontal face in the middle of the image: [68, 2]."""

    def arc(
        centre: tuple[float, float], radii: tuple[float, float], start: float, end: float, count: int
    ) -> np.ndarray:
        angles = np.linspace(start, end, count)
        return np.stack([centre[0] - radii[0] * np.cos(angles), centre[1] + radii[1] * np.sin(angles)], axis=1)

    half = np.pi
    eyes = [arc((x, 0.42), (0.07, -0.03), 0, half, 4) for x in (0.3, 0.7)]
    lids = [arc((x, 0.42), (0.07, 0.03), half, 0, 4)[1:-1] for x in (0.3, 0.7)]
    parts = [
        arc((0.5, 0.45), (0.4, 0.5), 0, half, 17),
        *(arc((x, 0.32), (0.12, -0.04), 0, half, 5) for x in (0.3, 0.7)),
        np.stack([np.full(4, 0.5), np.linspace(0.42, 0.58, 4)], axis=1),
        np.stack([np.linspace(0.42, 0.58, 5), np.full(5, 0.62)], axis=1),
        *(part for eye, lid in zip(eyes, lids, strict=True) for part in (eye, lid)),
        arc((0.5, 0.75), (0.14, -0.04), 0, half, 7),
        arc((0.5, 0.75), (0.14, 0.06), half, 0, 7)[1:-1],
        arc((0.5, 0.75), (0.1, -0.02), 0, half, 5),
        arc((0.5, 0.75), (0.1, 0.03), half, 0, 5)[1:-1],
    ]
    return np.concatenate(parts) * 0.6 * SIDE_PX + 0.2 * SIDE_PX


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_description.speed", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args(argv)
    try:
        release = verify_release(current_release(arguments.root))
        found = measure(Describer.load(release), frontal_landmarks(), arguments.repeats)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps({"release": release.release_id, **found, "machine": machine()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
