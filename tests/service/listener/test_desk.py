"""Consent, reactions and their end over real HTTP and a real redis; nothing of a listener is found anywhere after."""

import logging
import re
from pathlib import Path

import pytest

from service.logs import JsonLines
from tests.service.faces.test_desk import png, read
from tests.service.running import fresh, serving, settings_for, wait_until

# Values that nothing else would ever hold.
MARKED = {"AU12": 0.8737261, "AU06": 0.6418253}
COVER, SESSION = "cover-7f3e9b", "session-4c1d2a"


def agree(service, scope="reactions"):
    body = {"scope": scope, "text_version": "2026-11", "of_age": True}
    response = service.client.post("/listener/consents", json=body)
    assert response.status_code == 201, response.text
    return response.json()["consent_id"]


def react(service, consent_id, session_id=SESSION, cover=COVER, aus=None):
    reactions = [{"cover_id": cover, "aus": aus or MARKED}]
    body = {"session_id": session_id, "consent_id": consent_id, "reactions": reactions}
    return service.client.post("/listener/reactions", json=body)


def reacted(service, consent_id, session_id=SESSION):
    return service.client.get(f"/listener/reactions/{session_id}", params={"consent_id": consent_id})


def test_reactions_are_taken_under_a_consent_and_told_as_counts(faces) -> None:
    consent, session = agree(faces), fresh("session")
    assert react(faces, consent, session).status_code == 204
    assert react(faces, consent, session, "other-cover", {"AU12": 0.1}).status_code == 204
    answer = reacted(faces, consent, session).json()
    assert answer == {"reacted": {"AU06": {"covers": 1, "of": 1}, "AU12": {"covers": 1, "of": 2}}}
    assert faces.client.delete(f"/listener/reactions/{session}").json() == {"deleted": True}
    assert reacted(faces, consent, session).json() == {"reacted": {}}


@pytest.mark.parametrize("consent_id", ["f" * 32])
def test_without_a_consent_nothing_is_taken(faces, consent_id: str) -> None:
    for response in (react(faces, consent_id), reacted(faces, consent_id)):
        assert (response.status_code, response.json()["code"]) == (409, "no_consent")


def test_a_consent_holds_for_its_own_use_alone(faces) -> None:
    reading, reactions = agree(faces, "face_reading"), agree(faces, "reactions")
    assert react(faces, reading).json()["code"] == "no_consent"
    listener = {"source": "listener", "consent_id": reactions}
    assert read(faces, png(100), listener).json()["code"] == "no_consent"
    answer = read(faces, png(100), {"source": "listener", "consent_id": reading})
    assert answer.status_code == 200, answer.text
    assert answer.json()["source"] == "listener"


def test_withdrawal_ends_and_deletes_at_once(faces) -> None:
    consent, session = agree(faces), fresh("session")
    react(faces, consent, session)
    assert faces.client.delete(f"/listener/consents/{consent}").json() == {"withdrawn": True}
    assert react(faces, consent, session).json()["code"] == "no_consent"
    assert faces.client.delete(f"/listener/reactions/{session}").json() == {"deleted": False}
    assert faces.client.delete(f"/listener/consents/{consent}").json() == {"withdrawn": False}


def test_a_consent_withdrawn_in_another_process_deletes_the_session_here(faces, redis_server) -> None:
    consent, session = agree(faces), fresh("session")
    react(faces, consent, session)
    with redis_server.client() as client:
        client.delete(f"rec:consent:{consent}")
    sessions = faces.service.listener._sessions
    wait_until(lambda: consent not in sessions.consents())


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "reactions", "text_version": "1", "of_age": False},
        {"scope": "reactions", "text_version": "1"},
        {"scope": "everything", "text_version": "1", "of_age": True},
        {"scope": "reactions", "text_version": "", "of_age": True},
    ],
)
def test_a_consent_is_for_adults_for_one_use_and_one_text(faces, body) -> None:
    response = faces.client.post("/listener/consents", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("aus", [{"AU12": 1.2}, {"smile": 0.5}, {"AU12": "high"}])
def test_values_that_are_none_are_refused_without_being_repeated(faces, aus) -> None:
    response = react(faces, agree(faces), aus=aus)
    assert response.status_code == 422
    assert str(next(iter(aus.values()))) not in response.text.replace("1.2.", "")


def test_by_default_the_service_takes_nothing_of_listeners(running) -> None:
    body = {"scope": "reactions", "text_version": "1", "of_age": True}
    responses = [
        running.client.post("/listener/consents", json=body),
        running.client.delete(f"/listener/consents/{'a' * 32}"),
        react(running, "a" * 32),
        reacted(running, "a" * 32),
        running.client.delete(f"/listener/reactions/{SESSION}"),
    ]
    assert [(one.status_code, one.json()["code"]) for one in responses] == [(403, "listener_off")] * 5


def test_a_listeners_image_is_refused_by_default(squares, faces_root, release_root) -> None:  # noqa: ARG001
    settings = settings_for(release_root, "unix:///nowhere", faces_root=faces_root)
    with serving(settings) as service:
        wait_until(lambda: read(service, png(100)).status_code == 200)
        response = read(service, png(100), {"source": "listener", "consent_id": "a" * 32})
        assert (response.status_code, response.json()["code"]) == (403, "listener_off")


def test_nothing_of_a_listener_is_in_logs_redis_metrics_or_files(face_settings, squares, own_redis, tmp_path) -> None:  # noqa: ARG001
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record):
            # The client of this test lives in the same process and tells what it asked for.
            if not record.name.startswith("http"):
                lines.append(JsonLines().format(record))

    handler, root = Kept(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    before = written_under(face_settings, tmp_path)
    try:
        settings = face_settings.model_copy(update={"redis_url": own_redis.url})
        with serving(settings) as service:
            wait_until(lambda: read(service, png(100)).status_code == 200)
            reading, reactions = agree(service, "face_reading"), agree(service)
            image = png(110, seed=77)
            told = read(service, image, {"source": "listener", "consent_id": reading}).json()
            values = [str(unit["p"]) for face in told["faces"] for unit in face["aus"].values()]
            assert react(service, reactions).status_code == 204
            # What goes wrong must not tell more than what goes right.
            react(service, reactions, aus={"AU12": 8.737261})
            counts = reacted(service, reactions).json()["reacted"]
            assert counts["AU12"] == {"covers": 1, "of": 1}
            metrics = service.client.get("/metrics").text
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    with own_redis.client() as client:
        keys = client.keys("*")
        assert {key.decode() for key in keys} == {f"rec:consent:{one}" for one in (reading, reactions)}
        stored = b"\n".join(client.get(key) for key in keys).decode()
    text = "\n".join(lines)
    assert "/listener/reactions" in text
    for secret in (*(str(value) for value in MARKED.values()), "8.737261", COVER, SESSION, *values):
        for place in (text, stored):
            assert not re.search(rf"(?<![0-9.]){re.escape(secret)}(?![0-9])", place), secret
    for secret in (COVER, SESSION, reading, reactions):
        assert secret not in metrics
        assert secret not in text
    assert written_under(face_settings, tmp_path) == before


def written_under(settings, tmp_path: Path):
    """Every file that the service could have written beside its roots, with its size."""
    roots = (settings.faces_root, settings.cover_faces_root, settings.release_root, tmp_path)
    files = (path for root in roots for path in Path(root).rglob("*") if path.is_file())
    return {str(path): path.stat().st_size for path in files}
