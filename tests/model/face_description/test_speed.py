from model.face_description.inference import Describer
from model.face_description.regions import UNITS_OF
from model.face_description.speed import SIDE_PX, frontal_landmarks, measure
from model.release import current_release, verify_release


def test_every_region_is_described_as_often_as_asked(description_root) -> None:
    describer = Describer.load(verify_release(current_release(description_root)))
    found = measure(describer, frontal_landmarks(), repeats=1)
    assert found["descriptions"] == len(UNITS_OF)
    assert 0 < found["cpu_ms"] <= found["cpu_ms_most"]
    assert found["words"] > 0


def test_the_face_lies_in_its_image() -> None:
    landmarks = frontal_landmarks()
    assert landmarks.shape == (68, 2)
    assert landmarks.min() > 0
    assert landmarks.max() < SIDE_PX
