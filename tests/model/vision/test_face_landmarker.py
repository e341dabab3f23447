import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from model.vision.face_landmarker import FROM_MESH, FaceLandmarker
from model.vision.faces import NUM_LANDMARKS
from model.vision.image import Image, read_image
from model.vision.part import PartError

pytest.importorskip("mediapipe", reason="the extra `vision` is not installed")
SAMPLES = Path(os.environ.get("REC_MEDIA_DATA_DIR", "../shared/data")) / "faces" / "samples"


@pytest.fixture(scope="module")
def finder():
    try:
        found = FaceLandmarker()
    except PartError as error:
        pytest.skip(str(error))
    with found:
        yield found


def test_every_landmark_stands_on_a_point_of_the_mesh() -> None:
    assert len(FROM_MESH) == len(set(FROM_MESH)) == NUM_LANDMARKS
    assert all(0 <= point < 478 for point in FROM_MESH)


def test_no_face_is_an_answer(finder) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    assert finder.find(Image(pixels, "0" * 64, "image/png")) == ()


@pytest.mark.parametrize(("name", "count"), [("single_face.jpg", 1), ("multi_face.jpg", 5)])
def test_faces_of_photographs_are_found_and_readable(finder, name: str, count: int) -> None:
    if not (SAMPLES / name).is_file():
        pytest.skip(f"no photographs in {SAMPLES}; REC_MEDIA_DATA_DIR names the folder that holds faces/")
    image = read_image(SAMPLES / name)
    faces = finder.find(image)
    assert len(faces) == count
    assert all(face.readable for face in faces)
    for face in faces:
        # Eyes above the mouth, the right eye on the left of the image.
        assert face.landmarks[36:48, 1].mean() < face.landmarks[48:, 1].mean()
        assert face.landmarks[36, 0] < face.landmarks[45, 0]


def test_a_file_that_is_missing_or_another_is_refused(tmp_path) -> None:
    with pytest.raises(PartError, match="missing_file"):
        FaceLandmarker(path=tmp_path / "none.task")
    other = tmp_path / "other.task"
    other.write_bytes(b"another network")
    with pytest.raises(PartError, match=hashlib.sha256(b"another network").hexdigest()):
        FaceLandmarker(path=other)


@pytest.mark.usefixtures("finder")
def test_it_can_be_closed_twice() -> None:
    other = FaceLandmarker()
    other.close()
    other.close()
