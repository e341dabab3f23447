import pytest

from model.cover_faces import build
from model.cover_faces.build import build_release, cover_paths, read_cover
from model.cover_faces.profiles import CoverFaces
from model.face_au.inference import FaceAuReader
from model.release import current_release
from tests.model.cover_faces.made_up import SquareFinder, manifest_of, write_cover, write_reader


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return FaceAuReader(write_reader(tmp_path_factory.mktemp("reader") / "root").path)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "covers"
    write_cover(folder / "one.png", 100)
    write_cover(folder / "two.png", 80, 120, seed=1)
    write_cover(folder / "tiny.png", 30, seed=2)
    write_cover(folder / "none.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / "notes.txt").write_text("no cover")
    return folder


def test_every_cover_of_the_folder_is_read(images, reader, tmp_path) -> None:
    release = build_release(images, tmp_path / "root", reader, SquareFinder())
    faces = CoverFaces.load(release.path)
    assert len(faces) == 5
    assert [len(faces.profile(name).faces) for name in ("one", "two", "tiny", "none", "broken")] == [1, 2, 1, 0, 0]
    assert faces.profile("broken").unreadable == "truncated"
    (tiny,) = faces.profile("tiny").faces
    assert tiny.units is None
    assert [fault.code for fault in tiny.faults] == ["too_small"]
    largest, second = faces.profile("two").faces
    assert largest.size_px > second.size_px
    assert set(largest.units) == set(reader.aus)
    facts = manifest_of(release.path)["facts"]
    assert (facts["covers"], facts["unreadable"], facts["with_faces"], facts["with_readable_faces"]) == (5, 1, 3, 2)
    assert current_release(tmp_path / "root") == release.path


def test_no_vector_and_no_landmark_of_a_face_is_kept(images, reader, tmp_path) -> None:
    release = build_release(images, tmp_path / "root", reader, SquareFinder())
    names = set(build.face_table([], reader.aus).columns) | set(build.cover_table([]).columns)
    assert not {"landmarks", "embedding", "vector", "features"} & names
    assert {path.name for path in release.path.iterdir()} == {"covers.parquet", "faces.parquet", "manifest.json"}


def test_a_killed_build_goes_on_where_it_was(images, reader, tmp_path, monkeypatch) -> None:
    root, read = tmp_path / "root", []
    monkeypatch.setattr(build, "SHARD_COVERS", 1)

    def dying(cover_id, *rest):
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(cover_id)
        return read_cover(cover_id, *rest)

    monkeypatch.setattr(build, "read_cover", dying)
    with pytest.raises(KeyboardInterrupt):
        build_release(images, root, reader, SquareFinder())
    before = list(read)
    monkeypatch.setattr(
        build, "read_cover", lambda cover_id, *rest: read.append(cover_id) or read_cover(cover_id, *rest)
    )
    release = build_release(images, root, reader, SquareFinder())
    assert len(read) == len(set(read)) == 5
    assert read[:3] == before
    assert len(CoverFaces.load(release.path)) == 5
    assert not list(root.glob(".work-*"))


def test_only_changed_covers_are_read_again(images, reader, tmp_path, monkeypatch) -> None:
    root, read = tmp_path / "root", []
    build_release(images, root, reader, SquareFinder())
    write_cover(images / "one.png", 90, seed=9)
    write_cover(images / "new.png", 70, seed=8)
    monkeypatch.setattr(
        build, "read_cover", lambda cover_id, *rest: read.append(cover_id) or read_cover(cover_id, *rest)
    )
    release = build_release(images, root, reader, SquareFinder())
    assert sorted(read) == ["new", "one"]
    assert len(CoverFaces.load(release.path)) == 6


def test_a_folder_that_names_no_covers_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="found none"):
        cover_paths(tmp_path)
    for suffix in (".png", ".jpg"):
        (tmp_path / f"same{suffix}").write_bytes(b"x")
    with pytest.raises(ValueError, match="one image of the id same"):
        cover_paths(tmp_path)
