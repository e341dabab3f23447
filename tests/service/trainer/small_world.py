"""A release of random weights and an archive of plays, small enough to be trained on in half a second."""

from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save as tensor_bytes

from model.climber_pilot.export import index_arrays
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE
from model.climber_pilot.towers import Towers
from model.release import Release, set_current, write_release
from service.trainer.archive import SCHEMA, Archive
from service.trainer.event_stream import entry_order
from tests.model.climber_pilot.worlds import small_catalogue, small_config, small_dataset, small_network

SIZES = {"max_history": 8, "width": 8, "feed_forward_width": 8, "num_layers": 1, "dropout": 0.1}
CONFIG = small_config(network=SIZES, pretrain={"epochs": 1}, finetune={"epochs": 1})
FACTS = {"dataset": "small", "instructable": ["genre", "language"], "simulated": "everything", "validation": {}}


def small_release(root: Path, towers: int = 1, items: int = 40, **facts: object) -> Release:
    """Published and in force."""
    catalogue = small_catalogue(items)
    networks = [small_network(catalogue, seed=number, **SIZES) for number in range(towers)]
    model = networks[0]
    if towers > 1:
        model = Towers(model.config, catalogue, towers)
        model.towers = torch.nn.ModuleList(networks)
    with torch.inference_mode():
        vectors = model.eval().scored(model.items()).numpy()
    root.mkdir(parents=True, exist_ok=True)
    index = root / ".index"
    save_arrays(index_arrays(catalogue, vectors, np.arange(items, dtype=np.float32)), index)
    files: dict[str, Path | bytes] = {
        CONFIG_FILE: CONFIG.to_json().encode(),
        CATALOGUE_FILE: catalogue.to_bytes(),
        WEIGHTS_FILE: tensor_bytes(dict(model.state_dict())),
        INDEX_FILE: index.read_bytes(),
    }
    index.unlink()
    release = write_release(root, files, {**FACTS, "towers": towers, **facts})
    set_current(root, release.release_id)
    return release


def fill(archive: Archive, users: int = 24, events: int = 8) -> pl.DataFrame:
    """Archive what some listeners played; the rows."""
    plays = small_dataset(users, events).interactions
    rows = plays.with_columns(
        pl.int_range(1, len(plays) + 1).map_elements(lambda at: entry_order(f"{at}-0"), pl.String).alias("entry"),
        pl.int_range(len(plays)).cast(pl.String).alias("event_id"),
        pl.lit("play").alias("type"),
        pl.lit(None, dtype=pl.String).alias("request_id"),
    ).select(*SCHEMA)
    archive.add(rows)
    return rows
