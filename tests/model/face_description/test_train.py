import dataclasses

import pytest

from model.benchmark_rows import perform
from model.face_description.benchmark.table import plot, table
from model.face_description.benchmark.variants import AT_ONCE, NO_BOX, STAGED, Parts, variant_config, variant_runs
from model.face_description.checkpoint import load_checkpoint
from model.face_description.config import STAGES, TOGETHER
from model.face_description.data import make_batch, plan_epoch
from model.face_description.evaluate import evaluate
from model.face_description.exam import TASKS, tasks_by
from model.face_description.train import train
from model.face_description.vocabulary import Vocabulary
from tests.model.face_description.tiny import CONFIG, made_up_faces


@pytest.fixture(scope="module")
def trained(tmp_path_factory, faces):
    out = tmp_path_factory.mktemp("stages")
    train(CONFIG, faces, faces, out, resume=False)
    return out


def test_every_stage_leaves_a_checkpoint_that_answers(trained, faces) -> None:
    for stage in STAGES:
        assert load_checkpoint(trained / stage).facts["stage"] == stage
    report = evaluate(load_checkpoint(trained / STAGES[-1]), faces)
    assert report["boxes"] == 11 * len(faces)
    for name in ("fidelity", "focus", "consistency", "false_claims", "sensitivity", "emotion_accuracy", "bleu4"):
        assert 0 <= report[name] <= 1, name
    assert 0 <= report["age_error_years"] < 100


def test_a_stage_sets_its_thresholds_on_what_has_been_trained() -> None:
    assert [tasks_by(stage) for stage in STAGES] == [TASKS[:1], TASKS[:2], TASKS, TASKS]
    assert tasks_by(TOGETHER) == TASKS


def test_without_texts_the_labels_speak_for_themselves(trained, faces) -> None:
    checkpoint = load_checkpoint(trained / STAGES[-1])
    labels, texts = evaluate(checkpoint, faces, texts=False), evaluate(checkpoint, faces)
    assert "bleu4" not in labels
    assert texts["consistency"] == 1
    assert [labels[name] for name in ("fidelity", "focus", "tasks")] == [
        texts[name] for name in ("fidelity", "focus", "tasks")
    ]
    assert texts["without_a_guide"]["consistency"] < 1


def test_a_finished_training_is_not_done_again(trained, faces) -> None:
    before = load_checkpoint(trained / STAGES[-1]).network.state_dict()
    train(CONFIG, faces, faces, trained, resume=True)
    after = load_checkpoint(trained / STAGES[-1]).network.state_dict()
    assert all((before[name] == after[name]).all() for name in before)


def test_another_configuration_does_not_go_on(trained, faces) -> None:
    changed = dataclasses.replace(CONFIG, stage=dataclasses.replace(CONFIG.stage, learning_rate=1.0))
    with pytest.raises(ValueError, match="expected the configuration"):
        train(changed, faces, faces, trained, resume=True)


@pytest.mark.parametrize("stage", STAGES)
def test_a_fifth_of_a_batch_is_of_earlier_stages(faces, stage) -> None:
    plans = [plan for epoch in range(40) for plan in plan_epoch(faces, stage, 8, 0.2, (0, epoch))]
    asked = [one for plan in plans for one in plan.stages]
    share = sum(one != stage for one in asked) / len(asked)
    assert share == (0 if stage == "face" else pytest.approx(0.2, abs=0.05))
    assert set(asked) <= set(STAGES[: STAGES.index(stage) + 1])


def test_a_batch_hangs_on_its_plan_alone(faces) -> None:
    (plan, *_) = plan_epoch(faces, "recognise", 8, 0.2, (3, 1))
    one, other = (make_batch(faces, plan, CONFIG.objective, Vocabulary.of_grammar(), 80) for _ in range(2))
    assert (one.tokens == other.tokens).all()
    assert (one.boxes == other.boxes).all()
    assert ((one.boxes[..., 2:] - one.boxes[..., :2]) > 0).all()


def test_the_comparison_keeps_a_row_a_run(tmp_path) -> None:
    parts = Parts(*(made_up_faces(4, 1, seed) for seed in range(3)))
    runs = variant_runs(CONFIG, parts, [STAGED, AT_ONCE], [0])
    rows = [perform(run, tmp_path, device="cpu", command="") for run in runs]
    assert set(rows[0]["figures"]["stages"]) == set(STAGES)
    assert len({run.key for run in runs}) == 2
    text = table(rows)
    assert "| stage by stage |" in text
    assert "| all at once |" in text
    assert plot(rows, tmp_path).read_text().startswith("<?xml")
    assert not variant_config(CONFIG, NO_BOX, 0).network.use_box
