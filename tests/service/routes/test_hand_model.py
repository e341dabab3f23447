import pytest

from tests.service.running import serving, settings_for, wait_until
from tests.service.test_request import check_problem


def test_the_model_is_offered_to_browsers(running):
    document = running.client.get("/hands/model").json()
    assert (document["format"], document["camera"]) == (1, False)
    assert document["release"] == running.service.hands.pose.release_id
    assert document["cursor"]["min_cutoff_hz"] == 1
    assert [layer["inner"] for layer in document["encoder"]] == [80, 256, 128]


@pytest.fixture(scope="module")
def without_hands(release_root, redis_server):
    with serving(settings_for(release_root, redis_server.url)) as service:
        yield service


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/hands/model", None),
        ("POST", "/hands/decode", {"x": 0.5, "y": 0.5}),
        (
            "POST",
            "/hands/embed",
            {"frames": [{"t": 0, "mirrored": False, "handedness": "left", "width": 1, "height": 1, "landmarks": None}]},
        ),
    ],
)
def test_without_a_release_of_hands_every_route_says_so(without_hands, method, path, body):
    response = without_hands.client.request(method, path, json=body)
    check_problem(response, 503, "hands_unavailable")
    assert "REC_HANDS_ROOT" in response.json()["detail"]
    assert response.headers["retry-after"] == "60"


def test_a_release_that_cannot_be_read_leaves_the_rest_of_the_service(release_root, redis_server, tmp_path):
    with serving(settings_for(release_root, redis_server.url, hands_root=tmp_path)) as service:
        wait_until(lambda: "no_current" in service.client.get("/hands/model").json()["detail"])
        assert service.client.get("/health/ready").status_code == 200
