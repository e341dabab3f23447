import dataclasses
import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from model.artwork.additions import Additions, StoredAddition
from model.artwork.export import LibraryContent, export_library
from model.artwork.identity import Identity, MixedModelsError
from model.artwork.inference import ArtworkRelease, Sentences
from model.artwork.search import Weights
from model.release import ReleaseError, current_release, write_release
from tests.model.artwork.libraries import IDENTITY, made_up_addition, made_up_covers


def content(tmp_path, number=30, **changes):
    covers, vectors, prepared = made_up_covers(number)
    save_file(prepared, tmp_path / "prepared.safetensors")
    content = LibraryContent(
        covers, vectors, IDENTITY, ("matcher", "0" * 64), tmp_path / "prepared.safetensors", Weights(0.3, 0.6)
    )
    return dataclasses.replace(content, **changes)


def test_a_release_holds_what_was_exported(tmp_path):
    made = content(tmp_path, sentences=Sentences(("a dog", "a cat"), np.eye(2, 8, dtype=np.float32)))
    export_library(made, tmp_path / "root")
    loaded = ArtworkRelease.load(current_release(tmp_path / "root"))
    assert (loaded.identity, loaded.weights, loaded.recall, loaded.stale) == (IDENTITY, Weights(0.3, 0.6), None, 0)
    library = loaded.library
    for row in (0, 7, 29):
        expected = dataclasses.replace(made.covers[row], picture=made.covers[row].image_sha256)
        assert library.cover(row).artwork_id == expected.artwork_id
        assert library.cover(row).read_text == expected.read_text
        assert library.cover(row).picture == expected.picture
        np.testing.assert_array_equal(library.vectors(np.array([row]))[0], made.vectors[row])
        assert library.prepared(row)["regions"].dtype == np.float32
    rows, _ = library.nearest(made.vectors[11], library.select({}), 3)
    assert rows[0] == 11
    assert loaded.sentences is not None
    assert loaded.sentences.texts == ("a dog", "a cat")


def test_thumbnails_are_kept_where_there_are_any(tmp_path):
    export_library(content(tmp_path), tmp_path / "root")
    assert ArtworkRelease.load(current_release(tmp_path / "root")).library.thumbnail(3) == b""
    export_library(content(tmp_path, thumbnails=[b"%d" % row for row in range(30)]), tmp_path / "root")
    addition = dataclasses.replace(made_up_addition("cover-4"), thumbnail=b"another")
    Additions(tmp_path / "root").put(addition, b"picture", IDENTITY)
    library = ArtworkRelease.load(current_release(tmp_path / "root"), Additions(tmp_path / "root")).library
    assert library.thumbnail(3) == b"3"
    assert library.thumbnail(library.row_of("cover-4")) == b"another"
    export_library(content(tmp_path, thumbnails=[b"1"]), tmp_path / "other")
    with pytest.raises(ValueError, match="thumbnails of 30 covers"):
        ArtworkRelease.load(current_release(tmp_path / "other"))


def test_copies_of_a_picture_are_found_when_a_release_is_made(tmp_path):
    made = content(tmp_path)
    covers, vectors = list(made.covers), made.vectors.copy()
    covers[9] = dataclasses.replace(covers[9], fingerprint=covers[2].fingerprint ^ 1)
    vectors[9] = vectors[2]
    covers[8] = dataclasses.replace(covers[8], fingerprint=covers[2].fingerprint)  # another picture of one colour
    export_library(dataclasses.replace(made, covers=covers, vectors=vectors), tmp_path / "root")
    library = ArtworkRelease.load(current_release(tmp_path / "root")).library
    assert [library.picture(row) for row in (2, 8, 9)] == [covers[row].image_sha256 for row in (2, 8, 2)]
    assert library.copies(covers[2].image_sha256) == 2


def test_a_large_library_puts_its_recall_on_record(tmp_path):
    release = export_library(content(tmp_path, 300), tmp_path / "root", exact_up_to=100)
    assert release.manifest["facts"]["index"]["kind"] == "clusters"
    assert ArtworkRelease.load(release.path).recall == release.manifest["facts"]["index"]["recall"] >= 0.9


def test_additions_come_back_with_the_release_and_vanish_into_the_next(tmp_path):
    root = tmp_path / "root"
    export_library(content(tmp_path), root)
    additions, addition = Additions(root), made_up_addition("new")
    additions.put(addition, b"picture", IDENTITY)
    additions.put(made_up_addition("cover-1", seed=4), b"other", IDENTITY)
    loaded = ArtworkRelease.load(current_release(root), additions)
    assert (len(loaded.library), len(loaded.library.additions)) == (31, 2)
    made = content(tmp_path)
    covers = [*made.covers, addition.cover]
    vectors = np.concatenate((made.vectors, addition.vector[None]))
    save_file({"regions": np.zeros((31, 3, 4), np.float16)}, tmp_path / "more.safetensors")
    made = dataclasses.replace(made, covers=covers, vectors=vectors, prepared=tmp_path / "more.safetensors")
    export_library(made, root)
    loaded = ArtworkRelease.load(current_release(root), additions)
    assert [one.cover.artwork_id for one in loaded.library.additions] == ["cover-1"]


@pytest.mark.parametrize(
    "other", [{"model_id": "x"}, {"scorer_id": None}, {"feature_space": "other/v1"}, {"dim": 16}, {"dtype": "float16"}]
)
def test_vectors_of_different_networks_never_meet(tmp_path, other):
    other = dataclasses.replace(IDENTITY, **other)
    with pytest.raises(MixedModelsError):
        IDENTITY.check(other)
    release = export_library(content(tmp_path), tmp_path / "root")
    stored = StoredAddition(made_up_addition("new"), other, tmp_path / "x")
    loaded = ArtworkRelease.load(release.path, [stored])
    assert (len(loaded.library), loaded.stale) == (30, 1)


def test_a_release_that_is_not_what_it_says_is_refused(tmp_path):
    made = content(tmp_path)
    wrong_width = dataclasses.replace(made, identity=dataclasses.replace(IDENTITY, dim=9))
    no_scorer = dataclasses.replace(made, identity=dataclasses.replace(IDENTITY, scorer_id=None))
    long_vectors = dataclasses.replace(made, vectors=2 * made.vectors)
    for wrong in (wrong_width, no_scorer, long_vectors):
        release = export_library(wrong, tmp_path / "root")
        with pytest.raises(ReleaseError, match="vectors_mismatch"):
            ArtworkRelease.load(release.path)
    other = write_release(tmp_path / "root", {"x.json": json.dumps({}).encode()}, {"kind": "climber_pilot"})
    with pytest.raises(ReleaseError, match="wrong_kind"):
        ArtworkRelease.load(other.path)


def test_an_identity_is_read_from_facts_or_refused():
    assert Identity.of(IDENTITY.facts()) == IDENTITY
    with pytest.raises(ValueError, match="expected"):
        Identity.of({"model_id": "x"})
