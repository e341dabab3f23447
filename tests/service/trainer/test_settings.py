import os

import pytest

from service.settings import SettingsError
from service.trainer.settings import load_trainer_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("REC_"):
            monkeypatch.delenv(name)


def test_what_the_service_has_too_is_set_once(monkeypatch):
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    monkeypatch.setenv("REC_REDIS_URL", "redis://store:6379/1")
    monkeypatch.setenv("REC_LOG_LEVEL", "WARNING")
    monkeypatch.setenv("REC_TRAINER_WORK_DIR", "/sidecar")
    monkeypatch.setenv("REC_TRAINER_WINDOW_DAYS", "7")
    monkeypatch.setenv("REC_TRAINER_EVENT_TYPES", '["play", "like"]')
    monkeypatch.setenv("REC_PORT", "8001")  # the service's, and no concern of the sidecar
    settings = load_trainer_settings()
    assert (str(settings.release_root), settings.redis_url, settings.log_level) == (
        "/releases",
        "redis://store:6379/1",
        "WARNING",
    )
    assert (settings.window_days, settings.event_types, settings.metrics_port) == (7, ("play", "like"), 8500)


def test_every_fault_is_named_at_once(monkeypatch):
    for name, value in {"INTERVAL_S": "-1", "WINDOW": "7", "NICE": "much", "EVENT_TYPES": "["}.items():
        monkeypatch.setenv(f"REC_TRAINER_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_trainer_settings()
    wrong = ("INTERVAL_S", "WINDOW: no such setting", "NICE", "EVENT_TYPES", "WORK_DIR")
    for name in ("REC_RELEASE_ROOT", *(f"REC_TRAINER_{name}" for name in wrong)):
        assert name in str(caught.value)


def test_where_releases_must_be_signed_the_sidecar_signs(monkeypatch):
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    monkeypatch.setenv("REC_TRAINER_WORK_DIR", "/sidecar")
    monkeypatch.setenv("REC_RELEASE_PUBLIC_KEY", "k" * 44)
    with pytest.raises(SettingsError, match="signing_key"):
        load_trainer_settings()
    monkeypatch.setenv("REC_TRAINER_SIGNING_KEY", "/key")
    load_trainer_settings()


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        (
            {"REC_TRAINER_MATCHER_PAIRS": "/pairs"},
            "MATCHER_CONFIGS, REC_TRAINER_MATCHER_FEATURES, REC_TRAINER_MATCHER_ROOT",
        ),
        ({"REC_TRAINER_MATCHER_ROOT": "/matchers"}, "expected settings of a job"),
        (
            {"REC_TRAINER_LIBRARY_QUERIES": "/q", "REC_TRAINER_MATCHER_ROOT": "/m"},
            "REC_ARTWORK_ROOT, REC_TRAINER_LIBRARY",
        ),
        (
            {"REC_TRAINER_COVER_FACES_INTERVAL_S": "60", "REC_FACES_ROOT": "/f"},
            "REC_COVER_FACES_ROOT, REC_COVER_IMAGES",
        ),
    ],
)
def test_half_of_what_a_job_needs_is_refused(monkeypatch, given, lacking):
    for name, value in {"REC_RELEASE_ROOT": "/releases", "REC_TRAINER_WORK_DIR": "/sidecar", **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=lacking):
        load_trainer_settings()


def test_what_the_service_alone_needs_asks_for_no_job(monkeypatch):
    for name in ("RELEASE_ROOT", "ARTWORK_ROOT", "PARTS_DIR", "FACES_ROOT", "COVER_FACES_ROOT", "COVER_IMAGES"):
        monkeypatch.setenv(f"REC_{name}", "/somewhere")
    monkeypatch.setenv("REC_TRAINER_WORK_DIR", "/sidecar")
    settings = load_trainer_settings()
    assert (settings.cover_faces_interval_s, settings.at_once().cover_faces_interval_s) == (None, None)
    assert settings.at_once().interval_s == 0
