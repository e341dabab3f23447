"""Services that read faces: random networks, squares for faces, so that no photograph is needed."""

import pytest

from model.cover_faces.build import build_release
from model.face_au.inference import FaceAuReader
from model.release import set_current, write_release
from service.faces import desk
from tests.model.cover_faces.made_up import SquareFinder, write_cover, write_reader
from tests.service.running import serving, settings_for, wait_until


@pytest.fixture(scope="session")
def squares():
    """Every service of these tests takes bright squares for faces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "FaceLandmarker", SquareFinder)
        yield


@pytest.fixture(scope="session")
def faces_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("faces") / "readers"
    write_reader(root)
    return root


@pytest.fixture(scope="session")
def cover_faces_root(faces_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cover-faces")
    write_cover(folder / "images" / "one.png", 100)
    write_cover(folder / "images" / "two.png", 80, 120, seed=1)
    write_cover(folder / "images" / "none.png")
    write_cover(folder / "images" / "tiny.png", 30, seed=2)
    (folder / "images" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (reader,) = [path for path in faces_root.iterdir() if path.is_dir()]
    build_release(folder / "images", folder / "root", FaceAuReader(reader), SquareFinder())
    return folder / "root"


@pytest.fixture(scope="session")
def face_settings(release_root, redis_server, faces_root, cover_faces_root):
    return settings_for(
        release_root,
        redis_server.url,
        faces_root=faces_root,
        cover_faces_root=cover_faces_root,
        listener_faces=True,
        release_poll_ms=50,
    )


@pytest.fixture(scope="session")
def faces(squares, face_settings):  # noqa: ARG001  # patched before anything is loaded
    with serving(face_settings) as service:
        wait_until(lambda: service.client.get("/artwork/one/faces").status_code == 200)
        wait_until(
            lambda: service.metric("rec_followed_release_info", kind="face-au", release=_current(face_settings)) == 1
        )
        yield service


def _current(settings):
    return (settings.faces_root / "current").read_text().split()[0]


def publish(root, files):
    """Put a release in force whose content is none."""
    release = write_release(root, files, {"kind": "face-au"})
    set_current(root, release.release_id)
    return release
