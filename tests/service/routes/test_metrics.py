from prometheus_client.parser import text_string_to_metric_families

from tests.service.running import fresh


def test_prometheus_can_read_it(running, history):
    running.answer(history=history)
    running.recommend(k=0)
    running.client.get(f"/users/{fresh()}/history")
    response = running.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    samples = [sample for family in families.values() for sample in family.samples]
    named = {(sample.name, sample.labels.get("route"), sample.labels.get("status")) for sample in samples}
    assert ("rec_http_request_duration_seconds_count", "/recommend", "200") in named
    assert ("rec_http_request_duration_seconds_count", "/recommend", "422") in named
    assert ("rec_http_request_duration_seconds_count", "/users/{user_id}/history", "200") in named
    stages = {sample.labels["stage"] for sample in families["rec_stage_duration_seconds"].samples}
    assert {"parse", "history", "retrieval", "slate", "serialise"} <= stages
    assert all(family.documentation for family in families.values())
    (ready,) = families["rec_ready"].samples
    assert ready.value == 1


def test_clients_cannot_add_labels(running):
    before = running.client.get("/metrics").text
    for _ in range(5):
        running.client.get(f"/{fresh()}")
        running.client.request(fresh().upper().replace("-", ""), "/recommend")
    after = running.client.get("/metrics").text
    assert len(after.splitlines()) - len(before.splitlines()) < 120
    assert "user-" not in after.lower()
    assert 'route="unmatched"' in after
