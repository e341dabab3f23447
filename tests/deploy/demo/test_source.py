"""Which data the demo runs on."""

from pathlib import Path

import pytest

from deploy.demo import source
from model.datasets.registry import SOURCES
from model.datasets.report import DatasetError

REAL_FILE = SOURCES[source.REAL].places[-1]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No usual folder is there, and nothing is downloaded."""
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    monkeypatch.delenv("REC_DATA_DIR", raising=False)
    monkeypatch.setattr(source, "download", lambda name, folder: False)  # noqa: ARG005


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch, music_dataset: object) -> list[tuple]:
    """Every data set is the small simulated one; what was asked for is noted."""
    calls: list[tuple] = []

    def load(*arguments: object) -> object:
        calls.append(arguments)
        return music_dataset

    monkeypatch.setattr(source, "load_dataset", load)
    return calls


def put_real(folder: Path) -> Path:
    path = folder / REAL_FILE
    path.parent.mkdir(parents=True)
    path.touch()
    return folder


def test_without_real_data_the_simulator_is_taken_and_the_reason_told(small_world: list[tuple], tmp_path: Path) -> None:
    chosen = source.choose_source(None, None, tmp_path / "data")
    assert small_world == [("music-world",)]
    assert chosen.arguments == ["--dataset", "music-world"]
    assert "lastfm-hetrec2011 is neither on this machine" in chosen.describe()
    assert "SIMULATED: everything" in chosen.describe()


def test_real_data_beside_the_checkout_is_found(small_world: list[tuple], tmp_path: Path) -> None:
    put_real(tmp_path / "shared/data/rec")
    chosen = source.choose_source(None, None, tmp_path / "data")
    assert small_world == [("lastfm-hetrec2011", Path("../shared/data/rec"))]
    assert chosen.arguments[2:] == ["--data-dir", "../shared/data/rec"]


def test_the_variable_comes_before_the_usual_folders(
    small_world: list[tuple], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_real(tmp_path / "shared/data/rec")
    monkeypatch.setenv("REC_DATA_DIR", str(put_real(tmp_path / "named")))
    source.choose_source(None, None, tmp_path / "data")
    assert small_world == [("lastfm-hetrec2011", tmp_path / "named")]


def test_what_was_downloaded_is_taken(
    small_world: list[tuple], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "download", lambda name, folder: bool(put_real(folder)) and name == source.REAL)
    chosen = source.choose_source(None, None, tmp_path / "data")
    assert small_world == [("lastfm-hetrec2011", tmp_path / "data")]
    assert chosen.data_dir == tmp_path / "data"


def test_a_folder_that_was_named_is_never_replaced_by_another(tmp_path: Path) -> None:
    put_real(tmp_path / "shared/data/rec")
    with pytest.raises(DatasetError, match="wrong-folder"):
        source.choose_source(None, tmp_path / "wrong-folder", tmp_path / "data")


def test_a_data_set_that_was_named_is_never_replaced_by_another(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="amazon-beauty"):
        source.choose_source("amazon-beauty", None, tmp_path / "data")


def test_the_simulator_needs_no_folder(small_world: list[tuple], tmp_path: Path) -> None:
    put_real(tmp_path / "shared/data/rec")
    assert source.choose_source("music-world", None, tmp_path / "data").data_dir is None
    assert small_world == [("music-world",)]


def test_real_data_that_cannot_be_read_is_told_and_replaced_only_where_nobody_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, music_dataset: object
) -> None:
    def load(name: str, folder: Path | None = None) -> object:
        if folder is not None:
            raise DatasetError(f"bad rows in {name}")
        return music_dataset

    monkeypatch.setattr(source, "load_dataset", load)
    folder = put_real(tmp_path / "shared/data/rec")
    chosen = source.choose_source(None, None, tmp_path / "data")
    assert "cannot be read: bad rows in lastfm-hetrec2011" in chosen.why
    for asked in ((source.REAL, None), (None, folder)):
        with pytest.raises(DatasetError, match="bad rows"):
            source.choose_source(*asked, tmp_path / "data")
