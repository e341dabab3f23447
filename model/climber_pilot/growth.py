"""Growth: a release over other items - new ones, or old ones with other attributes - without training.

The network stays; its tables follow the items (warm_start.py), and the item vectors are computed from them as an export
would. A new item is near those it shares attributes with from the first answer on, until a training has seen it played.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from model.catalogue import Catalogue
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.export import index_arrays
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE
from model.climber_pilot.towers import network_of
from model.climber_pilot.warm_start import carried_weights
from model.mapped_arrays import map_arrays
from model.release import Release


def release_files(release: Release) -> dict[str, Path]:
    """Name -> where it lies, of each file of a release."""
    return {name: release.path / name for name in release.manifest["files"]}


def grown_files(files: Mapping[str, Path], items: pl.DataFrame, folder: Path, num_towers: int = 1) -> dict[str, Path]:
    """The files of a release, over another item table; what is not the same is written into `folder`.

    Graphs of ONNX Runtime read item vectors and do not hold them: they stay. Items that are new have popularity 0.
    Raises ValueError where the attributes are others.
    """
    config = ClimberPilotConfig.from_json(files[CONFIG_FILE].read_text())
    before, after = Catalogue.load(files[CATALOGUE_FILE]), Catalogue(items)
    weights = carried_weights(config.network, before, after, load_file(files[WEIGHTS_FILE]))
    network = network_of(config.network, after, num_towers).eval()
    network.load_state_dict(weights)
    with torch.inference_mode():
        vectors = network.scored(network.items()).numpy()
    known = map_arrays(files[INDEX_FILE])["popularity"]
    popularity = np.zeros(len(after), dtype=np.float32)
    for row, item_id in enumerate(after.item_ids):
        old_row = before.row_of.get(item_id)
        if old_row is not None:
            popularity[row] = known[old_row]
    after.save(folder / CATALOGUE_FILE)
    save_file(weights, folder / WEIGHTS_FILE)
    save_arrays(index_arrays(after, vectors, popularity), folder / INDEX_FILE)
    changed = (CATALOGUE_FILE, WEIGHTS_FILE, INDEX_FILE)
    return {**files, **{name: folder / name for name in changed}}
