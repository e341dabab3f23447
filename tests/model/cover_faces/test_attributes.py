import polars as pl
import pytest

from model.catalogue import Catalogue
from model.cover_faces import attributes
from model.cover_faces.attributes import EXPRESSION, FACES, face_count_of, main, with_face_attributes
from model.cover_faces.profiles import COVERS_FILE, FACES_FILE, CoverFaces, cover_table, face_table
from model.release import set_current, write_release
from tests.model.cover_faces.made_up import SMALL_FACE, face, profile
from tests.model.face_au.faces import AUS

PROFILES = [
    profile("smiling", face(AU06=0.8, AU12=0.9)),
    profile("apart", face(AU06=0.8), face(AU12=0.9)),
    profile("open", face(AU25=0.8, AU26=0.9, AU01=0.6, AU02=0.7), face(AU06=0.6, AU12=0.6)),
    profile("small", face(quality=0.0, faults=[SMALL_FACE])),
    profile("empty"),
    profile("broken", unreadable="truncated"),
]
ITEMS = pl.DataFrame({"item_id": ["a", "b", "c", "d", "e", "f", "g"], "genre": [["rock"]] * 7})
COVERS = ["smiling", "apart", "open", "small", "empty", "broken", "unknown"]


def joined() -> pl.DataFrame:
    items = ITEMS.with_columns(pl.Series("cover", COVERS))
    return with_face_attributes(items, CoverFaces(AUS, PROFILES), "cover")


def test_a_smile_is_two_units_of_one_face() -> None:
    found = dict(zip(COVERS, joined()[EXPRESSION].to_list(), strict=True))
    assert found["smiling"] == ["smile"]
    assert found["apart"] == []
    assert found["open"] == ["smile", "raised brows", "open mouth"]
    assert found["small"] == found["empty"] == found["broken"] == found["unknown"] == []


def test_faces_are_counted_and_an_unreadable_cover_says_nothing() -> None:
    assert [face_count_of(one) for one in PROFILES] == [
        ["one face"],
        ["several faces"],
        ["several faces"],
        ["one face"],
        ["no face"],
        [],
    ]


def test_a_smile_on_the_cover_is_an_instruction() -> None:
    table = joined().drop("cover").with_columns(pl.lit(None, dtype=pl.String).alias("title"))
    catalogue = Catalogue(table.select("item_id", "title", "genre", EXPRESSION, FACES))
    condition = catalogue.condition({EXPRESSION: {"any": ["smile"]}, FACES: {"none": ["several faces"]}})
    satisfying = catalogue.satisfying(condition)
    assert [item for item, fits in zip(catalogue.item_ids, satisfying, strict=True) if fits] == ["a"]


def test_columns_that_are_taken_or_missing_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a column cover"):
        with_face_attributes(ITEMS, CoverFaces(AUS, PROFILES), "cover")
    with pytest.raises(ValueError, match=FACES):
        with_face_attributes(ITEMS.with_columns(pl.lit("x").alias(FACES)), CoverFaces(AUS, PROFILES), "item_id")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_command_joins_an_item_table(suffix: str, tmp_path, capsys) -> None:
    content = {}
    for name, table in ((COVERS_FILE, cover_table(PROFILES)), (FACES_FILE, face_table(PROFILES, AUS))):
        table.write_parquet(tmp_path / name)
        content[name] = tmp_path / name
    facts = {"kind": "cover-faces", "aus": list(AUS)}
    set_current(tmp_path / "root", write_release(tmp_path / "root", content, facts).release_id)
    items = tmp_path / "items.csv"
    pl.DataFrame({"song": ["a", "b"], "cover": ["open", "unknown"]}).write_csv(items)
    out = tmp_path / f"joined{suffix}"
    arguments = [
        "--profiles",
        str(tmp_path / "root"),
        "--items",
        str(items),
        "--cover-column",
        "cover",
        "--out",
        str(out),
    ]
    assert main(arguments) == 0
    assert "1 of 2 items" in capsys.readouterr().out
    if suffix == ".csv":
        assert pl.read_csv(out)[EXPRESSION].to_list() == ["smile|raised brows|open mouth", None]
        assert attributes.SEPARATOR == "|"
    else:
        assert pl.read_parquet(out)[FACES].to_list() == [["several faces"], []]
