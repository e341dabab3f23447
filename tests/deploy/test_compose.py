"""compose.yaml and Dockerfile agree with each other, with the settings and with the tree."""

import re
from pathlib import Path

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
SERVICE_KEYS = {
    *("build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "ports", "read_only"),
    *("restart", "security_opt", "stop_grace_period", "tmpfs", "volumes"),
}
SETTING_NAMES = {f"REC_{name.upper()}" for name in Settings.model_fields}


def test_the_file_has_the_sections_of_the_compose_format_and_no_other() -> None:
    assert set(COMPOSE) == {"name", "services", "volumes"}
    assert set(COMPOSE["services"]) == {"service", "redis"}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_is_well_formed(name: str) -> None:
    service = COMPOSE["services"][name]
    assert set(service) <= SERVICE_KEYS
    assert "image" in service
    assert service["restart"] == "unless-stopped"
    for other, condition in service.get("depends_on", {}).items():
        assert COMPOSE["services"][other]["healthcheck"]["test"][0] == "CMD"
        assert condition == {"condition": "service_healthy"}
    for volume in service.get("volumes", ()):
        assert isinstance(volume, dict) or volume.split(":")[0] in COMPOSE["volumes"]


def test_the_build_context_and_file_exist() -> None:
    build = COMPOSE["services"]["service"]["build"]
    context = ROOT / "deploy" / build["context"]
    assert (context / build["dockerfile"]).samefile(ROOT / "deploy/Dockerfile")
    assert set(build["args"]) <= set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))


def test_what_is_copied_into_the_image_exists_and_is_not_ignored() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"pyproject.toml", "service", "model", "kernels"} <= set(copied)
    sent = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == sent
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_only_settings_that_exist_are_set() -> None:
    environment = COMPOSE["services"]["service"]["environment"]
    assert set(environment) <= SETTING_NAMES
    assert set(re.findall(r"\b(REC_\w+)=", DOCKERFILE)) <= SETTING_NAMES


def test_the_image_does_not_run_as_root_and_knows_when_it_is_ready() -> None:
    last_stage = DOCKERFILE.split("\nFROM ")[-1]
    (user,) = re.findall(r"^USER (\S+)$", last_stage, re.MULTILINE)
    assert int(user) > 0
    assert "HEALTHCHECK" in last_stage
    assert "/health/ready" in last_stage
    assert 'CMD ["python", "-m", "service"]' in last_stage
