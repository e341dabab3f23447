"""fit(): resume equals uninterrupted, the best epoch wins, patience stops."""

import itertools
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from model.training import Schedule, fit

SCHEDULE = Schedule(
    epochs=4,
    learning_rate=0.05,
    weight_decay=0.01,
    warmup_steps=3,
    final_learning_rate_share=0.1,
    clip_norm=1.0,
    patience_epochs=10,
    seed=3,
)
INPUTS = torch.randn(32, 5, generator=torch.Generator().manual_seed(0))
OUTPUTS = INPUTS @ torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])


class StopError(Exception):
    pass


def run(out, *, resume=False, stop_after=None, schedule=SCHEDULE, score=None, **options):
    torch.manual_seed(1)
    module = nn.Sequential(nn.Dropout(0.3), nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
    evaluated = []

    def evaluate():
        error = float(((module(INPUTS)[:, 0] - OUTPUTS) ** 2).mean())
        evaluated.append(error)
        return {"score": -error if score is None else score[len(evaluated) - 1]}

    def step(batch, number):
        if stop_after is not None and number >= stop_after:
            raise StopError
        return ((module(INPUTS[batch])[:, 0] - OUTPUTS[batch]) ** 2).mean()

    def batches(epoch):
        order = torch.randperm(32, generator=torch.Generator().manual_seed(epoch))
        return [order[i : i + 8] for i in range(0, 32, 8)]

    best = fit(
        module,
        schedule,
        out,
        batches=batches,
        step=step,
        evaluate=evaluate,
        select="score",
        resume=resume,
        title="t",
        **options,
    )
    return module, best


def log_of(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_resume_equals_uninterrupted(tmp_path):
    whole, best = run(tmp_path / "whole")
    with pytest.raises(StopError):
        run(tmp_path / "cut", stop_after=10)  # in the middle of the third epoch
    resumed, resumed_best = run(tmp_path / "cut", resume=True)
    assert resumed_best.metrics == best.metrics
    assert resumed_best.cpu_s > 0
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "whole")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


@pytest.mark.parametrize("stop_after", [0, 6])
def test_the_start_can_count_as_an_epoch_and_resume_goes_on_from_it(tmp_path, stop_after):
    whole, best = run(tmp_path / "whole", evaluate_first=True)
    with pytest.raises(StopError):
        run(tmp_path / "cut", stop_after=stop_after, evaluate_first=True)
    resumed, resumed_best = run(tmp_path / "cut", resume=True, evaluate_first=True)
    assert resumed_best.metrics == best.metrics
    assert log_of(tmp_path / "cut") == log_of(tmp_path / "whole")
    assert [row["epoch"] for row in log_of(tmp_path / "whole")] == [0, 1, 2, 3, 4]
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_kill_between_its_two_files_leaves_no_weights_of_an_earlier_epoch(tmp_path):
    run(tmp_path / "whole")
    run(tmp_path / "cut", schedule=replace(SCHEDULE, epochs=1))
    earlier = (tmp_path / "cut" / "weights.safetensors").read_bytes()
    run(tmp_path / "cut")
    (tmp_path / "cut" / "weights.safetensors").write_bytes(earlier)
    run(tmp_path / "cut", resume=True)
    whole, resumed = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_training_that_never_helps_leaves_the_start(tmp_path):
    torch.manual_seed(1)
    start = nn.Sequential(nn.Dropout(0.3), nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1)).state_dict()
    module, best = run(tmp_path, score=[4.0, 3.0, 2.0, 1.0, 0.0], evaluate_first=True)
    assert best.metrics == {"score": 4.0}
    stored = load_file(tmp_path / "weights.safetensors")
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, start[name])
        assert torch.equal(stored[name], tensor)


def test_without_resume_it_starts_again(tmp_path):
    run(tmp_path)
    run(tmp_path)
    assert [row["epoch"] for row in log_of(tmp_path)] == [1, 2, 3, 4]


def test_the_best_epoch_is_kept_and_patience_stops(tmp_path):
    schedule = replace(SCHEDULE, epochs=6, patience_epochs=1)
    module, best = run(tmp_path, schedule=schedule, score=[1.0, 5.0, 2.0, 3.0, 9.0, 9.0])
    assert best.metrics == {"score": 5.0}
    assert len(log_of(tmp_path)) == 3
    stored = load_file(tmp_path / "weights.safetensors")
    for name, tensor in module.state_dict().items():
        assert torch.equal(stored[name], tensor)


def test_learning_rate_warms_up_and_decays():
    rates = [SCHEDULE.learning_rate_at(step, 20) for step in range(20)]
    assert rates[:3] == pytest.approx([0.05 / 3, 0.1 / 3, 0.05])
    assert rates[3] == pytest.approx(0.05)
    assert all(a > b for a, b in itertools.pairwise(rates[3:]))
    assert SCHEDULE.learning_rate_at(20, 20) == pytest.approx(0.005)


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    module = nn.Linear(1, 1)
    with pytest.raises(FloatingPointError, match="finite"):
        fit(
            module,
            SCHEDULE,
            tmp_path,
            batches=lambda _: [0],
            step=lambda *_: module(torch.tensor([[float("nan")]])).sum(),
            evaluate=lambda: {"score": 0.0},
            select="score",
            resume=False,
            title="t",
        )
