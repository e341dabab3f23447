"""Open Bandit sample: real logs with known propensities, and the same figures as their publisher's own library."""

import os
from pathlib import Path

import numpy as np
import pytest

from loadtest.replay.evaluation import evaluate
from loadtest.replay.log import HeldLog
from loadtest.replay.open_bandit import main, read_sample, shown_frequencies
from loadtest.replay.policy import Table
from loadtest.replay.reward_model import RewardModel

ROOT = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("REC_DATA_DIR", ROOT.parent / "shared" / "data" / "rec")) / "open-bandit-sample"
SAMPLE = FOLDER / "impressions.parquet"
pytestmark = pytest.mark.skipif(not SAMPLE.is_file(), reason=f"no Open Bandit sample at {SAMPLE}")


@pytest.fixture(scope="module", params=["all", "men", "women"])
def campaign(request):
    logged = read_sample(SAMPLE, "random", request.param)
    policy = Table(shown_frequencies(read_sample(SAMPLE, "bts", request.param)), "bts")
    return request.param, logged, policy


def test_the_estimate_of_the_other_policy_agrees_with_its_own_clicks(campaign):
    name, logged, policy = campaign
    found = evaluate(HeldLog(logged), policy)
    own = read_sample(SAMPLE, "bts", name)["reward"]
    error = float(own.std()) / len(own) ** 0.5
    # Both are uncertain: the log's interval, and the clicks' own.
    for estimator in ("ips", "snips", "dr"):
        value, low, high = found.values[estimator]
        assert abs(value - own.mean()) < 1.5 * ((high - low) / 2 + 2 * error)
    assert found.overlaps["bts"].effective_rows > 100


# The peer warns of what its own dependencies have changed.
@pytest.mark.filterwarnings("ignore")
def test_figures_equal_those_of_the_publishers_library(campaign):
    ope = pytest.importorskip("obp.ope", reason="obp is not installed; it supports no Python above 3.9 officially")
    _, logged, policy = campaign
    found = evaluate(HeldLog(logged), policy)
    (exposures,) = HeldLog(logged).batches()
    model = RewardModel()
    model.learn(exposures)
    model.fit()
    items = sorted(set(exposures.frame["item_id"]), key=int)
    action = np.array([items.index(one) for one in exposures.frame["item_id"]])
    place = exposures.position - 1
    shown = [policy._table[policy._cells.rows([str((one + 1,))])[0], policy._items.rows(items)] for one in range(3)]
    # [N, items, places]: obp asks for the whole distribution of every row, and for a guess of every reward.
    distribution = np.repeat(np.stack(shown, axis=1)[None], len(exposures), axis=0)
    guesses = model.surroundings(exposures)[:, None] + model.item_effects(items)[exposures.group % 5]
    told = {
        "reward": exposures.reward,
        "action": action,
        "position": place,
        "pscore": exposures.propensity,
        "action_dist": distribution,
    }
    guessed = {"estimated_rewards_by_reg_model": np.repeat(guesses[:, :, None], 3, axis=2)}
    theirs = {
        "ips": ope.InverseProbabilityWeighting().estimate_policy_value(**told),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**told),
        "clipped_ips": ope.InverseProbabilityWeighting(lambda_=10.0).estimate_policy_value(**told),
        "dr": ope.DoublyRobust().estimate_policy_value(**told, **guessed),
        "dm": ope.DirectMethod().estimate_policy_value(**told, **guessed),
    }
    for name, value in theirs.items():
        assert found.values[name].value == pytest.approx(value, abs=1e-6), name


def test_the_command_writes_a_log_and_a_policy(tmp_path):
    assert main(["--data", str(SAMPLE), "--campaign", "men", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"random.parquet", "bts-policy.parquet"}
    assert main(["--data", str(FOLDER / "items.parquet"), "--out", str(tmp_path)]) == 2
