import json
from pathlib import Path

import pytest

from model.hand_pose.config import HandPoseConfig, config_from_mapping, load_config

SHIPPED = Path(__file__).parents[3] / "model" / "hand_pose" / "hand_pose.toml"


def test_the_shipped_file_loads():
    assert load_config(SHIPPED).objective.anti_jitter_weight == 1


def test_json_keeps_it():
    config = load_config(SHIPPED)
    assert config_from_mapping(json.loads(config.to_json())) == config


@pytest.mark.parametrize(
    "mapping",
    [
        {"network": {"hidden": []}},
        {"layout": {"evenness": 2.0}},
        {"layout": {"bins": 1}},
        {"objective": {"kl_wait": 1.0}},
        {"objekt": {}},
        {"stage": {"epochs": "many"}},
    ],
)
def test_what_makes_no_sense_is_refused(mapping):
    with pytest.raises(ValueError, match="expected"):
        config_from_mapping(mapping)


def test_defaults_are_a_configuration():
    assert config_from_mapping({}) == HandPoseConfig()
