import pytest

from tests.model.face_description.tiny import made_up_faces


@pytest.fixture(scope="session")
def faces():
    return made_up_faces()
