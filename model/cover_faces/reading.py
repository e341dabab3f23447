"""Reading: an image -> its faces, with the action units of those that can be read and why the others cannot."""

from dataclasses import dataclass, field

from model.face_au.inference import FaceAuReader, UnitReading
from model.vision.faces import Face, FaceFinder, Fault, face_crop
from model.vision.image import Image


@dataclass(frozen=True)
class FaceReading:
    """One face, with nothing that tells one person from another.

    box: x0, y0, x1, y1 as shares of the image's sides. units: by name, None where the face is not to be read; faults
    say why, or what speaks against the units.
    """

    box: tuple[float, float, float, float]
    size_px: float
    quality: float
    units: dict[str, UnitReading] | None
    faults: tuple[Fault, ...] = field(default=())


def read_faces(image: Image, finder: FaceFinder, reader: FaceAuReader) -> tuple[FaceReading, ...]:
    """Every face of an image, the largest first."""
    faces = finder.find(image)
    readable = [face for face in faces if face.readable]
    crops = [face_crop(image, face.landmarks, 2 * reader.side_px) for face in readable]
    units = dict(zip(map(id, readable), reader.read(crops), strict=True))
    return tuple(_reading(face, units.get(id(face))) for face in faces)


def _reading(face: Face, units: dict[str, UnitReading] | None) -> FaceReading:
    x0, y0, x1, y1 = (round(share, 4) for share in face.box)
    return FaceReading((x0, y0, x1, y1), round(face.size_px, 1), round(face.quality, 3), units, face.faults)
