"""Assignment: shares, stability, independence; and what REC_EXPERIMENT may say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chi2_contingency, chisquare

from service.experiment import Experiment
from service.settings import SettingsError, load_settings

RELEASE = "20260101T000000Z-0123abcd"
MANY = [f"user-{number}" for number in range(20_000)]


def experiment(*shares, name="trial", **fields):
    arms = [{"name": f"arm-{place}", "share": share} for place, share in enumerate(shares)]
    return Experiment.model_validate({"name": name, "arms": arms, **fields})


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.2, 0.3, 0.5)])
def test_arms_get_their_shares(shares):
    made = experiment(*shares)
    counts = dict.fromkeys((arm.name for arm in made.arms), 0)
    for user in MANY:
        counts[made.arm_of(user).name] += 1
    assert chisquare(list(counts.values()), [share * len(MANY) for share in shares]).pvalue > 0.01


def test_another_name_assigns_anew_and_independently():
    one, other = experiment(0.5, 0.5), experiment(0.5, 0.5, name="next")
    table = [[0, 0], [0, 0]]
    for user in MANY:
        table[one.arms.index(one.arm_of(user))][other.arms.index(other.arm_of(user))] += 1
    assert chi2_contingency(table).pvalue > 0.01


def test_assignments_are_the_same_on_every_machine_and_for_good():
    made = experiment(0.25, 0.25, 0.5)
    assert [int(made.arm_of(f"user-{number}").name[-1]) for number in range(8)] == [2, 2, 0, 1, 0, 2, 0, 0]


@given(st.text(min_size=1))
def test_who_is_in_a_grown_arm_stays_in_it(user):
    """Shares are laid end to end: to grow the first arm takes users from its neighbour alone."""
    before, after = experiment(0.1, 0.9).arm_of(user).name, experiment(0.3, 0.7).arm_of(user).name
    assert after == before or (before, after) == ("arm-1", "arm-0")


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"name": "t", "arms": []}, "arms"),
        ({"name": "t t", "arms": [{"name": "a", "share": 1}]}, "name"),
        ({"name": "t", "arms": [{"name": "a", "share": 0.5}]}, "sum to 1"),
        ({"name": "t", "arms": [{"name": "a", "share": 0.5}] * 2}, "different names"),
        ({"name": "t", "arms": [{"name": "a", "share": 1, "release": RELEASE}]}, "control"),
        (
            {"name": "t", "arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "release": "../x"}]},
            "release",
        ),
        ({"name": "t", "arms": [{"name": "a", "share": 1, "mode": "loose"}]}, "mode"),
        ({"name": "t", "arms": [{"name": "a", "share": 1, "exploration": {}}]}, "temperature"),
        ({"name": "t", "arms": [{"name": "a", "share": 1, "exploration": {"temperature": 0}}]}, "temperature"),
        ({"name": "t", "arms": [{"name": "a", "share": 1, "colour": "red"}]}, "colour"),
    ],
)
def test_what_is_no_experiment_is_refused_by_name(document, named):
    with pytest.raises(ValidationError, match=named):
        Experiment.model_validate(document)


def test_every_fault_of_the_setting_is_named_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("REC_RELEASE_ROOT", str(tmp_path))
    arms = [{"name": "a", "share": 2}, {"name": "b", "share": 0.5, "mode": "loose", "exploration": {"candidates": 1}}]
    monkeypatch.setenv("REC_EXPERIMENT", json.dumps({"name": "t", "arms": arms}))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    for place in ("ARMS.0.SHARE", "ARMS.1.MODE", "ARMS.1.EXPLORATION.CANDIDATES"):
        assert f"REC_EXPERIMENT.{place}" in str(caught.value)
    monkeypatch.setenv("REC_EXPERIMENT", json.dumps({"name": "t", "arms": [{"name": "a", "share": 1}]}))
    assert load_settings().experiment.control.name == "a"
