"""Day hits: would a model's list of 50 have held what its listeners found on a day? Per listener."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file

from loadtest.drift.world import DriftingWorld
from model.catalogue import Catalogue
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.histories import Histories, Targets
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, WEIGHTS_FILE
from model.climber_pilot.ranking import encode_targets, target_ranks
from model.climber_pilot.towers import network_of
from model.datasets.dataset import Dataset
from model.metrics import UNRANKED, hits

CUT = 50


def day_hits(files: Mapping[str, Path], world: DriftingWorld, day: int) -> pl.DataFrame:
    """user_id, and hit_rate of the user's events of that day with items that were new to him.

    Each is asked for as the service would be, after everything before it, over the whole catalogue of the model, less
    what the user has played; an item that the catalogue lacks is not hit.
    """
    catalogue = Catalogue.load(files[CATALOGUE_FILE])
    config = ClimberPilotConfig.from_json(files[CONFIG_FILE].read_text())
    network = network_of(config.network, catalogue, 1).eval()
    network.load_state_dict(load_file(files[WEIGHTS_FILE]))
    known = pl.col("item_id").is_in(catalogue.items["item_id"].implode())
    events = world.events_before(day + 1).with_columns(
        asked=pl.col("novel") & (pl.col("event_time_s") >= world.start_s(day)), known=known
    )
    usable = events.filter("known")
    histories = Histories.of(
        Dataset(world.dataset.name, usable.select("user_id", "item_id", "event_time_s"), catalogue.items, ()), catalogue
    )
    at = usable["asked"].to_numpy().nonzero()[0]
    starts = histories.offsets[np.searchsorted(histories.offsets, at, side="right") - 1]
    # Before a user's first event there is nothing to ask with.
    targets = Targets(starts[at > starts], at[at > starts])
    with torch.inference_mode():
        queries, vectors = encode_targets(network, histories, targets, None, None)
        ranks = target_ranks(queries, vectors, histories, targets)
    found = np.full(len(usable), UNRANKED)
    found[targets.event] = ranks
    placed = usable.with_columns(hit=pl.Series(hits(found, CUT))).filter("asked").select("user_id", "hit")
    missed = events.filter(~pl.col("known") & pl.col("asked")).select("user_id", hit=pl.lit(False))
    return pl.concat([placed, missed]).group_by("user_id").agg(hit_rate=pl.col("hit").mean()).sort("user_id")
