"""Configurations of variants: only what is named changes, and seeds are the run's own."""

import pytest

from model.climber_pilot.benchmark.configurations import SHIPPED, described, overridden, shipped_config, with_seed
from model.climber_pilot.config import ClimberPilotConfig, config_from_mapping


@pytest.mark.parametrize("dataset", SHIPPED)
def test_every_dataset_named_has_its_file(dataset) -> None:
    assert isinstance(shipped_config(dataset), ClimberPilotConfig)


def test_a_dataset_without_a_configuration_needs_one() -> None:
    with pytest.raises(ValueError, match=r"--config .* 'movielens-1m'"):
        shipped_config("movielens-1m")


def test_an_override_changes_its_key_alone() -> None:
    config = shipped_config("lastfm-hetrec2011")
    changed = overridden(config, {"network": {"width": 32}})
    assert changed.network.width == 32
    assert overridden(changed, {"network": {"width": config.network.width}}) == config


@pytest.mark.parametrize("overrides", [{"net": {"width": 1}}, {"network": {"wide": 1}}])
def test_an_unknown_override_is_refused(overrides) -> None:
    with pytest.raises(ValueError, match="expected"):
        overridden(ClimberPilotConfig(), overrides)


def test_the_seed_reaches_every_stage_and_is_not_part_of_the_description() -> None:
    config = shipped_config("music-world")
    seeded = with_seed(config, 3)
    assert (seeded.pretrain.seed, seeded.finetune.seed) == (3, 3)
    assert described(seeded) == described(config)
    assert described(overridden(config, {"network": {"width": 32}})) != described(config)


def test_a_description_is_a_configuration() -> None:
    config = shipped_config("music-world")
    assert config_from_mapping(described(with_seed(config, 3))) == config
