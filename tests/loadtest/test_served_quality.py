"""Served = evaluated over real HTTP: what is the same, and that whatever is not the same is found."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from loadtest import served_quality as program
from loadtest.client import Client
from loadtest.questions import Questions, held_out_questions
from loadtest.served_quality import main, release_checks, served_quality
from model.climber_pilot.checkpoint import load_checkpoint, stage_folder
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.evaluate import evaluate
from model.climber_pilot.export import export_release
from model.climber_pilot.inference import CONFIG_FILE
from model.climber_pilot.network import ClimberPilot
from model.training import WEIGHTS_FILE
from tests.service.running import serving, settings_for

NO_STORE = "unix:///nowhere"


@pytest.fixture(scope="module")
def checkpoint(music_checkpoint):
    return load_checkpoint(music_checkpoint)


@pytest.fixture(scope="module")
def served(release_root):
    with serving(settings_for(release_root, NO_STORE)) as service:
        yield service


@pytest.fixture(scope="module")
def questions(checkpoint, music_dataset):
    return held_out_questions(checkpoint, music_dataset, "genre")


@pytest.fixture
def changed_checkpoint(music_checkpoint, tmp_path):
    """The same checkpoint with other weights."""
    folder = tmp_path / "changed"
    shutil.copytree(stage_folder(music_checkpoint), folder)
    weights = load_file(folder / WEIGHTS_FILE)
    generator = torch.Generator().manual_seed(1)
    name = "items.id_embedding.weight"
    weights[name] = weights[name] + 0.05 * torch.randn(weights[name].shape, generator=generator)
    save_file(weights, folder / WEIGHTS_FILE)
    return folder


def ask(service, asked, **options):
    return served_quality(asked, Client(service.base_url), **options)


def failed(found):
    return [check.what for check in found if not check.ok]


def test_the_service_answers_as_the_evaluation_does(served, questions, checkpoint, music_dataset):
    compared, found = ask(served, questions)
    assert failed(found) == []
    report = evaluate(checkpoint, music_dataset)
    (genre,) = [part for part in report["instructed"] if part["attribute"] == "genre"]
    expected = [(genre["users"], genre["modes"]["CGSA strict"])]
    expected += [(row["users"], row) for row in report["unconditional"] if row["model"] == "Climber-Pilot"][:1]
    for figures, (users, reported) in zip(compared, expected, strict=True):
        assert figures["users"] == users > 50
        assert figures["hr"]["50"]["served"] > 0.2
        for cut in ("10", "20", "50"):
            # The very instructions and listeners of the evaluation's own report.
            assert figures["hr"][cut]["exact"] == reported[f"hr@{cut}"]
            assert figures["hr"][cut]["served"] == pytest.approx(reported[f"hr@{cut}"], abs=0.00005)
        assert sum(figures["lists"].values()) == users
        assert figures["lists"]["same"] > 0.9 * users
        assert set(figures["releases"]) == {served.service.releases.served.release_id}


def test_events_that_are_not_sent_still_stay_out_of_the_list(served, questions, checkpoint):
    read = checkpoint.config.network.max_history
    longer = [
        question for question in range(len(questions[0])) if len(questions[0].body(question, 10)["history"]) > read
    ]
    assert longer
    body = questions[0].body(longer[0], 10, max_sent_events=read)
    assert len(body["history"]) == read
    assert body["exclude"]
    _, found = ask(served, questions, max_sent_events=read)
    assert failed(found) == []


def test_where_old_items_count_as_targets_nothing_is_removed_on_either_side(music_checkpoint, music_dataset, tmp_path):
    folder = tmp_path / "all-targets"
    shutil.copytree(stage_folder(music_checkpoint), folder)
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["objective"]["targets"] = "all"
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    export_release(folder, tmp_path / "releases")
    asked = held_out_questions(load_checkpoint(folder), music_dataset, "genre", at_most=60)
    plain = asked[-1]
    assert any(plain.target_row(question) in heard(plain, question) for question in range(len(plain)))
    with serving(settings_for(tmp_path / "releases", NO_STORE)) as service:
        compared, found = ask(service, asked)
    assert failed(found) == []
    assert not any(figures["seen_removed"] for figures in compared)


def test_a_model_that_knows_the_time_is_asked_at_the_moment_of_the_held_out_event(
    music_checkpoint, music_dataset, tmp_path, monkeypatch
):
    folder = tmp_path / "with-clock"
    shutil.copytree(stage_folder(music_checkpoint), folder)
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["network"]["request_clock"] = True
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    network = ClimberPilotConfig.from_json(json.dumps(config)).network
    model = ClimberPilot(network, load_checkpoint(music_checkpoint).catalogue)
    model.load_state_dict(load_file(folder / WEIGHTS_FILE), strict=False)
    torch.manual_seed(2)
    with torch.no_grad():
        model.clock.gap_table.normal_()
        model.clock.period_table.normal_()
    save_file(model.state_dict(), folder / WEIGHTS_FILE)
    export_release(folder, tmp_path / "releases")
    asked = held_out_questions(load_checkpoint(folder), music_dataset, "genre")
    with serving(settings_for(tmp_path / "releases", NO_STORE)) as service:
        assert failed(ask(service, asked)[1]) == []
        monkeypatch.setattr(Questions, "body", without_time(Questions.body))
        assert "no instruction: score of an item" in failed(ask(service, asked)[1])


def without_time(body):
    """Bodies of requests that are about now."""
    return lambda *arguments: {name: value for name, value in body(*arguments).items() if name != "request_time_s"}


def heard(questions, question):
    """Rows of a question's history."""
    row_of = questions.checkpoint.catalogue.row_of
    return {row_of[event["item_id"]] for event in questions.body(question, 10)["history"]}


