import numpy as np
import pytest

from model.hand_pose.inference import HandPose
from model.hand_pose.landmarks import LandmarkFrame
from model.release import current_release
from tests.service.hand_frames import moving_hand
from tests.service.test_request import check_problem


def embed(running, frames):
    return running.client.post("/hands/embed", json={"frames": frames})


def test_points_are_those_of_the_model(running, hands_root):
    frames = moving_hand()
    answer = embed(running, frames).json()
    pose = HandPose.load(current_release(hands_root))
    asked = [(frame["t"], LandmarkFrame(np.array(frame["landmarks"]), 640, 640, "right", False)) for frame in frames]
    expected = pose.follow(asked, pose.cursor())
    assert answer["release"] == pose.release_id
    for found, wanted in zip(answer["points"], expected, strict=True):
        assert (found["t"], found["state"]) == (wanted.time_s, wanted.state)
        assert (found["x"], found["y"]) == pytest.approx(wanted.position)
        assert found["raw"] == pytest.approx(wanted.raw)


def test_frames_are_counted_by_what_the_cursor_did(running):
    before = running.metric("rec_hand_points_total", state="lost")
    answer = embed(running, [{**frame, "landmarks": None} for frame in moving_hand(5)]).json()
    assert [point["x"] for point in answer["points"]] == [None] * 5
    assert running.metric("rec_hand_points_total", state="lost") == before + 5


def test_landmarks_that_span_no_hand_are_a_lost_one(running):
    (frame,) = moving_hand(1)
    (point,) = embed(running, [{**frame, "landmarks": [[0.5, 0.5, 0.0]] * 21}]).json()["points"]
    assert (point["state"], point["x"], point["raw"]) == ("lost", None, None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"landmarks": [[0, 0, 0]] * 20}, "too_short"),
        ({"landmarks": [[0, 0]] * 21}, "too_short"),
        ({"landmarks": [[0, 0, 99]] * 21}, "less_than_equal"),
        ({"handedness": "both"}, "literal_error"),
        ({"width": 0}, "greater_than_equal"),
        ({"t": -1}, "greater_than_equal"),
        ({"mirrored": "no"}, "bool_type"),
        ({"face": 1}, "unknown_field"),
    ],
)
def test_frames_that_are_none_are_refused(running, change, code):
    (frame,) = moving_hand(1)
    faults = check_problem(embed(running, [frame | change]), 422, "invalid_request")
    assert set(faults.values()) == {code}
    assert all(field.startswith("frames.0.") for field in faults)


def test_numbers_of_frames(running):
    (frame,) = moving_hand(1)
    assert embed(running, [frame] * 256).status_code == 200
    assert check_problem(embed(running, [frame] * 257), 422, "invalid_request") == {"frames": "too_long"}
    assert check_problem(embed(running, []), 422, "invalid_request") == {"frames": "too_short"}
