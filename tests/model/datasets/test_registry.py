"""Sources by name, folders in one place, and errors that say what to do."""

import pytest

from model.datasets.publications import PUBLICATIONS
from model.datasets.registry import SOURCES, data_directory, load_dataset
from model.datasets.report import DatasetError


def test_every_source_with_files_can_be_fetched_except_ones_own_log():
    assert {name for name, source in SOURCES.items() if source.places} - {"log"} == set(PUBLICATIONS)


def test_what_fetch_leaves_is_where_the_source_is_looked_for():
    for name, publications in PUBLICATIONS.items():
        kept = {f"{name}/{file}" for publication in publications for file in publication.kept}
        assert kept & set(SOURCES[name].places), name


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(DatasetError, match=r"expected one of amazon-beauty.*got 'netflix'"):
        load_dataset("netflix")


def test_an_unknown_option_is_answered_with_the_known_ones():
    with pytest.raises(DatasetError, match=r"expected options of music-world among users, items, .*, got user"):
        load_dataset("music-world", user=3)
    with pytest.raises(DatasetError, match="among none, got subset"):
        load_dataset("amazon-beauty", subset="x")


def test_missing_files_name_the_folder_and_the_command(tmp_path):
    with pytest.raises(DatasetError) as caught:
        load_dataset("movielens-1m", tmp_path)
    text = str(caught.value)
    assert f"not in {tmp_path}" in text
    assert f"python -m model.datasets fetch movielens-1m --data-dir {tmp_path}" in text
    with pytest.raises(DatasetError) as caught:
        load_dataset("log", tmp_path)
    assert "fetch" not in str(caught.value)


def test_the_folder_is_the_one_given_else_the_environments(tmp_path, monkeypatch):
    monkeypatch.setenv("REC_DATA_DIR", str(tmp_path / "from-environment"))
    assert data_directory(tmp_path) == tmp_path
    assert data_directory(None) == tmp_path / "from-environment"
    monkeypatch.delenv("REC_DATA_DIR")
    assert data_directory(None) is None
    with pytest.raises(DatasetError, match="give --data-dir or set REC_DATA_DIR"):
        load_dataset("amazon-beauty")
