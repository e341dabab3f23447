import os

import pytest

from service.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("REC_"):
            monkeypatch.delenv(name)


def test_one_variable_is_enough(monkeypatch):
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    settings = load_settings()
    assert (str(settings.release_root), settings.max_k, settings.max_body_bytes) == ("/releases", 500, 1 << 20)
    assert (settings.max_history_events, settings.max_instructions) == (10_000, 16)


def test_every_fault_is_named_at_once(monkeypatch):
    for name, value in {"PORT": "many", "MAX_K": "0", "POLICY": "{bad", "COLOUR": "blue", "LOG_LEVEL": "loud"}.items():
        monkeypatch.setenv(f"REC_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    for name in ("REC_RELEASE_ROOT", "REC_PORT", "REC_MAX_K", "REC_POLICY", "REC_COLOUR", "REC_LOG_LEVEL"):
        assert name in str(caught.value)


def test_unknown_names_are_refused_but_the_training_folder_is_not(monkeypatch):
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    monkeypatch.setenv("REC_DATA_DIR", "/data")
    load_settings()
    monkeypatch.setenv("REC_RELEASE_ROT", "/releases")
    with pytest.raises(SettingsError, match="REC_RELEASE_ROT: no such setting"):
        load_settings()


def test_names_of_the_sidecar_are_left_to_it(monkeypatch):
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    monkeypatch.setenv("REC_TRAINER_WINDOW_DAYS", "7")
    load_settings()


def test_json_settings(monkeypatch):
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    monkeypatch.setenv("REC_POLICY", '{"explicit": {"none": ["yes"]}}')
    monkeypatch.setenv("REC_STANDING_ATTRIBUTES", '["genre"]')
    settings = load_settings()
    assert settings.policy == {"explicit": {"none": ["yes"]}}
    assert settings.standing_attributes == ("genre",)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("DEFAULT_DEADLINE_MS", "20000", "max_deadline_ms"), ("STANDING_TOP_P", "16", "max_instructions")],
)
def test_bounds_agree(monkeypatch, name, value, expected):
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    monkeypatch.setenv("REC_MAX_INSTRUCTIONS", "8")
    monkeypatch.setenv(f"REC_{name}", value)
    with pytest.raises(SettingsError, match=expected):
        load_settings()


def test_frozen(monkeypatch):
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.max_k = 3
