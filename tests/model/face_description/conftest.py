import pytest

from tests.model.face_description.tiny import made_up_faces, tiny_release


@pytest.fixture(scope="session")
def description_root(tmp_path_factory):
    return tiny_release(tmp_path_factory.mktemp("descriptions"))


@pytest.fixture(scope="session")
def faces():
    return made_up_faces()
