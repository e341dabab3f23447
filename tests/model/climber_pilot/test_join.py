"""Joined towers: the mean of their scores, released and served like one network, refused where they differ."""

import json
import shutil

import numpy as np
import pytest
import torch

from model.climber_pilot.benchmark.configurations import with_seed
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.data import ConditionSampler
from model.climber_pilot.evaluate import evaluate
from model.climber_pilot.export import export_release
from model.climber_pilot.histories import Histories, leave_one_out
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.climber_pilot.join import join, main
from model.climber_pilot.ranking import encode_targets
from model.climber_pilot.train import train
from model.condition import Condition
from tests.model.climber_pilot.worlds import small_config, small_dataset

CONFIG = small_config(network={"request_clock": True})


@pytest.fixture(scope="module")
def towers(tmp_path_factory):
    """Two trainings that differ in their seed."""
    folder = tmp_path_factory.mktemp("towers")
    return [
        train("pretrain", with_seed(CONFIG, seed), small_dataset(), folder / str(seed), resume=False) for seed in (0, 1)
    ]


@pytest.fixture(scope="module")
def joined(towers, tmp_path_factory):
    return join(towers, tmp_path_factory.mktemp("joined") / "both")


@pytest.mark.parametrize("instructed", [False, True])
def test_scores_are_the_mean_of_the_towers(towers, joined, instructed):
    dataset = small_dataset()
    scores = []
    for folder in (*towers, joined):
        loaded = load_checkpoint(folder)
        histories = Histories.of(dataset, loaded.catalogue)
        targets = leave_one_out(histories, "novel").test
        sampler = ConditionSampler(loaded.catalogue, ("genre",)) if instructed else None
        entries = None
        if sampler is not None:
            entries = sampler.draw(histories.rows[targets.event], 0.0, np.random.default_rng(0))
        with torch.inference_mode():
            table = None if sampler is None else sampler.table
            queries, vectors = encode_targets(loaded.model, histories, targets, table, entries)
        scores.append(queries @ vectors.T)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))
        torch.testing.assert_close(queries.norm(dim=1), torch.ones(len(queries)))
    assert not torch.allclose(scores[0], scores[1], atol=1e-3)
    torch.testing.assert_close(scores[2], (scores[0] + scores[1]) / 2)


def test_towers_are_evaluated_released_and_served_like_one_network(joined, tmp_path):
    checkpoint, dataset = load_checkpoint(joined), small_dataset()
    report = evaluate(checkpoint, dataset)
    release = export_release(joined, tmp_path, report, graphs=False)
    retriever = Retriever.load(release.path)
    assert retriever.vectors.shape[1] == 2 * CONFIG.network.width
    rows = np.arange(6)
    request = RetrievalRequest(History(rows, rows * 1_000), (Condition(), Condition.of(1)), 5, time_s=9_000)
    free, asked = retriever.retrieve([request])[0]
    assert len(free.rows) == 5
    assert checkpoint.catalogue.satisfying(Condition.of(1))[asked.rows].all()


def test_facts_say_what_was_joined(towers, joined):
    facts = load_checkpoint(joined).facts
    each = [load_checkpoint(folder).facts for folder in towers]
    assert facts["towers"] == 2
    assert facts["cpu_minutes"] == pytest.approx(sum(one["cpu_minutes"] for one in each), abs=0.01)
    assert list(facts["validation"].values()) == [one["validation"] for one in each]


def test_networks_that_differ_are_not_joined(towers, joined, tmp_path, capsys):
    with pytest.raises(ValueError, match="at least two checkpoints"):
        join(towers[:1], tmp_path / "a")
    with pytest.raises(ValueError, match="has 2 towers"):
        join([towers[0], joined], tmp_path / "a")
    changed = {
        "facts.json": ({"data_revision": "another"}, "towers of one data_revision"),
        "config.json": ({"objective": {"tamip": "off"}}, "towers of one configuration"),
    }
    for name, (change, expected) in changed.items():
        other = tmp_path / name
        shutil.copytree(towers[1], other)
        content = json.loads((other / name).read_text())
        for key, value in change.items():
            content[key] = content[key] | value if isinstance(value, dict) else value
        (other / name).write_text(json.dumps(content))
        with pytest.raises(ValueError, match=expected):
            join([towers[0], other], tmp_path / "a")
    assert main(["--checkpoint", str(towers[0]), "--checkpoint", str(tmp_path / "none"), "--out", str(tmp_path)]) == 2
    assert "expected a checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
