import os
from pathlib import Path

import polars as pl
import pytest

from model.datasets.artwork import load_artwork, main
from model.datasets.report import DatasetError

COVERS = [
    ("a", "Rock", None, None, None, None, "a.jpg", "train"),
    ("b", None, "Pixies", "Bossanova", "1990s", '["surf", "rock"]', "b.jpg", "val"),
]


@pytest.fixture
def folder(tmp_path):
    """Two covers in the layout of the data set; made up."""
    names = ["id", "genre", "artist", "album", "decade", "tags", "image", "split"]
    covers = pl.DataFrame(COVERS, schema=dict.fromkeys(names, pl.String), orient="row")
    covers.with_columns(source=pl.lit("made-up")).write_parquet(tmp_path / "covers.parquet")
    sentences = [("b", 1, "artwork_credit", "A globe.", "val"), ("b", 0, "review", "Loud songs.", "val")]
    names = ["id", "sentence_idx", "kind", "sentence", "split"]
    pl.DataFrame(sentences, schema=names, orient="row").write_parquet(tmp_path / "sentences.parquet")
    lines = [("b", 1, "BOSSANOVA", 0.9), ("b", 0, "PIXIES", 0.8), ("b", 2, "x?", 0.2)]
    names = ["id", "line_idx", "text", "score"]
    pl.DataFrame(lines, schema=names, orient="row").write_parquet(tmp_path / "ocr.parquet")
    return tmp_path


def test_covers_sentences_and_queries_are_read(folder):
    tables = load_artwork(folder)
    first, second = tables.covers.to_dicts()
    assert (first["genre"], first["title"], first["read_text"], first["tag"]) == (["Rock"], None, [], None)
    assert (second["title"], second["artist"], second["decade"]) == ("Bossanova", "Pixies", ["1990s"])
    assert (second["read_text"], second["tag"]) == (["PIXIES", "BOSSANOVA"], ["surf", "rock"])
    assert tables.sentences.to_dicts() == [{"artwork_id": "b", "sentence": "A globe."}]
    assert [(one["query"], one["kind"], one["split"]) for one in tables.queries.to_dicts()] == [
        ("Pixies Bossanova", "title", "val"),
        ("A globe.", "sentence", "val"),
    ]


def test_the_command_writes_the_tables(folder, tmp_path, capsys):
    assert main(["--data-dir", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == "2 covers, 2 queries\n"
    assert pl.read_parquet(tmp_path / "out" / "covers.parquet")["artwork_id"].to_list() == ["a", "b"]
    (folder / "ocr.parquet").unlink()
    assert main(["--data-dir", str(folder), "--out", str(tmp_path / "out")]) == 1
    with pytest.raises(DatasetError, match=r"ocr\.parquet"):
        load_artwork(folder)


def test_the_real_covers_are_read():
    media = os.environ.get("REC_MEDIA_DATA_DIR")
    folder = (Path(media) if media else Path(__file__).parents[4] / "shared" / "data") / "artwork"
    if not (folder / "covers.parquet").is_file():
        pytest.skip(f"real data absent: no covers.parquet in {folder} (set REC_MEDIA_DATA_DIR)")
    tables = load_artwork(folder)
    assert len(tables.covers) > 2_000
    assert set(tables.queries["split"]) == {"train", "val"}
    assert set(tables.queries["artwork_id"]) <= set(tables.covers["artwork_id"])
    assert all((folder / "images" / name).is_file() for name in tables.covers["image"].head(20))
