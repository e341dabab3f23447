"""A finder that knows its pictures by their width, and the pictures."""

import io

import numpy as np
from PIL import Image

from model.vision.faces import Face, Fault
from model.vision.part import PartInfo
from tests.model.face_description.tiny import FACE

NO_FACE, SMALL_FACE, TWO_FACES = 90, 100, 400


class DrawnFinder:
    """No face in a picture 90 wide, one that is too small in one 100 wide, two in one 400 wide, else one."""

    info = PartInfo("face-landmarker", "drawn")

    def find(self, image):
        if image.width == NO_FACE:
            return ()
        if image.width == SMALL_FACE:
            fault = Fault("too_small", "expected a face of 64 pixels at least, got 40", refused=True)
            return (_face(0.3, 0.4, image, fault),)
        if image.width == TWO_FACES:
            return _face(0.05, 0.4, image), _face(0.6, 0.3, image)
        return (_face(0.1, 0.8, image),)

    def close(self):
        pass


def _face(start, share, image, *faults):
    landmarks = (FACE * share + start).astype(np.float32)
    return Face(landmarks, share * image.width, 0.9, faults)


def picture(width=300, height=300, kind="PNG"):
    """An image of noise."""
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()
