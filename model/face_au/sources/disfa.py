"""DISFA: 27 people; intensity 0 to 5 of action units frame by frame. Under an agreement with its publisher.

<root>/ActionUnit_Labels/SN001/SN001_au1.txt: lines "frame,intensity"; <root>/images/SN001/<frame>.jpg. From
intensity 2 on an action unit counts as present.
"""

from collections.abc import Iterator
from pathlib import Path

from model.face_au.frames import Frames
from model.face_au.sources.codes import frames_of, image_of

AUS = ("AU01", "AU02", "AU04", "AU06", "AU09", "AU12", "AU25", "AU26")
PRESENT_FROM = 2
FOLDS = (
    ["SN002", "SN010", "SN001", "SN026", "SN027", "SN032", "SN030", "SN009", "SN016"],
    ["SN013", "SN018", "SN011", "SN028", "SN012", "SN006", "SN031", "SN021", "SN024"],
    ["SN003", "SN029", "SN023", "SN025", "SN008", "SN005", "SN007", "SN017", "SN004"],
)


def load_disfa(root: Path, aus: tuple[str, ...] = AUS) -> Frames:
    """Every coded frame whose image is there. Raises ValueError."""
    return frames_of(aus, _coded(root, aus))


def _coded(root: Path, aus: tuple[str, ...]) -> Iterator[tuple[Path, str, dict[str, float]]]:
    for folder in sorted((root / "ActionUnit_Labels").glob("SN*")):
        codes: dict[str, dict[str, float]] = {}
        for au in aus:
            path = folder / f"{folder.name}_au{int(au[2:])}.txt"
            if not path.is_file():
                raise ValueError(f"expected {path}, found none")
            for line in path.read_text().split():
                frame, intensity = line.split(",")
                codes.setdefault(frame, {})[au] = float(int(intensity) >= PRESENT_FROM)
        for frame, row in codes.items():
            image = image_of(root / "images" / folder.name, (frame, frame.zfill(4), frame.zfill(5)))
            if image is not None:
                yield image, folder.name, row
