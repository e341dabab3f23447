"""POST /faces/aus, GET /artwork/{id}/faces and POST /artwork/search/aus over real HTTP."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from model.face_au.action_units import NAMES
from tests.model.cover_faces.made_up import cover_with, write_reader
from tests.model.face_au.faces import AUS
from tests.service.faces.serving_faces import publish
from tests.service.running import serving, settings_for, wait_until

SMILE = {"AU06": 0.0, "AU12": 0.0}


def png(*sides, seed=0):
    buffer = io.BytesIO()
    Image.fromarray(cover_with(*sides, seed=seed)).save(buffer, "png")
    return buffer.getvalue()


def read(service, content, request=None, media_type="image/png"):
    parameters = {} if request is None else {"request": json.dumps(request)}
    return service.client.post("/faces/aus", content=content, params=parameters, headers={"content-type": media_type})


def test_faces_of_an_image_come_with_named_units(faces) -> None:
    response = read(faces, png(90, 130, seed=3))
    assert response.status_code == 200, response.text
    answer = response.json()
    assert [round(face["size_px"]) for face in answer["faces"]] == [130, 90]
    for face in answer["faces"]:
        assert list(face["aus"]) == list(AUS)
        assert face["refused"] == []
        for au, unit in face["aus"].items():
            assert unit["name"] == NAMES[au]
            assert 0 <= unit["p"] <= 1
    assert answer["note"] is None
    assert (answer["source"], answer["stored"], answer["cover_id"]) == ("cover", False, None)
    assert answer["model"]["labels"] == "weak"
    assert "research alone" in answer["model"]["may_be_used_for"]
    assert "faces;dur=" in response.headers["server-timing"]


def test_no_face_is_a_reasoned_answer(faces) -> None:
    answer = read(faces, png()).json()
    assert (answer["faces"], answer["note"]) == ([], "no face was found")


def test_a_small_face_is_refused_with_its_reason_and_no_units(faces) -> None:
    (face,) = read(faces, png(40)).json()["faces"]
    assert face["aus"] is None
    (reason,) = face["refused"]
    assert reason["code"] == "too_small"
    assert "64 pixels" in reason["message"]


def test_a_form_does_what_a_bare_image_does(faces) -> None:
    content = png(100)
    files = {"image": ("cover.png", content, "image/png"), "request": (None, json.dumps({"source": "cover"}))}
    form = faces.client.post("/faces/aus", files=files).json()
    assert form["faces"] == read(faces, content).json()["faces"]


def test_a_cover_that_the_batch_read_is_answered_from_its_profile(faces) -> None:
    stored = faces.client.post("/faces/aus", json={"cover_id": "two"}).json()
    looked_up = faces.client.get("/artwork/two/faces").json()
    assert stored["stored"] is True
    assert len(stored["faces"]) == 2
    assert looked_up["faces"] == stored["faces"]
    assert faces.client.get("/artwork/none/faces").json()["note"] == "no face was found"
    assert faces.client.get("/artwork/broken/faces").json()["note"] == "the image could not be read: truncated"


def test_what_was_read_now_equals_what_the_batch_read(faces) -> None:
    now = read(faces, png(80, 120, seed=1)).json()["faces"]
    then = faces.client.get("/artwork/two/faces").json()["faces"]
    assert [face["aus"] for face in now] == [face["aus"] for face in then]


@pytest.mark.parametrize("call", [{"cover_id": "unknown"}])
def test_an_unknown_cover_is_not_found(faces, call) -> None:
    for response in (faces.client.post("/faces/aus", json=call), faces.client.get("/artwork/unknown/faces")):
        assert (response.status_code, response.json()["code"]) == (404, "unknown_cover")


@pytest.mark.parametrize(
    ("content", "media_type", "request_json", "status", "code"),
    [
        (b"no image at all", "image/png", None, 422, "invalid_request"),
        (b"GIF89a" + bytes(30), "image/png", None, 415, "unsupported_media_type"),
        (b"\x89PNG\r\n\x1a\n broken", "image/png", None, 422, "invalid_request"),
        (png(100), "text/plain", None, 415, "unsupported_media_type"),
        (png(100), "image/png", {"source": "stranger"}, 422, "invalid_request"),
        (png(100), "image/png", {"consent": "x"}, 422, "invalid_request"),
        (png(100), "image/png", {"source": "listener"}, 409, "no_consent"),
        (png(100), "image/png", {"source": "listener", "consent_id": "0" * 32}, 409, "no_consent"),
        (b"", "image/png", None, 422, "invalid_request"),
    ],
)
def test_bad_input_is_a_typed_problem(faces, content, media_type, request_json, status: int, code: str) -> None:
    response = read(faces, content, request_json, media_type)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_an_image_above_the_limit_is_refused(squares, faces_root, release_root) -> None:  # noqa: ARG001
    settings = settings_for(release_root, "unix:///nowhere", faces_root=faces_root, max_image_bytes=1024)
    with serving(settings) as service:
        wait_until(lambda: read(service, b"x").status_code != 503)
        noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, "png")
        response = read(service, buffer.getvalue())
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def search(service, **body):
    return service.client.post("/artwork/search/aus", json=body)


def test_covers_are_found_by_units_the_surest_first(faces) -> None:
    answer = search(faces, where=SMILE).json()
    assert {one["cover_id"] for one in answer["results"]} == {"one", "two"}
    scores = [one["score"] for one in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    for one in answer["results"]:
        units = one["faces"][one["face"]]["aus"]
        assert one["score"] == min(units["AU06"]["p"], units["AU12"]["p"])
    assert answer["covers"] == 5
    assert search(faces, where={"AU06": 1.0}).json()["results"] == []
    assert len(search(faces, where=SMILE, k=1).json()["results"]) == 1


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"where": {}}, "where", "too_short"),
        ({"where": {"AU12": 1.5}}, "where.AU12", "less_than_equal"),
        ({"where": {"smile": 0.5}}, "where.smile", "string_pattern_mismatch"),
        ({"where": {"AU99": 0.5}}, "where.AU99", "unknown_unit"),
        ({"where": SMILE, "k": 0}, "k", "greater_than_equal"),
        ({"where": SMILE, "k": 10_000}, "k", "less_than_equal"),
        ({"where": SMILE, "other": 1}, "other", "unknown_field"),
    ],
)
def test_a_search_that_cannot_be_followed_names_the_field(faces, body, field: str, code: str) -> None:
    response = search(faces, **body)
    assert response.status_code == 422, response.text
    (fault,) = response.json()["errors"]
    assert (fault["field"], fault["code"]) == (field, code)


def test_without_its_root_a_path_says_that_it_is_not_configured(running) -> None:
    expected = {"/faces/aus": "faces_not_configured", "/artwork/search/aus": "cover_faces_not_configured"}
    responses = {"/faces/aus": read(running, png(100)), "/artwork/search/aus": search(running, where=SMILE)}
    for path, response in responses.items():
        assert (response.status_code, response.json()["code"]) == (503, expected[path])
    response = running.client.get("/artwork/one/faces")
    assert (response.status_code, response.json()["code"]) == (503, "cover_faces_not_configured")
    documented = running.client.get("/openapi.json").json()["paths"]
    assert not {*expected, "/artwork/{artwork_id}/faces", "/listener/consents"} & set(documented)


def test_a_broken_release_leaves_the_one_in_force_and_is_told(squares, faces_root, release_root, tmp_path) -> None:  # noqa: ARG001
    root = tmp_path / "readers"
    first = write_reader(root)
    settings = settings_for(release_root, "unix:///nowhere", faces_root=root, release_poll_ms=20)
    with serving(settings) as service:
        wait_until(lambda: read(service, png(100)).status_code == 200)
        publish(root, {"config.json": b"{}"})
        wait_until(lambda: service.metric("rec_followed_refusals_total", kind="face-au") == 1)
        assert read(service, png(100)).json()["model"]["release"] == first.release_id
        second = write_reader(root, seed=1)
        wait_until(lambda: read(service, png(100)).json()["model"]["release"] == second.release_id)
        assert service.metric("rec_followed_release_info", kind="face-au", release=second.release_id) == 1
        assert service.metric("rec_followed_refusals_total", kind="face-au") == 1


def test_faces_are_counted_by_outcome_and_never_by_what_was_read(faces) -> None:
    before = faces.metric("rec_faces_total", source="cover", outcome="read")
    small = faces.metric("rec_faces_total", source="cover", outcome="too_small")
    read(faces, png(100, 40))
    assert faces.metric("rec_faces_total", source="cover", outcome="read") == before + 1
    assert faces.metric("rec_faces_total", source="cover", outcome="too_small") == small + 1
