import io
import zlib

import numpy as np
import pytest
from PIL.Image import fromarray

from service.artwork import networks
from tests.service.artwork.asking import answered, problem, send, send_raw
from tests.service.artwork.tiny import SIDE, TinyScorer, matchers_without_scorer, picture, write_tiny_root
from tests.service.running import serving

MATCH = "/artwork/match"
GIVEN = ["a red picture", "a blue picture", "green"]


@pytest.mark.parametrize("way", [send, send_raw])
@pytest.mark.parametrize(("colour", "best"), [("red", GIVEN[0]), ("blue", GIVEN[1]), ("green", GIVEN[2])])
def test_given_sentences_are_scored(covers, way, colour, best):
    answer = answered(way(covers, MATCH, picture(colour, 70), sentences=GIVEN))
    assert answer["results"][0]["sentence"] == best
    assert {one["sentence"] for one in answer["results"]} == set(GIVEN)
    assert (answer["found"], answer["reranked"]) == (False, True)
    assert answer["parts"] == {
        **{"embedder": "tiny-embedder-1", "scorer": "tiny-scorer-1", "regions": "tiny-cells", "labels": "none"}
    }


def test_words_name_the_region_that_they_speak_of(covers):
    pixels = np.full((90, 90, 3), 20, np.uint8)
    pixels[60:, :30] = (250, 10, 10)  # the seventh of nine cells
    pixels[:30, 60:] = (10, 10, 250)  # the third
    out = io.BytesIO()
    fromarray(pixels).save(out, "PNG")
    answer = answered(send(covers, MATCH, out.getvalue(), sentences=["red or blue"]))
    words = {one["word"]: one for one in answer["results"][0]["words"]}
    assert list(words) == ["red", "or", "blue"]
    assert words["red"]["box"] == pytest.approx([0, 2 / SIDE, 1 / SIDE, 1])
    assert words["blue"]["box"] == pytest.approx([2 / SIDE, 0, 1, 1 / SIDE])
    assert words["red"]["label"] == "region"
    quiet = answered(send(covers, MATCH, out.getvalue(), sentences=["red or blue"], explain=False))
    assert quiet["results"][0]["words"] == []


def test_known_sentences_are_found(covers):
    answer = answered(send(covers, MATCH, picture("blue", 71), k=2))
    assert answer["results"][0]["sentence"] == "a blue picture"
    assert (answer["found"], len(answer["results"])) == (True, 2)


def test_a_release_that_knows_no_sentences_says_so(artwork_settings, tmp_path):
    write_tiny_root(tmp_path, sentences=())
    with serving(artwork_settings(tmp_path)) as service:
        document = problem(send(service, MATCH, picture("red")), 422, "invalid_request")
        assert [(fault["field"], fault["code"]) for fault in document["errors"]] == [("sentences", "missing")]
        assert answered(send(service, MATCH, picture("red"), sentences=GIVEN))["results"][0]["sentence"] == GIVEN[0]


def test_lettering_on_the_picture_counts(covers):
    answer = answered(send(covers, MATCH, picture("grey", 5, text="OK COMPUTER"), sentences=["ok computer", "red"]))
    assert answer["read_text"] == ["OK COMPUTER"]
    assert {one["sentence"]: one["scores"]["text"] for one in answer["results"]} == {"ok computer": 1, "red": 0}


def test_without_a_scorer_or_time_the_first_stage_answers(covers, artwork_settings, tmp_path, monkeypatch):
    late = answered(send(covers, MATCH, picture("red"), sentences=GIVEN, deadline_ms=9_000))
    assert late["reranked"]
    monkeypatch.setattr("service.artwork.patience.RESERVE_MS", 10_000)
    late = answered(send(covers, MATCH, picture("red"), sentences=GIVEN))
    assert (late["reranked"], late["rerank_reason"]) == (False, "deadline")
    assert [one["scores"]["pair"] for one in late["results"]] == [None] * 3
    monkeypatch.setattr(networks, "load_matchers", matchers_without_scorer)
    write_tiny_root(tmp_path, scorer=False)
    with serving(artwork_settings(tmp_path)) as service:
        found = answered(send(service, MATCH, picture("red"), sentences=GIVEN))
    assert (found["reranked"], found["rerank_reason"], found["results"][0]["sentence"]) == (
        False,
        "no_scorer",
        GIVEN[0],
    )


