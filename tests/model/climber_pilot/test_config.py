"""Configuration files: shipped ones load, wrong ones are refused."""

from pathlib import Path

import pytest

import model.climber_pilot
from model.climber_pilot.config import ClimberPilotConfig, config_from_mapping, load_config

SHIPPED = sorted(Path(model.climber_pilot.__path__[0]).glob("*.toml"))


def test_there_are_shipped_configurations():
    assert {path.stem for path in SHIPPED} >= {"beauty", "sports", "lastfm", "music_world"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configurations_load_and_survive_json(path):
    config = load_config(path)
    assert ClimberPilotConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"netwrok": {}}, "netwrok"),
        ({"network": {"widht": 3}}, "widht"),
        ({"network": {"width": "64"}}, "network.width as int"),
        ({"network": {"width": 65}}, "num_heads to divide"),
        ({"network": {"use_attributes": 1}}, "use_attributes as bool"),
        ({"objective": {"tamip": "maks"}}, "objective.tamip as one of"),
        ({"objective": {"branch_weights": [1.0]}}, "branch_weights"),
    ],
)
def test_what_is_unknown_or_of_the_wrong_type_is_refused(mapping, message):
    with pytest.raises(ValueError, match=message):
        config_from_mapping(mapping)


def test_integers_are_welcome_as_floats():
    assert config_from_mapping({"network": {"dropout": 0}}).network.dropout == 0.0
