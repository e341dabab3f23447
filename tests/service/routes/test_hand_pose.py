import numpy as np
import pytest

from model.hand_pose.inference import HandPose
from model.release import current_release
from tests.service.test_request import check_problem


def test_the_hand_is_that_of_the_decoder(running, hands_root):
    answer = running.client.post("/hands/decode", json={"x": 0.2, "y": 0.9}).json()
    pose = HandPose.load(current_release(hands_root))
    np.testing.assert_allclose(answer["points"], pose.guidance(np.array([[0.2, 0.9]]))[0], atol=1e-9)
    assert answer["release"] == pose.release_id


@pytest.mark.parametrize("body", [{"x": 1.1, "y": 0}, {"x": 0.5}, {"x": "left", "y": 0}, {"x": 0, "y": 0, "z": 0}])
def test_places_off_the_map_are_refused(running, body):
    check_problem(running.client.post("/hands/decode", json=body), 422, "invalid_request")
