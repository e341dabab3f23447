"""compose.yaml and Dockerfile agree with each other, with the settings and with the tree."""

import json
import re
from pathlib import Path

import pytest
import yaml

from service.server import Worker
from service.settings import Settings
from service.trainer.jobs import JOBS, jobs_of
from service.trainer.settings import TrainerSettings, load_trainer_settings, variable_of

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
COVERS = yaml.safe_load((ROOT / "deploy/covers.yaml").read_text())
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
SERVICE_KEYS = {
    *("build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "ports", "read_only"),
    *("restart", "security_opt", "stop_grace_period", "tmpfs", "volumes"),
}
SETTING_NAMES = {f"REC_{name.upper()}" for name in Settings.model_fields}


def test_the_file_has_the_sections_of_the_compose_format_and_no_other() -> None:
    assert set(COMPOSE) == {"name", "services", "volumes"}
    assert set(COMPOSE["services"]) == {"service", "trainer", "balancer", "redis"}


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
        if isinstance(volume, dict):
            assert volume["source"].startswith("${") or (ROOT / "deploy" / volume["source"]).is_file()
        else:
            assert volume.split(":")[0] in COMPOSE["volumes"]


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
    sidecar = {variable_of(name) for name in TrainerSettings.model_fields}
    assert set(COMPOSE["services"]["trainer"]["environment"]) <= sidecar


def test_covers_are_the_same_folder_to_the_service_and_the_sidecar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(COVERS) == {"services"}
    assert set(COVERS["services"]) == {"service", "trainer"}
    service, trainer = (COVERS["services"][name] for name in ("service", "trainer"))
    assert set(service["environment"]) <= SETTING_NAMES
    assert service["environment"].items() <= trainer["environment"].items()
    (mounted,) = service["volumes"]
    assert trainer["volumes"] == [mounted]
    image = re.findall(r"^ENV PATH=(\S+)/bin", DOCKERFILE, re.MULTILINE)[0]
    for name, value in {**COMPOSE["services"]["trainer"]["environment"], **trainer["environment"]}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REC_RELEASE_ROOT", "/releases")
    settings = load_trainer_settings()
    assert [job.name for job in jobs_of(settings)] == [job.name for job in JOBS]
    for path in settings.matcher_configs:
        assert (ROOT / Path(path).relative_to(f"{image}/lib/python3.11/site-packages")).is_file()
    paths = [value for value in trainer["environment"].values() if value.startswith("/")]
    assert len(paths) > 8
    assert all(Path(path).is_relative_to(mounted["target"]) for path in paths)


def test_the_image_does_not_run_as_root_and_knows_when_it_is_ready() -> None:
    last_stage = DOCKERFILE.split("\nFROM ")[-1]
    (user,) = re.findall(r"^USER (\S+)$", last_stage, re.MULTILINE)
    assert int(user) > 0
    assert "HEALTHCHECK" in last_stage
    assert "/health/ready" in last_stage
    assert 'CMD ["python", "-m", "service"]' in last_stage


def test_the_balancer_and_prometheus_know_every_worker() -> None:
    (port,) = re.findall(r"REC_PORT=(\d+)", DOCKERFILE)
    count = int(COMPOSE["services"]["service"]["environment"]["REC_WORKERS"])
    settings = Settings(release_root=ROOT, port=int(port), workers=count)
    workers = [Worker(number, restarts=0) for number in range(count)]
    balancer = (ROOT / "deploy/haproxy.cfg").read_text()
    named = re.findall(r"^ +server \S+ .*_PORT-(\d+)}\" agent-port .*_PORT-(\d+)}\"$", balancer, re.MULTILINE)
    assert named == [(str(one.port(settings)), str(one.limit_port(settings))) for one in workers]
    assert COMPOSE["services"]["balancer"]["environment"]["WORKER_HOST"] == "service"
    jobs = yaml.safe_load((ROOT / "deploy/prometheus.yaml").read_text())["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert targets["service"] == [f"service:{one.port(settings)}" for one in workers]
    trainer = COMPOSE["services"]["trainer"]["environment"]
    assert json.loads(trainer["REC_TRAINER_SERVICE_URLS"]) == [f"http://{target}" for target in targets["service"]]
    assert targets["trainer"] == [f"trainer:{TrainerSettings.model_fields['metrics_port'].default}"]
    assert targets["balancer"] == ["balancer" + COMPOSE["services"]["balancer"]["environment"]["METRICS_ADDRESS"]]


def test_what_the_configuration_of_the_balancer_asks_for_is_a_variable_of_it() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "deploy/haproxy.cfg").read_text()))
    assert set(COMPOSE["services"]["balancer"]["environment"]) <= asked
