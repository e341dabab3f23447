"""Served = evaluated above 100,000 items, where the search without an instruction reads the nearest clusters."""

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import save_file

from loadtest.client import Client
from loadtest.questions import held_out_questions
from loadtest.served_quality import served_quality
from model.catalogue import Catalogue
from model.climber_pilot.checkpoint import load_checkpoint, save_description
from model.climber_pilot.export import export_release
from model.climber_pilot.network import ClimberPilot
from model.datasets.dataset import Dataset
from model.item_index import EXACT_UP_TO
from model.training import WEIGHTS_FILE
from tests.model.climber_pilot.worlds import small_config
from tests.service.running import serving, settings_for

NUM_ITEMS = EXACT_UP_TO + 1_000
CLUSTERS = 500
USERS = 800
HISTORY = 4
FIRST_S = 1_700_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """(dataset, checkpoint folder): items in clusters, and listeners whose held-out item is one of the best 60."""
    rng = np.random.default_rng(3)
    genres = rng.integers(0, 40, CLUSTERS)
    cluster_of = rng.integers(0, CLUSTERS, NUM_ITEMS)
    items = pl.DataFrame(
        {
            "item_id": [f"track-{row}" for row in range(NUM_ITEMS)],
            "genre": [[f"genre-{genre}"] for genre in genres[cluster_of]],
        }
    )
    catalogue = Catalogue(items)
    network = {"num_layers": 1, "num_branches": 1, "dropout": 0.0, "id_buckets": 1 << 40}
    config = small_config(network=network, objective={"branch_weights": (1.0,)})
    torch.manual_seed(3)
    model = ClimberPilot(config.network, catalogue).eval()
    width = config.network.width
    with torch.no_grad():
        vectors = rng.normal(size=(CLUSTERS, width))[cluster_of] + 0.5 * rng.normal(size=(NUM_ITEMS, width))
        model.items.id_embedding.weight[model.items.id_rows[:, 0]] = torch.from_numpy(vectors).float()
    folder = tmp_path_factory.mktemp("large-checkpoint")
    facts = {"instructable": ["genre"], "simulated": "everything", "validation": {}, "data_revision": ""}
    save_description(folder, config, catalogue, np.ones(NUM_ITEMS), facts)
    save_file(model.state_dict(), folder / WEIGHTS_FILE)

    favourites = [np.flatnonzero(cluster_of == rng.integers(CLUSTERS)) for _ in range(USERS)]
    listened = np.stack([rng.choice(own, HISTORY + 1, replace=False) for own in favourites])
    # The last one is a place holder until the model has said what it thinks of those before.
    drafted = Dataset("large", plays(listened), items, ("genre",), simulated="everything")
    describe(folder, drafted)
    questions = held_out_questions(load_checkpoint(folder), drafted, "genre")[-1]
    best = questions.answer_exactly(64).rows
    for user in range(USERS):
        new = best[user][~np.isin(best[user], listened[user])]
        listened[user, -1] = new[rng.integers(60)]
    dataset = dataclasses.replace(drafted, interactions=plays(listened))
    describe(folder, dataset)
    return dataset, folder


def plays(listened):
    users, length = listened.shape
    return pl.DataFrame(
        {
            "user_id": [f"listener-{user:04d}" for user in range(users) for _ in range(length)],
            "item_id": [f"track-{row}" for row in listened.ravel().tolist()],
            "event_time_s": [FIRST_S + 600 * event for _ in range(users) for event in range(length)],
        }
    )


def describe(folder, dataset):
    """Make the folder a checkpoint of this dataset."""
    checkpoint = load_checkpoint(folder)
    facts = checkpoint.facts | {"data_revision": dataset.revision()}
    save_description(folder, checkpoint.config, checkpoint.catalogue, checkpoint.popularity, facts)


def test_the_clusters_keep_99_percent_of_the_exact_hit_rate(large, tmp_path):
    dataset, folder = large
    export_release(folder, tmp_path)
    questions = held_out_questions(load_checkpoint(folder), dataset, "genre")
    with serving(settings_for(tmp_path, "unix:///nowhere")) as service:
        assert service.retriever._index.recall is not None
        compared, found = served_quality(questions, Client(service.base_url))
    assert [check for check in found if not check.ok] == []
    strict, plain = compared
    assert (strict["search"], plain["search"]) == ("exact", "clusters")
    assert (strict["users"], plain["users"]) == (USERS, USERS)
    assert plain["hr"]["10"]["exact"] > 0.1
    assert plain["hr"]["50"]["exact"] > 0.7
    # The clusters were really asked, and what they miss is told apart from what nothing explains.
    assert plain["lists"]["approximate"] > 0
    assert strict["lists"]["approximate"] == 0
