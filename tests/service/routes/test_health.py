from tests.service.running import serving, settings_for, wait_until
from tests.service.test_request import check_problem

FINE = {"refused": None, "refused_release": None}


def test_live_and_ready(running):
    assert running.client.get("/health/live").json() == {"status": "live"}
    ready = running.client.get("/health/ready").json()
    assert ready == {
        "status": "ready",
        "release": running.retriever.release.release_id,
        "simulated": "everything",
        "items": len(running.catalogue),
        "device": "cpu",
        "attention": "condition_rows",
        "runtime": "numpy",
        "runtimes": [],
        "kept": [],
        "refused": None,
        "artwork": None,
        "beside": {
            "hands": {"release": running.service.hands.pose.release_id, **FINE},
            "faces": None,
            "cover_faces": None,
            "face_description": None,
        },
        "experiment": None,
        "arms": [],
    }


def test_ready_reports_how_every_runtime_did(release_root, tmp_path):
    with serving(settings_for(release_root, f"unix://{tmp_path}/nothing.sock", runtime="auto")) as running:
        ready = running.client.get("/health/ready").json()
    tried = {row["name"]: row for row in ready["runtimes"]}
    assert {"numpy", "eager", "onnx", "onnx-int8", "bfloat16"} == set(tried)
    assert tried["onnx"]["error"] < 1e-4
    assert tried[ready["runtime"]]["refusal"] == ""


def test_ready_names_the_releases_of_faces(faces):
    ready = faces.client.get("/health/ready").json()
    for name, followed in (("faces", faces.service.faces.readers), ("cover_faces", faces.service.faces.covers)):
        assert ready["beside"][name] == {"release": followed.release_id, **FINE}
        assert followed.release_id


def test_a_refused_release_beside_is_told_and_holds_nothing_up(release_root, redis_server, tmp_path):
    with serving(settings_for(release_root, redis_server.url, hands_root=tmp_path)) as service:
        wait_until(lambda: service.client.get("/health/ready").json()["beside"]["hands"]["refused"])
        told = service.client.get("/health/ready").json()["beside"]["hands"]
        assert told["release"] is None
        assert "no_current" in told["refused"]
        assert service.metric("rec_followed_refusals_total", kind="hand-pose") == 1


def test_covers_alone_are_ready_and_tell_what_is_beside(artwork_settings, artwork_root, hands_root):
    with serving(artwork_settings(artwork_root, hands_root=hands_root)) as service:
        wait_until(lambda: service.client.get("/hands/model").status_code == 200)
        ready = service.client.get("/health/ready").json()
    assert set(ready) == {"status", "artwork", "beside"}
    assert ready["beside"]["hands"] == {"release": service.service.hands.pose.release_id, **FINE}


def test_a_service_without_redis_is_ready(release_root, tmp_path, history):
    with serving(settings_for(release_root, f"unix://{tmp_path}/nothing.sock")) as running:
        assert running.answer(history=history)["source"] == "model"


def test_nothing_at_other_paths(running):
    check_problem(running.client.get("/nothing"), 404, "not_found")
    check_problem(running.client.get("/recommend/"), 404, "not_found")


def test_other_methods(running):
    for method, path, allowed in (
        ("GET", "/recommend", "POST"),
        ("PUT", "/users/u/history", "DELETE, GET"),
        ("POST", "/health/live", "GET"),
        ("TRACE", "/items/a", "GET"),
    ):
        response = running.client.request(method, path)
        check_problem(response, 405, "method_not_allowed")
        assert response.headers["allow"] == allowed
