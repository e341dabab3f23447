"""Recorded requests put to releases and to services, from the log of one to a report."""

import json
import shutil

import pytest

from loadtest.questions import held_out_questions
from loadtest.release_drill.variants import nudged, shuffled_weights, write_variant
from loadtest.replay.answerer import LoadedRelease, RunningService
from loadtest.replay.capture import bodies_of, captured
from loadtest.replay.capture import main as capture
from loadtest.replay.requests import main, read_bodies, replay
from loadtest.replay.streams import read_events, read_requests
from model.climber_pilot.checkpoint import load_checkpoint
from model.release import current_release
from service.request import RecommendRequest
from tests.service.running import RedisServer, fresh, play, serving, settings_for, wait_until

NOW_S = 1_700_100_000


@pytest.fixture(scope="module")
def releases(release_root, tmp_path_factory):
    """Folders of the small release, of one almost like it and of one whose weights are shuffled."""
    root = tmp_path_factory.mktemp("replayed")
    shutil.copytree(release_root, root, dirs_exist_ok=True)
    source = current_release(root)
    near = write_variant(source, root, nudged(1), {"seed": 1}).path
    far = write_variant(source, root, shuffled_weights, {"seed": 2}).path
    return source, near, far


@pytest.fixture(scope="module")
def recorded(release_root, own_module_redis):
    """A service that logs, what it was asked and what it answered."""
    settings = settings_for(release_root, own_module_redis.url, exposure_share=1)
    with serving(settings) as running:
        ids, answers = running.catalogue.item_ids, {}
        genre = running.catalogue.attributes["genre"].values[0]
        for number in range(12):
            user = fresh()
            running.ingest(*(play(user, ids[7 * number + age], NOW_S + age) for age in range(6)))
            body = {"user_id": user, "k": 15, "request_time_s": NOW_S + 900}
            if number % 3 == 1:
                body["instructions"] = [{"where": {}}, {"name": "one", "where": {"genre": {"any": [genre]}}}]
                body["group_by_instruction"] = number % 2 == 0
                if number % 2:
                    body["instructions"][1]["quota"] = 10
            answer = running.answer(**body)
            answers[answer["request_id"]] = answer
            # What came of the answer is no part of its history.
            running.ingest(play(user, ids[300 + number], NOW_S + 100, request_id=answer["request_id"]))
        # Not to be asked again: neither a history in the body nor exclusions are logged.
        running.answer(user_id=user, history=[{"item_id": ids[0], "event_time_s": NOW_S}])
        running.answer(user_id=user, exclude=[ids[0]])
        wait_until(lambda: running.metric("rec_exposures_total", result="written") == len(answers) + 2)
        yield running, answers


@pytest.fixture(scope="module")
def own_module_redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("replay-redis")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def file(recorded, tmp_path_factory):
    running, answers = recorded
    path = tmp_path_factory.mktemp("captured") / "requests.jsonl"
    source = running.service.settings.redis_url
    assert capture(["exposures", "--exposures", source, "--events", source, "--out", str(path)]) == 0
    assert len(path.read_text().splitlines()) == len(answers)
    return path


def items_of(answer):
    lists = [answer["items"]] if answer["groups"] is None else [group["items"] for group in answer["groups"]]
    return [[item["item_id"] for item in items] for items in lists]


def test_a_captured_request_gets_the_answer_that_was_given(recorded, releases, file):
    """By the release offline, and by the service again."""
    running, answers = recorded
    bodies = read_bodies(file)
    assert len(bodies) == len(answers)
    for side in (LoadedRelease(releases[0]), RunningService(running.base_url)):
        for request_id, body in bodies:
            again = side.answer(body, request_id)
            assert again.fault is None
            assert [shown.item_ids for shown in again.lists] == items_of(answers[request_id])
        side.close()


def test_a_release_is_itself_and_its_neighbour_is_near(releases, file, tmp_path):
    source, near, far = map(str, releases)
    command = ["--requests", str(file), "--before", source, "--out", str(tmp_path)]
    exact = ["--min-overlap", "1", "--min-rbo", "0.9999", "--max-score-shift", "1e-6"]
    assert main([*command, "--after", source, *exact]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["figures"]["same_lists"], report["figures"]["overlap_at_10"]["mean"]) == (1.0, 1.0)
    assert report["figures"]["after"]["compliance"] == 1.0
    assert main([*command, "--after", near, "--min-overlap", "0.5"]) == 0
    near_by = json.loads((tmp_path / "report.json").read_text())["figures"]["rank_biased_overlap"]["mean"]
    assert main([*command, "--after", far, "--min-overlap", "0.9"]) == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["figures"]["rank_biased_overlap"]["mean"] < near_by
    assert [one["what"] for one in report["checks"] if not one["ok"]] == ["overlap of the first 10"]
    page = (tmp_path / "report.html").read_text()
    assert "broken: overlap of the first 10" in page
    assert page.count("<svg") == 2
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == len(read_bodies(file))


def test_a_service_against_a_release(recorded, releases, file, tmp_path):
    running, _ = recorded
    command = ["--requests", str(file), "--before", str(releases[0]), "--after", running.base_url]
    assert main([*command, "--out", str(tmp_path), "--min-overlap", "1"]) == 0


def test_faults_are_counted_and_a_side_that_is_gone_is_no_comparison(releases, tmp_path):
    bodies = [
        ("a", {"user_id": "someone"}),
        ("b", {"k": 0}),
        ("c", {"instructions": [{"where": {"no": {"any": ["x"]}}}]}),
    ]
    side = LoadedRelease(releases[0])
    befores, _ = replay(bodies, side, side, quiet=True)
    assert [one.fault for one in befores] == ["user_without_history", "invalid_request", "invalid_request"]
    file = tmp_path / "requests.jsonl"
    file.write_text('{"k": 5}\n')
    command = ["--requests", str(file), "--before", str(releases[0]), "--out", str(tmp_path / "out")]
    assert main([*command, "--after", "http://127.0.0.1:9"]) == 2
    assert main([*command, "--after", str(tmp_path)]) == 2
    assert main([*command, "--after", str(releases[0])]) == 0  # popularity on both sides
    for text in ("", "[1]\n", "{\n"):
        file.write_text(text)
        assert main([*command, "--after", str(releases[0])]) == 2


def test_histories_are_those_of_the_moment(recorded, own_module_redis):
    _, answers = recorded
    found = list(captured(read_requests(own_module_redis.url), read_events(own_module_redis.url), max_events=4))
    assert [body["request_id"] for body in found] == list(answers)
    for body in found:
        assert [event["event_time_s"] for event in body["history"]] == [NOW_S + age for age in (2, 3, 4, 5)][
            -len(body["history"]) :
        ]


def test_questions_are_captured_as_the_service_is_asked_them(music_checkpoint, music_dataset):
    asked = held_out_questions(load_checkpoint(music_checkpoint), music_dataset, "genre", at_most=5)
    found = list(bodies_of(asked, 7))
    assert len({body["request_id"] for body in found}) == len(found) == sum(map(len, asked))
    for body in found:
        body.pop("request_id")
        assert RecommendRequest.model_validate(body).k == 7
