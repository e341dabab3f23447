from tests.service.running import serving, settings_for
from tests.service.test_request import check_problem


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


def test_a_service_without_redis_is_ready(release_root, tmp_path, history):
    with serving(settings_for(release_root, f"unix://{tmp_path}/nothing.sock")) as running:
        assert running.answer(history=history)["source"] == "model"


def test_nothing_at_other_paths(running):
    check_problem(running.client.get("/"), 404, "not_found")
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
