"""Configurations of benchmark runs: the shipped one of a dataset, and what a variant changes of it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.climber_pilot.config import ClimberPilotConfig, config_from_mapping, load_config

SHIPPED = {
    "amazon-beauty": "beauty.toml",
    "amazon-sports": "sports.toml",
    "amazon-toys": "toys.toml",
    "lastfm-hetrec2011": "lastfm.toml",
    "movielens-latest-small": "movielens.toml",
    "music-world": "music_world.toml",
}
"""Dataset -> its training configuration, beside model/climber_pilot/config.py."""

STAGES = ("pretrain", "finetune")


def shipped_config(dataset: str) -> ClimberPilotConfig:
    """The configuration shipped for a dataset; raises ValueError where there is none."""
    if dataset not in SHIPPED:
        raise ValueError(f"expected --config for a dataset other than {', '.join(SHIPPED)}, got {dataset!r}")
    return load_config(Path(__file__).parents[1] / SHIPPED[dataset])


def overridden(config: ClimberPilotConfig, overrides: Mapping[str, Mapping[str, Any]]) -> ClimberPilotConfig:
    """The configuration with some keys of its sections replaced; unknown ones raise ValueError."""
    sections = dataclasses.asdict(config)
    unknown = set(overrides) - set(sections)
    if unknown:
        raise ValueError(f"expected sections {sorted(sections)}, got {sorted(unknown)}")
    return config_from_mapping({name: values | overrides.get(name, {}) for name, values in sections.items()})


def pretraining_of(config: ClimberPilotConfig) -> ClimberPilotConfig:
    """What pre-training depends on: no setting of the tuning."""
    plain = overridden(config, {"network": {"condition_path": "attention"}})
    return ClimberPilotConfig(plain.network, plain.objective, plain.pretrain)


def with_seed(config: ClimberPilotConfig, seed: int) -> ClimberPilotConfig:
    """The configuration with the seed of every stage set."""
    return overridden(config, {stage: {"seed": seed} for stage in STAGES})


def described(config: ClimberPilotConfig) -> dict[str, Any]:
    """The configuration as a run keeps it: plain values, without seeds (the seed is the run's own)."""
    sections = dataclasses.asdict(config)
    for stage in STAGES:
        del sections[stage]["seed"]
    return {name: {key: _plain(value) for key, value in values.items()} for name, values in sections.items()}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