def test_other_weights_are_found_out(served, changed_checkpoint, music_dataset, release_root):
    asked = held_out_questions(load_checkpoint(changed_checkpoint), music_dataset, "genre")
    compared, found = ask(served, asked)
    names = failed(found)
    assert "no instruction: lists that nothing explains" in names
    assert "no instruction: score of an item" in names
    assert not any("errors" in name for name in names)
    assert compared[1]["differences"][0]["kind"] == "unexplained"
    (release,) = [check for check in release_checks(compared, changed_checkpoint, release_root) if not check.ok]
    assert release.got == f"other {WEIGHTS_FILE}"


def test_a_release_that_is_the_checkpoints_export_is_known_by_its_files(release_root, music_checkpoint, tmp_path):
    (release,) = [path.name for path in release_root.iterdir() if path.is_dir()]
    found = release_checks([{"releases": {release: 3}}], music_checkpoint, release_root)
    assert [check.ok for check in found] == [True, True]
    absent = release_checks([{"releases": {release: 3}}], music_checkpoint, tmp_path)
    assert [check.ok for check in absent] == [True, False]
    two = release_checks([{"releases": {release: 3}}, {"releases": {"another": 1}}], music_checkpoint, None)
    assert [check.ok for check in two] == [False]


def test_a_policy_that_the_evaluation_does_not_know_is_found_out(release_root, questions):
    settings = settings_for(release_root, NO_STORE, policy={"explicit": {"none": ["yes"]}})
    with serving(settings) as service:
        _, found = ask(service, questions)
    assert "no instruction: answers with another number of eligible items" in failed(found)
    assert "no instruction: lists that nothing explains" in failed(found)


def test_an_answer_without_the_model_fails_the_comparison(served, questions, monkeypatch):
    retrieve = served.retriever.retrieve
    turns = iter(range(10**6))

    def sometimes(requests):
        if next(turns) % 4 == 3:
            raise RuntimeError("no memory left")
        return retrieve(requests)

    monkeypatch.setattr(served.retriever, "retrieve", sometimes)
    compared, found = ask(served, questions, concurrency=1)
    assert set(compared[0]["sources"]) == {"model", "fallback"}
    assert "no instruction: answers of the model" in failed(found)
    assert not any("lists that nothing explains" in what for what in failed(found))


def test_refused_requests_are_counted_by_their_code(release_root, questions):
    with serving(settings_for(release_root, NO_STORE, max_k=20)) as service:
        compared, found = ask(service, questions, top_k=30)
    assert compared[1]["faults"] == {"status 422: invalid_request": len(questions[1])}
    assert {"no instruction: errors", "no instruction: HR@20", "releases that answered"} <= {
        *failed(found),
        *failed(release_checks(compared, None, None)),
    }


def test_the_command(
    served, music_checkpoint, release_root, music_dataset, changed_checkpoint, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(program, "load_dataset", lambda *_, **__: music_dataset)
    options = [
        "--url",
        served.base_url,
        "--dataset",
        "music-world",
        "--users",
        "40",
        "--release-root",
        str(release_root),
    ]
    assert main([*options, "--checkpoint", str(music_checkpoint), "--out", str(tmp_path / "same")]) == 0
    report = json.loads((tmp_path / "same" / "report.json").read_text())
    assert report["passed"]
    assert [figures["users"] for figures in report["compared"]] == [40, 40]
    shown = capsys.readouterr().out
    assert shown == (tmp_path / "same" / "report.md").read_text()
    assert "Simulated data" in shown
    assert "FAILED" not in shown
    assert main([*options, "--checkpoint", str(changed_checkpoint), "--out", str(tmp_path / "other")]) == 1
    assert "FAILED" in (tmp_path / "other" / "report.md").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--url", "http://127.0.0.1:9"], "running service at http://127.0.0.1:9"),
        (["--url", "ftp://127.0.0.1"], "an address like"),
        (["--attribute", "mood"], "an attribute among"),
        (["--checkpoint", "nowhere"], "expected a checkpoint"),
    ],
)
def test_what_cannot_be_compared_is_said(
    changes, message, music_checkpoint, music_dataset, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(program, "load_dataset", lambda *_, **__: music_dataset)
    options = ["--checkpoint", str(music_checkpoint), "--dataset", "music-world", "--out", str(tmp_path)]
    assert main([*options, *changes]) == 2
    assert message in caplog.text


def test_other_data_are_refused(checkpoint, music_dataset):
    shorter = type(music_dataset)(
        music_dataset.name, music_dataset.interactions.head(500), music_dataset.items, music_dataset.instructable
    )
    with pytest.raises(ValueError, match="data the checkpoint was trained on"):
        held_out_questions(checkpoint, shorter, "genre")
