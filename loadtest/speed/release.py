"""A release to measure speed with: python -m loadtest.speed.release --items N --max-history N --out RELEASES.

Items, listeners and plays are simulated. Trained for one short epoch per stage, so that lists are not noise; with
--untrained the weights are random and no listener is simulated, for catalogues too large to simulate plays for.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save as tensor_bytes

from model.catalogue import Catalogue
from model.climber_pilot.config import ClimberPilotConfig, NetworkConfig, ObjectiveConfig, StageConfig
from model.climber_pilot.export import export_release, index_arrays
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE
from model.climber_pilot.network import ClimberPilot
from model.climber_pilot.train import train
from model.datasets.music_world import END_S, INSTRUCTABLE
from model.datasets.registry import load_dataset
from model.datasets.world_tracks import DAY_S, make_tracks, track_items
from model.release import Release, git_revision, set_current, write_release

logger = logging.getLogger(__name__)

LOG_DAYS = 20
USERS = 300
WIDTH = 128


def speed_config(max_history: int, epochs: int = 1) -> ClimberPilotConfig:
    """The network that serving speed is measured with: width 128, two backbone layers, two branches."""
    network = NetworkConfig(width=WIDTH, num_layers=2, num_branches=2, max_history=max_history, dropout=0.3)
    stage = StageConfig(epochs=epochs, batch_size=16)
    return ClimberPilotConfig(
        network=network,
        objective=ObjectiveConfig(held_out_user_share=0.05, softmax_precision="bfloat16"),
        pretrain=replace(stage, learning_rate=2e-3),
        finetune=replace(stage, learning_rate=1e-3),
    )


def trained_release(root: Path, items: int, max_history: int, *, users: int = USERS, days: float = LOG_DAYS) -> Release:
    """Simulate listening, train both stages, write the release and make it the current one."""
    dataset = load_dataset("music-world", users=users, items=items, days=days)
    config = speed_config(max_history)
    with tempfile.TemporaryDirectory() as scratch:
        for stage in ("pretrain", "finetune"):
            train(stage, config, dataset, Path(scratch), resume=False)
        return export_release(Path(scratch), root)


def untrained_release(root: Path, items: int, max_history: int, *, seed: int = 0) -> Release:
    """Tracks without listeners and a network of random weights: lists are noise, costs are those of a real one."""
    rng = np.random.default_rng(seed)
    table = tracks_without_artists(rng, items)
    catalogue = Catalogue(table)
    config = speed_config(max_history)
    torch.manual_seed(seed)
    model = ClimberPilot(config.network, catalogue).eval()
    randomise(model, seed)
    with torch.inference_mode():
        vectors = model.scored(model.items()).numpy()
    popularity = rng.zipf(1.5, items).clip(max=10_000).astype(np.float32)
    with tempfile.TemporaryDirectory() as scratch:
        index, items_file = Path(scratch) / INDEX_FILE, Path(scratch) / CATALOGUE_FILE
        save_arrays(index_arrays(catalogue, vectors, popularity), index)
        catalogue.save(items_file)
        files: Mapping[str, Path | bytes] = {
            CONFIG_FILE: config.to_json().encode(),
            CATALOGUE_FILE: items_file,
            WEIGHTS_FILE: tensor_bytes(dict(model.state_dict())),
            INDEX_FILE: index,
        }
        release = write_release(root, files, untrained_facts(items))
    set_current(root, release.release_id)
    return release


def tracks_without_artists(rng: np.random.Generator, items: int) -> pl.DataFrame:
    """Tracks of the music world without their artists, whose bits alone would be 12 GB for a million tracks."""
    tracks = make_tracks(rng, items, END_S - LOG_DAYS * DAY_S, END_S)
    return track_items(tracks, END_S).drop("artist")


def randomise(model: ClimberPilot, seed: int) -> None:
    """Give every table that starts at zero a random value, so that no part of a request is an accident of zeros."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(0.0, 0.02, generator=generator)


def untrained_facts(items: int) -> dict[str, object]:
    """Facts of the manifest; they say that nothing here was learned."""
    return {
        "kind": "climber_pilot",
        "dataset": "music-world",
        "simulated": "everything",
        "notes": ["simulated tracks without listeners", "untrained: random weights, random popularity"],
        "instructable": list(INSTRUCTABLE),
        "items": items,
        "metrics": {},
        "git_revision": git_revision(),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.speed.release", description=__doc__)
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--max-history", type=int, default=1_000)
    parser.add_argument("--untrained", action="store_true", help="random weights, no simulated listeners")
    parser.add_argument("--out", type=Path, required=True, help="folder of releases")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    make = untrained_release if arguments.untrained else trained_release
    try:
        release = make(arguments.out, arguments.items, arguments.max_history)
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    sys.stdout.write(f"{release.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
