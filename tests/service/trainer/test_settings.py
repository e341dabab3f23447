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
