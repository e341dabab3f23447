"""The hook into the recommender: an item that nobody has played yet is found by what its cover looks like."""

import dataclasses
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import torch

from model.artwork.cover import STYLE
from model.artwork.export import LibraryContent, export_library
from model.artwork.identity import Identity
from model.artwork.inference import ArtworkRelease
from model.artwork.item_styles import main, with_styles
from model.artwork.styles import Styles
from model.catalogue import Catalogue
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.export import export_release
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.climber_pilot.network import ClimberPilot
from model.climber_pilot.train import train
from model.condition import Condition
from model.datasets.dataset import Dataset
from model.release import current_release
from tests.model.artwork.libraries import IDENTITY, made_up_covers, replaced, unit
from tests.model.climber_pilot.worlds import small_config, small_dataset, small_items

# Of the small world's 40 items in 4 genres, one of each genre that nobody has played.
COLD = (36, 37, 38, 39)


def covers_by_genre():
    """A cover for every track; those of a genre look alike. Simulated: no picture was looked at."""
    covers, _, _ = made_up_covers(40)
    rng = np.random.default_rng(0)
    looks = np.eye(IDENTITY.dim)[np.arange(40) % 4]
    covers = [replaced(cover, artwork_id=f"track-{row}") for row, cover in enumerate(covers)]
    return covers, unit(looks + rng.normal(0, 0.1, looks.shape))


@pytest.fixture(scope="module")
def artwork(tmp_path_factory):
    root = tmp_path_factory.mktemp("artwork")
    covers, vectors = covers_by_genre()
    identity = dataclasses.replace(IDENTITY, scorer_id=None)
    content = LibraryContent(covers, vectors, identity, ("m", "0" * 64), styles=Styles.fit(vectors, 4))
    export_library(content, root)
    return root


def tracks(with_covers, root):
    """Nothing but the cover tells what a track is like: neither genre nor title."""
    items = small_items().select("item_id", "language")
    return with_styles(items, ArtworkRelease.load(current_release(root)).library) if with_covers else items


def trained(items, folder):
    """A network that was trained before the cold tracks came, and its events."""
    world = small_dataset(users=80)
    warm = pl.col("item_id").is_in([f"track-{row}" for row in range(40) if row not in COLD])
    dataset = Dataset("small", world.interactions.filter(warm), items.filter(warm), ("language",))
    config = small_config(pretrain={"epochs": 10}, network={"dropout": 0.0})
    train("pretrain", config, dataset, folder / "checkpoint", resume=False)
    return load_checkpoint(folder / "checkpoint"), dataset.interactions


def grown_vectors(checkpoint, items):
    """Item vectors of the same network over more items; a new one has its attributes and an id that says nothing."""
    torch.manual_seed(0)
    catalogue, small = Catalogue(items), checkpoint.model
    grown = ClimberPilot(checkpoint.config.network, catalogue, checkpoint.config.objective.safety_interval_s).eval()
    known = [catalogue.row_of[one] for one in checkpoint.catalogue.item_ids]
    weights = {name: value for name, value in small.state_dict().items() if "id_embedding" not in name}
    grown.load_state_dict(weights, strict=False)
    with torch.no_grad():
        table = grown.items.id_embedding.weight
        table[grown.items.id_rows[known]] = small.items.id_embedding.weight[small.items.id_rows]
        return grown.scored(grown.items()).numpy(), catalogue


def found_by_cover(with_covers, root, folder):
    """Of the four tracks that came after training, how often the one of a listener's favourite genre scores best."""
    items = tracks(with_covers, root)
    checkpoint, events = trained(items, folder)
    vectors, catalogue = grown_vectors(checkpoint, items)
    retriever = Retriever.load(export_release(folder / "checkpoint", folder / "releases", graphs=False).path)
    cold = [catalogue.row_of[f"track-{row}"] for row in COLD]
    right = []
    for _, own in events.group_by("user_id", maintain_order=True):
        numbers = np.array([int(one.removeprefix("track-")) for one in own["item_id"]])
        rows = np.array([retriever.catalogue.row_of[one] for one in own["item_id"]])
        request = RetrievalRequest(History(rows, own["event_time_s"].to_numpy()), (Condition(),), 1)
        scores = vectors[cold] @ retriever.query_vectors([request])[0][0]
        right.append(scores.argmax() == np.bincount(numbers % 4, minlength=4).argmax())
    return float(np.mean(right)), catalogue


def test_a_track_that_nobody_played_is_found_by_its_cover(artwork, tmp_path):
    blind, _ = found_by_cover(False, artwork, tmp_path / "blind")
    seeing, catalogue = found_by_cover(True, artwork, tmp_path / "seeing")
    # One in four is chance; ten short epochs teach a style a part of what it could say.
    assert blind < 0.45 < 0.55 < seeing
    like = catalogue.describe(catalogue.row_of["track-36"])[STYLE]
    alike = np.flatnonzero(catalogue.satisfying(catalogue.condition({STYLE: {"any": like}})))
    assert 36 in alike
    assert set(alike % 4) == {0}  # covers of one genre look alike here


def test_items_get_the_style_of_the_cover_that_they_name(artwork):
    library = ArtworkRelease.load(current_release(artwork)).library
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "artwork_id": ["track-4", "track-8", None]})
    styles = with_styles(items, library)[STYLE].to_list()
    assert styles[0] == styles[1] == library.base.catalogue.describe(4)[STYLE]
    assert styles[2] is None
    with pytest.raises(ValueError, match="got none"):
        with_styles(pl.DataFrame({"item_id": ["a"]}), library)
    with pytest.raises(ValueError, match="expected a column"):
        with_styles(pl.DataFrame({"x": ["a"]}), library)


def test_the_command_writes_a_table_that_a_log_is_read_with(artwork, tmp_path, capsys):
    pl.DataFrame({"item_id": ["track-1", "x"], "title": ["One", "X"]}).write_csv(tmp_path / "items.csv")
    arguments = ["--root", str(artwork), "--items", str(tmp_path / "items.csv"), "--out", str(tmp_path / "o.parquet")]
    assert main(arguments) == 0
    assert "1 of 2" in capsys.readouterr().out
    pl.DataFrame({"user_id": ["u", "u"], "item_id": ["track-1", "x"], "event_time_s": [1, 2]}).write_csv(
        tmp_path / "events.csv"
    )
    command = [sys.executable, "-m", "model.datasets", "inspect", "log", "--events", str(tmp_path / "events.csv")]
    command += ["--items", str(tmp_path / "o.parquet"), "--attribute", STYLE]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert STYLE in shown
    assert main([*arguments[:1], str(tmp_path), *arguments[2:]]) == 2


def test_styles_of_other_centroids_have_other_names():
    vectors = unit(np.random.default_rng(0).normal(size=(30, 8)))
    first, again, other = Styles.fit(vectors, 3), Styles.fit(vectors, 3), Styles.fit(vectors[::2], 3)
    assert first.names(vectors) == again.names(vectors)
    assert not set(first.names(vectors)) & set(other.names(vectors))
    assert Identity.of(IDENTITY.facts()) == IDENTITY
