"""Policy: probabilities of what was logged, and what the reward model expects of what would be shown."""

import numpy as np
import polars as pl
import pytest

from loadtest.replay.log import HeldLog
from loadtest.replay.policy import Arm, Table, Uniform
from loadtest.replay.policy_file import PerRequest, parse_policy, read_policy
from loadtest.replay.reward_model import RewardModel
from loadtest.replay.simulation import CONTEXTS, NUM_ITEMS, policy_rows, simulate, world


@pytest.fixture(scope="module")
def made():
    return world(1)


@pytest.fixture(scope="module")
def exposures(made):
    (found,) = HeldLog(simulate(made, 1, num_users=60)).batches()
    return found


@pytest.fixture(scope="module")
def model(exposures):
    fitted = RewardModel()
    fitted.learn(exposures)
    fitted.fit()
    return fitted


def expected_by_definition(exposures, model, probabilities):
    """The mean over items of the model's prediction, an item at a time."""
    context = np.array([CONTEXTS.index(one) for one in exposures.frame["context"]])
    items = [f"item-{number}" for number in range(NUM_ITEMS)]
    effects = model.item_effects(items)[exposures.group % 5]
    return model.surroundings(exposures) + (effects * probabilities[context, exposures.position - 1]).sum(1)


def test_a_table_by_context_and_position_gives_its_probabilities(made, exposures, model):
    policy = made.policy()
    context = [CONTEXTS.index(one) for one in exposures.frame["context"]]
    item = [int(one.removeprefix("item-")) for one in exposures.frame["item_id"]]
    assert np.array_equal(policy.probability(exposures), made.target[context, exposures.position - 1, item])
    assert np.allclose(policy.expected(exposures, model), expected_by_definition(exposures, model, made.target))


def test_probabilities_per_request_equal_the_same_ones_in_a_table(made, exposures, model, tmp_path):
    keys = exposures.frame.select("request_id", "context", "position")
    rows = keys.join(policy_rows(made.target), on=["context", "position"]).drop("context")
    for kind, write in {"parquet": rows.write_parquet, "jsonl": rows.write_ndjson}.items():
        write(tmp_path / f"policy.{kind}")
        policy = read_policy(tmp_path / f"policy.{kind}")
        assert isinstance(policy, PerRequest)
        assert np.allclose(policy.probability(exposures), made.policy().probability(exposures), rtol=1e-12)
        expected = made.policy().expected(exposures, model)
        assert np.allclose(policy.expected(exposures, model), expected, rtol=1e-12)
    short = rows.filter(pl.col("request_id") != "3")
    with pytest.raises(ValueError, match="every request"):
        PerRequest(short.lazy(), "short").probability(exposures)


def test_uniform_is_over_the_candidates(exposures, model):
    assert np.array_equal(Uniform().probability(exposures), Uniform(NUM_ITEMS).probability(exposures))
    assert Uniform().expected(exposures, model) is None
    flat = np.full((2, 3, NUM_ITEMS), 1 / NUM_ITEMS)
    found = Uniform(NUM_ITEMS).expected(exposures, model)
    assert np.allclose(found, expected_by_definition(exposures, model, flat))


@pytest.mark.parametrize(
    ("probabilities", "said"), [([0.5, 0.4], "sum to 1"), ([1.2, -0.2], "at least 0"), ([0.5, np.nan], "at least 0")]
)
def test_probabilities_that_are_none_are_refused(probabilities, said):
    with pytest.raises(ValueError, match=said):
        Table(pl.DataFrame({"item_id": ["a", "b"], "probability": probabilities}), "mine")


def test_a_repeated_item_and_an_unknown_position_are_refused(exposures):
    with pytest.raises(ValueError, match="twice"):
        Table(pl.DataFrame({"item_id": ["a", "a"], "probability": [0.5, 0.5]}), "mine")
    rows = pl.DataFrame({"item_id": ["a"], "position": [1], "probability": [1.0]})
    with pytest.raises(ValueError, match="none of"):
        Table(rows, "mine").probability(exposures)


def test_policies_are_named_on_the_command_line():
    assert parse_policy("uniform:80").num_items == 80
    assert isinstance(parse_policy("arm:b:2"), Arm)
    assert parse_policy("arm:b:2").arm == "b:2"
    for text in ("uniform:few", "arm:", "nowhere.parquet", "uniform:0"):
        with pytest.raises(ValueError, match="expected"):
            parse_policy(text)


def test_no_row_is_predicted_from_its_own_user(exposures):
    """Other rewards of the users of a fold change the predictions of all others and not their own."""
    fold = exposures.group % 5
    changed = exposures.frame.with_columns(reward=np.where(fold == 2, 1.0 - exposures.reward, exposures.reward))
    predictions = []
    for frame in (exposures.frame, changed):
        (held,) = HeldLog(frame).batches()
        model = RewardModel()
        model.learn(held)
        model.fit()
        predictions.append(model.predict(held))
    assert np.array_equal(predictions[0][fold == 2], predictions[1][fold == 2])
    assert (predictions[0][fold != 2] != predictions[1][fold != 2]).mean() > 0.9