@pytest.mark.parametrize(
    ("kind", "media_type"), [("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("PNG", "image/jpeg")]
)
def test_the_content_tells_the_type(covers, kind, media_type):
    image = picture("blue", kind=kind)
    answer = answered(send_raw(covers, MATCH, image, media_type, sentences=GIVEN))
    assert answer["results"][0]["sentence"] == GIVEN[1]


def test_a_picture_that_lies_on_its_side_is_turned_upright(covers):
    pixels = np.full((60, 90, 3), 20, np.uint8)
    pixels[:20, :30] = (250, 10, 10)
    out = io.BytesIO()
    image = fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise: the red corner is at the top right
    image.save(out, "JPEG", exif=exif, quality=95)
    answer = answered(send(covers, MATCH, out.getvalue(), sentences=["red or", "red"]))
    boxes = {one["sentence"]: one["words"][0]["box"] for one in answer["results"]}
    assert boxes["red"] is None  # the only word of a sentence gets all attention of every region
    assert boxes["red or"] == pytest.approx([2 / SIDE, 0, 1, 1 / SIDE])


def bomb():
    """A few hundred bytes whose header promises a billion pixels."""
    out = io.BytesIO()
    fromarray(np.zeros((64, 64), np.uint8)).save(out, "PNG")
    content = bytearray(out.getvalue())
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("image", "status", "code", "fault"),
    [
        (b"GIF89a" + b"\x00" * 64, 415, "unsupported_media_type", None),
        (b"hello", 422, "invalid_request", "not_an_image"),
        (b"", 422, "invalid_request", "not_an_image"),
        (picture("red")[:200], 422, "invalid_request", "truncated"),
        (bomb(), 413, "body_too_large", None),
    ],
)
@pytest.mark.parametrize("way", [send, send_raw])
def test_what_is_no_usable_picture_is_refused(covers, way, image, status, code, fault):
    document = problem(way(covers, MATCH, image, sentences=GIVEN), status, code)
    assert [one["code"] for one in document["errors"]] == ([fault] if fault else [])


def test_a_picture_larger_than_the_limit_is_refused_before_it_is_read(artwork_settings, artwork_root):
    with serving(artwork_settings(artwork_root, max_image_bytes=2_000, max_image_pixels=1_024)) as service:
        problem(send_raw(service, MATCH, b"\x00" * 100_000, sentences=GIVEN), 413, "body_too_large")
        problem(send(service, MATCH, picture("red"), sentences=GIVEN), 413, "body_too_large")
        problem(send(service, MATCH, picture("red", size=40, kind="JPEG"), sentences=GIVEN), 413, "body_too_large")
        assert answered(send(service, MATCH, picture("red", size=24, kind="JPEG"), sentences=GIVEN))["results"]


@pytest.mark.parametrize(
    ("files", "field", "code"),
    [
        ({"request": (None, "{}")}, "image", "missing"),
        ({"image": ("a.png", picture("red")), "other": (None, "1")}, "other", "unknown_field"),
        ({"image": ("a.png", picture("red")), "request": (None, '{"k": 0}')}, "k", "greater_than_equal"),
        ({"image": ("a.png", picture("red")), "request": (None, '{"size": 1}')}, "size", "unknown_field"),
    ],
)
def test_a_form_that_says_something_else_is_refused(covers, files, field, code):
    document = problem(covers.client.post(MATCH, files=files), 422, "invalid_request")
    assert [(fault["field"], fault["code"]) for fault in document["errors"]] == [(field, code)]


def test_bodies_that_are_no_upload_are_refused(covers):
    problem(covers.client.post(MATCH, json={"sentences": GIVEN}), 415, "unsupported_media_type")
    problem(covers.client.post(MATCH, content=picture("red")), 415, "unsupported_media_type")
    broken = covers.client.post(MATCH, content=b"--x\r\n", headers={"content-type": "multipart/form-data; boundary=y"})
    assert broken.status_code == 422
    files = {"image": ("a.png", picture("red")), "request": (None, "{")}
    problem(covers.client.post(MATCH, files=files), 400, "malformed_json")


def test_a_process_that_cannot_see_answers_sentences_alone(artwork_settings, artwork_root):
    with serving(artwork_settings(artwork_root, parts_dir=None)) as service:
        document = problem(send(service, MATCH, picture("red"), sentences=GIVEN), 503, "vision_not_configured")
        assert "REC_PARTS_DIR" in document["detail"]
        assert service.client.post("/artwork/search", json={"sentence": "red"}).status_code == 200
        assert "REC_PARTS_DIR" in service.client.get("/health/ready").json()["artwork"]["blind"]


def test_scores_are_of_the_picture_alone(covers):
    """The same pair gets the same pair score whatever other sentences are sent along."""
    alone = answered(send(covers, MATCH, picture("red", 3), sentences=GIVEN[:1]))["results"][0]["scores"]["pair"]
    beside = answered(send(covers, MATCH, picture("red", 3), sentences=GIVEN * 9))["results"]
    assert {one["scores"]["pair"] for one in beside if one["sentence"] == GIVEN[0]} == {alone}
    assert TinyScorer.model_id == "tiny-scorer-1"
