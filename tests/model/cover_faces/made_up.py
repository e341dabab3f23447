"""Made-up readers, finders and profiles: no photograph is needed to test what is done with faces."""

import json

import numpy as np
from PIL import Image as Pillow
from safetensors.torch import save_file

from model.cover_faces.profiles import CoverProfile
from model.cover_faces.reading import FaceReading
from model.face_au.checkpoint import save_description
from model.face_au.export import export_release
from model.face_au.inference import UnitReading
from model.training import WEIGHTS_FILE
from model.vision.faces import Fault, judged_faces
from model.vision.part import PartInfo
from tests.model.face_au.faces import AUS, small_config, small_network

SMALL_FACE = Fault("too_small", "expected a face of 64 pixels at least, got 20", refused=True)


def write_reader(root, seed=0):
    """A face-au release of random weights; each action unit is present from 0.5 on."""
    config = small_config()
    folder = root.parent / f"{root.name}-checkpoint"
    facts = {"dataset": "weak", "fold": 0, "thresholds": dict.fromkeys(AUS, 0.5), "validation": {}}
    save_description(folder, config, facts)
    save_file(small_network(seed).state_dict(), folder / WEIGHTS_FILE)
    return export_release(folder, root)


class SquareFinder:
    """Takes every bright square of an image for a face: its landmarks fill the square."""

    info = PartInfo("face-landmarker", "squares")

    def find(self, image):
        grey = image.pixels.mean(axis=2)
        columns = np.flatnonzero((grey > 60).any(axis=0))
        if not len(columns):
            return ()
        found = []
        for group in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
            rows = np.flatnonzero((grey[:, group] > 60).any(axis=1))
            found.append(square_landmarks(group[0], rows[0], group[-1] + 1, rows[-1] + 1, image))
        return judged_faces(image, found)

    def close(self):
        """Nothing to give back."""


def square_landmarks(x0, y0, x1, y1, image):
    """68 landmarks over a box in pixels, eyes level and the nose in the middle."""
    points = np.random.default_rng(0).uniform(0.1, 0.9, (68, 2))
    points[:4] = (0, 0), (1, 0), (0, 1), (1, 1)
    points[36], points[45], points[30] = (0.25, 0.4), (0.75, 0.4), (0.5, 0.6)
    return (points * (x1 - x0, y1 - y0) + (x0, y0)) / (image.width, image.height)


def cover_with(*sides, seed=0):
    """PNG pixels of a dark cover with a noisy bright square of each side."""
    rng = np.random.default_rng(seed)
    pixels = np.full((160, 20 + sum(side + 20 for side in sides), 3), 10, np.uint8)
    x = 20
    for side in sides:
        pixels[20 : 20 + side, x : x + side] = rng.integers(70, 255, (side, side, 3))
        x += side + 20
    return pixels


def write_cover(path, *sides, seed=0):
    """A cover on disk; its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(cover_with(*sides, seed=seed)).save(path)
    return path.read_bytes()


def face(quality=0.9, faults=(), **units):
    """A reading; units AU12=0.7 are present from 0.5, no unit at all makes it one that was not read."""
    read = {au: UnitReading(units.get(au, 0.1), units.get(au, 0.1) >= 0.5) for au in AUS} if units else None
    return FaceReading((0.1, 0.2, 0.5, 0.6), 90.0, quality, read, tuple(faults))


def profile(cover_id, *faces, unreadable=""):
    """A cover's profile."""
    return CoverProfile(cover_id, "0" * 64, tuple(faces), unreadable)


def manifest_of(path):
    """What a release says of itself."""
    return json.loads((path / "manifest.json").read_text())
