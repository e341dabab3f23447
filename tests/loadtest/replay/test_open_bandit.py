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


# What obp 0.5.7 says of the sample under the same reward model; it declares Python below 3.11 and pins NumPy 1.23, so
# it is no dependency of ours: pip install --no-deps --ignore-requires-python obp==0.5.7, scikit-learn, pandas, seaborn.
OBP = {
    "all": {
        "ips": 0.005035366933,
        "snips": 0.005253072196,
        "clipped_ips": 0.005035366933,
        "dr": 0.005118474770,
        "dm": 0.004666751472,
    },
    "men": {
        "ips": 0.005656266701,
        "snips": 0.005739864702,
        "clipped_ips": 0.005656266701,
        "dr": 0.005892150968,
        "dm": 0.005826533493,
    },
    "women": {
        "ips": 0.005805691783,
        "snips": 0.005833036087,
        "clipped_ips": 0.005805691783,
        "dr": 0.005825311301,
        "dm": 0.005838978612,
    },
}


def test_figures_equal_what_the_publishers_library_said(campaign):
    name, logged, policy = campaign
    found = evaluate(HeldLog(logged), policy)
    for estimator, value in OBP[name].items():
        assert found.values[estimator].value == pytest.approx(value, abs=1e-6), estimator


# The peer warns of what its own dependencies have changed.
@pytest.mark.filterwarnings("ignore")
def test_figures_equal_those_of_the_publishers_library(campaign):
    ope = pytest.importorskip("obp.ope", reason="obp is not installed; see OBP")
    name, logged, policy = campaign
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
    assert theirs == pytest.approx(OBP[name], abs=1e-9)
    for estimator, value in theirs.items():
        assert found.values[estimator].value == pytest.approx(value, abs=1e-6), estimator


def test_the_command_writes_a_log_and_a_policy(tmp_path):
    assert main(["--data", str(SAMPLE), "--campaign", "men", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"random.parquet", "bts-policy.parquet"}
    assert main(["--data", str(FOLDER / "items.parquet"), "--out", str(tmp_path)]) == 2
