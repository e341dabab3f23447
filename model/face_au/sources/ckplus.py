"""CK+: 123 people, 593 films from a neutral face to a peak; the peak is coded. Under an agreement with its publisher.

<root>/cohn-kanade-images/S005/001/S005_001_00000011.png, <root>/FACS/S005/001/S005_001_00000011_facs.txt (lines
"action unit, intensity"; intensity 0 is present without a grade) and <root>/Landmarks/... (68 lines "x y").
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.face_au.frames import Frames
from model.face_au.sources.codes import frames_of, image_of, relative_landmarks

AUS = ("AU01", "AU02", "AU04", "AU06", "AU07", "AU09", "AU12", "AU15", "AU17", "AU23", "AU24", "AU25", "AU26")


def load_ckplus(root: Path, aus: tuple[str, ...] = AUS) -> Frames:
    """The coded peak of every film, and its first frame, which shows no action unit. Raises ValueError."""
    coded = list(_coded(root, aus))
    landmarks = {}
    for image, _, _ in coded:
        path = (
            root / "Landmarks" / image.parent.relative_to(root / "cohn-kanade-images") / f"{image.stem}_landmarks.txt"
        )
        if path.is_file():
            landmarks[image] = relative_landmarks(np.loadtxt(path, ndmin=2), image)
    return frames_of(aus, coded, landmarks)


def _coded(root: Path, aus: tuple[str, ...]) -> Iterator[tuple[Path, str, dict[str, float]]]:
    for path in sorted((root / "FACS").glob("S*/*/*_facs.txt")):
        person, film = path.parent.parent.name, path.parent.name
        folder = root / "cohn-kanade-images" / person / film
        peak = image_of(folder, [path.stem.removesuffix("_facs")])
        first = image_of(folder, [f"{person}_{film}_{1:08d}"])
        seen = {f"AU{int(float(line.split()[0])):02d}" for line in path.read_text().splitlines() if line.strip()}
        if peak is not None:
            yield peak, person, {au: float(au in seen) for au in aus}
        if first is not None and first != peak:
            yield first, person, dict.fromkeys(aus, 0.0)
