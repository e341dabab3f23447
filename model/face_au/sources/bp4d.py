"""BP4D: 41 people, 328 films; presence of action units frame by frame. Under an agreement with its publisher.

<root>/AU_OCC/F001_T1.csv: first line the numbers of the action units after one cell, then a frame number and a code
(0, 1, 9 not known) for each; <root>/images/F001/T1/<frame>.jpg, the number with or without leading zeros.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.face_au.frames import Frames
from model.face_au.sources.codes import MISSING, frames_of, image_of

AUS = ("AU01", "AU02", "AU04", "AU06", "AU07", "AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24")
FOLDS = (
    ["F001", "M007", "F018", "F008", "F002", "M004", "F010", "F009", "M012", "M001", "F016", "M014", "F023", "M008"],
    ["M011", "F003", "M010", "M002", "F005", "F022", "M018", "M017", "F013", "M016", "F020", "F011", "M013", "M005"],
    ["F007", "F015", "F006", "F019", "M006", "M009", "F012", "M003", "F004", "F021", "F017", "M015", "F014"],
)


def load_bp4d(root: Path, aus: tuple[str, ...] = AUS) -> Frames:
    """Every coded frame whose image is there. Raises ValueError."""
    return frames_of(aus, _coded(root, aus))


def _coded(root: Path, aus: tuple[str, ...]) -> Iterator[tuple[Path, str, dict[str, float]]]:
    for path in sorted((root / "AU_OCC").glob("*_*.csv")):
        person, task = path.stem.split("_", 1)
        with path.open(newline="") as file:
            rows = csv.reader(file)
            columns = {f"AU{int(cell):02d}": place for place, cell in enumerate(next(rows)) if place}
            missing = set(aus) - set(columns)
            if missing:
                raise ValueError(f"expected columns of {sorted(missing)} in {path}, got none")
            for row in rows:
                image = image_of(root / "images" / person / task, (row[0], row[0].zfill(3), row[0].zfill(4)))
                if image is not None:
                    codes = {au: int(row[columns[au]]) for au in aus}
                    yield image, person, {au: np.nan if code == MISSING else float(code) for au, code in codes.items()}
