"""From a table of covers to a served release, with networks that were trained on simulated scenes."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from model.artwork.additions import Additions, revision_of
from model.artwork.cover import STYLE
from model.artwork.inference import ArtworkRelease
from model.image_text.captions import read_captions
from model.image_text.data import Features
from model.image_text.export import export_release
from model.image_text.train import prepare, train
from model.release import current_release
from service.artwork.build import Plan, build, main
from service.artwork.intake import read_table
from service.settings import Settings
from tests.model.artwork.libraries import IDENTITY, made_up_addition
from tests.model.image_text.scenes import SPACE, config, write_scenes
from tests.service.artwork.asking import search
from tests.service.artwork.scene_covers import COVERS, real_networks, write_covers
from tests.service.running import serving


@pytest.fixture(scope="module", autouse=True)
def undisturbed():
    with real_networks():
        yield


@pytest.fixture(scope="module")
def matcher(tmp_path_factory):
    """A Hire of a few numbers: vectors for the first stage, pairs for the second."""
    folder = tmp_path_factory.mktemp("matcher")
    pairs, features = write_scenes(folder)
    sizes = {"num_classes": 133, "map_side": 16}
    training = prepare(
        config("hire", network=sizes, objective={"pair_negatives": 2}), read_captions(pairs), Features([features])
    )
    return export_release([train(training, folder / "run", resume=False)], folder / "releases").path


@pytest.fixture(scope="module")
def plan(matcher, tmp_path_factory):
    """Pictures whose features are kept already: nothing has to look at them."""
    folder = tmp_path_factory.mktemp("covers")
    write_covers(folder)
    return Plan(
        table=folder / "table.parquet",
        images=folder / "images",
        root=folder / "root",
        matcher=matcher,
        features=folder / "features",
        sentences=folder / "sentences.parquet",
        queries=folder / "queries.parquet",
    )


@pytest.fixture(scope="module")
def built(plan):
    return build(plan)


def test_a_release_is_served_with_the_networks_that_made_it(plan, built):
    release, refused = built
    assert refused == {}
    facts = release.manifest["facts"]
    assert (facts["covers"], facts["sentences"], facts["identity"]["feature_space"]) == (COVERS, 2, SPACE)
    assert all(ArtworkRelease.load(release.path).library.thumbnail(row)[8:12] == b"WEBP" for row in range(COVERS))
    settings = Settings(artwork_root=plan.root, default_deadline_ms=9_000)
    with serving(settings) as service:
        found = search(
            service, sentence="w01 w10 w21", k=COVERS, instructions=[{"where": {"parity": {"any": ["odd"]}}}]
        )
        assert {one["artwork_id"] for one in found["results"]} == {f"c{number}" for number in range(1, COVERS, 2)}
        assert (found["reranked"], found["parts"]["embedder"][:5], found["feature_space"]) == (True, "hire@", SPACE)
        assert all(np.isfinite(one["scores"]["pair"]) for one in found["results"])
        lettered = search(service, sentence="zanzibar", k=1)["results"][0]
        assert lettered["scores"]["text"] == 1


def test_weights_are_chosen_on_val_alone(built):
    facts = built[0].manifest["facts"]
    choice = facts["weights_choice"]
    best = max(row["all"] for row in choice["mean_reciprocal_rank"])
    chosen = next(row for row in choice["mean_reciprocal_rank"] if row["all"] == best)
    assert facts["weights"] == {"pair": chosen["pair"], "text": chosen["text"]} == choice["chosen"]
    assert len(choice["mean_reciprocal_rank"]) > 20


def test_the_next_release_takes_additions_in_and_keeps_names_of_styles(plan, built):
    before = ArtworkRelease.load(built[0].path).library
    addition = made_up_addition("added", picture="")
    Additions(plan.root).put(addition, (plan.images / "3.jpg").read_bytes(), IDENTITY)
    release, _ = build(plan)
    loaded = ArtworkRelease.load(current_release(plan.root), Additions(plan.root))
    assert (release.manifest["facts"]["covers"], loaded.library.additions) == (COVERS + 1, ())
    row = loaded.library.row_of("added")
    assert loaded.library.cover(row).revision == revision_of(addition.cover)
    assert loaded.library.copies(loaded.library.cover(row).picture) == 2
    styles = [set(one.base.catalogue.attributes[STYLE].values) for one in (before, loaded.library)]
    assert styles[0] == styles[1]


def test_what_was_taken_away_is_left_out_until_it_is_added_again(plan, tmp_path):
    own = dataclasses.replace(plan, root=tmp_path / "root")
    for gone in ("c3", "added"):
        Additions(own.root).remove(gone)
    assert build(own)[0].manifest["facts"]["covers"] == COVERS - 1
    assert ArtworkRelease.load(current_release(own.root)).library.row_of("c3") is None
    Additions(own.root).put(made_up_addition("c3", picture=""), (plan.images / "3.jpg").read_bytes(), IDENTITY)
    assert build(own)[0].manifest["facts"]["covers"] == COVERS


def test_pictures_that_cannot_be_used_are_named_and_left_out(plan, tmp_path, capsys):
    table = pl.read_parquet(plan.table).with_columns(
        image=pl.when(pl.col("artwork_id") == "c1").then(pl.lit("none.jpg")).otherwise("image")
    )
    table.write_parquet(tmp_path / "table.parquet")
    arguments = ["--table", str(tmp_path / "table.parquet"), "--images", str(plan.images)]
    arguments += ["--matcher", str(plan.matcher), "--features", str(plan.features), "--root", str(tmp_path / "root")]
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert told.err.count("c1: ") == 1
    assert f"{COVERS - 1} covers" in told.out
    assert main([*arguments[:-1], str(tmp_path / "other"), "--features", str(tmp_path / "nothing")]) == 2


def test_a_table_that_is_none_is_refused(tmp_path):
    good = {"artwork_id": ["a", "b"], "image": ["1.jpg", "2.jpg"]}
    for wrong, message in (
        ({"artwork_id": ["a"]}, "column image"),
        (good | {"artwork_id": ["a", "a"]}, "unique"),
        (good | {"genre": ["x", "y"]}, "lists of strings"),
        (good | {"cover_style": [["x"], ["y"]]}, "other than"),
        (good | {"title": [1, 2]}, "title"),
    ):
        pl.DataFrame(wrong).write_parquet(tmp_path / "wrong.parquet")
        with pytest.raises(ValueError, match=message):
            read_table(tmp_path / "wrong.parquet")
