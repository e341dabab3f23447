"""Small catalogues, networks and datasets for tests."""

import dataclasses

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file

from model.catalogue import Catalogue
from model.climber_pilot.config import ClimberPilotConfig, NetworkConfig, config_from_mapping
from model.climber_pilot.inference import Retriever
from model.climber_pilot.network import ClimberPilot
from model.climber_pilot.towers import Towers
from model.datasets.dataset import Dataset
from model.release import Release

GENRES = ("rock", "jazz", "folk", "metal")


def small_items(count=40):
    return pl.DataFrame(
        {
            "item_id": [f"track-{i}" for i in range(count)],
            "title": [f"Track {i}" for i in range(count)],
            "genre": [[GENRES[i % 4]] if i % 3 else [GENRES[i % 4], GENRES[(i + 1) % 4]] for i in range(count)],
            "language": [["en"] if i % 5 else ["de"] for i in range(count)],
        }
    )


def small_catalogue(count=40):
    return Catalogue(small_items(count))


def small_network(catalogue, safety_interval_s=0, seed=0, **sizes):
    """A network with random, non-zero tables, so that every part matters."""
    torch.manual_seed(seed)
    config = NetworkConfig(**({"width": 16, "feed_forward_width": 32, "id_buckets": 65_536, "dropout": 0.0} | sizes))
    model = ClimberPilot(config, catalogue, safety_interval_s).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def small_dataset(users=60, events=16, seed=0):
    """Listeners who mostly stay in one genre; times half an hour apart."""
    rng = np.random.default_rng(seed)
    items = small_items()
    rows = []
    for user in range(users):
        favourite = rng.integers(4)
        for event in range(events):
            row = int(rng.integers(10)) * 4 + (favourite if rng.random() < 0.8 else int(rng.integers(4)))
            rows.append((f"listener-{user}", f"track-{row}", 1_700_000_000 + event * 1800 + int(rng.integers(600))))
    interactions = pl.DataFrame(rows, schema=["user_id", "item_id", "event_time_s"], orient="row")
    return Dataset("small", interactions, items, ("genre", "language"))


def small_config(**sections):
    base = {
        "network": {"width": 16, "feed_forward_width": 32, "id_buckets": 65_536, "dropout": 0.1, "max_history": 8},
        "objective": {"tamip": "readout", "safety_interval_s": 900},
        "pretrain": {"epochs": 2, "batch_size": 16, "learning_rate": 0.01, "warmup_steps": 2},
        "finetune": {"epochs": 2, "batch_size": 16, "learning_rate": 0.003, "warmup_steps": 2},
    }
    for name, values in sections.items():
        base[name] = base[name] | values
    config = config_from_mapping(base)
    assert isinstance(config, ClimberPilotConfig)
    return config


def small_retriever(folder, catalogue=None, towers=1, seed=0, **sizes):
    """A retriever of random networks, as if it came from a release."""
    catalogue = small_catalogue() if catalogue is None else catalogue
    networks = [small_network(catalogue, seed=seed + tower, **sizes) for tower in range(towers)]
    model = networks[0]
    if towers > 1:
        model = Towers(model.config, catalogue, towers)
        model.towers = torch.nn.ModuleList(networks)
    with torch.no_grad():
        vectors = model.eval().scored(model.items()).numpy()
    index = folder / "index.safetensors"
    popularity = np.arange(len(catalogue), dtype=np.float32)
    save_file({"item_vectors": np.ascontiguousarray(vectors), "popularity": popularity}, index)
    facts = {"instructable": ["genre"], "simulated": "yes", "towers": towers}
    config = dataclasses.replace(ClimberPilotConfig(), network=model.config)
    return Retriever(Release(folder, "small", {"facts": facts}), config, model, catalogue, index)
