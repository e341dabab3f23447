"""README tells the truth: its tables equal the code, its commands run, its request is answered."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from model.datasets.registry import SOURCES
from service import errors
from service.app import create_app
from service.settings import Settings
from service.telemetry import Telemetry
from service.trainer.settings import SHARED, TrainerSettings, variable_of
from service.trainer.telemetry import TrainerTelemetry
from tests.service.running import serving, settings_for

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
# The front page, and the page of each part in its folder.
FOLDERS = ("service", "model", "kernels", "loadtest", "deploy")
PAGES = {
    path: path.read_text()
    for path in [
        ROOT / "README.md",
        *(page for folder in FOLDERS for page in sorted((ROOT / folder).rglob("README.md"))),
    ]
}
# Never sent as it is: only what is made from it has a cause.
ABSTRACT_ERRORS = {"unavailable", "not_configured"}
# A process serves what it has a root of.
ROOTS = ("release_root", "artwork_root", "hands_root", "faces_root", "cover_faces_root", "face_description_root")


def section(title: str) -> str:
    """The text under a heading."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def table(title: str) -> list[list[str]]:
    """The cells of the rows of the last table under a heading."""
    rows = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def tables(title: str) -> list[list[list[str]]]:
    """The cells of the rows of every table under a heading."""
    found = re.findall(r"(?:^\|.*\n)+", section(title) + "\n", re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()[2:]] for rows in found]


def code(cell: str) -> str:
    """A cell without its backticks."""
    return cell.strip("`")


def blocks() -> list[str]:
    """The shell commands that the pages show."""
    return re.findall(r"```bash\n(.*?)```", "\n".join(PAGES.values()), re.DOTALL)


def shown_default(field: FieldInfo) -> str:
    """A setting's default as a table shows it."""
    default = "required" if field.is_required() else field.get_default(call_default_factory=True)
    if default is None:
        return "unset"
    if isinstance(default, tuple) and default:
        return json.dumps(default)
    return "empty" if default in ({}, ()) else str(default)


def test_every_setting_is_listed_with_its_default() -> None:
    expected = {f"REC_{name.upper()}": shown_default(field) for name, field in Settings.model_fields.items()}
    assert {code(row[0]): code(row[1]) for row in table("Settings")} == expected


def test_every_setting_of_the_sidecar_is_listed_with_its_default() -> None:
    fields = {variable_of(name): field for name, field in TrainerSettings.model_fields.items() if name not in SHARED}
    expected = {name: shown_default(field) for name, field in fields.items()}
    expected["REC_TRAINER_CONSUMER"] = "the host's name"
    settings, _ = tables("Refreshing a model")
    assert {code(row[0]): code(row[1]) for row in settings} == expected


def test_every_metric_of_the_sidecar_is_listed_with_its_kind() -> None:
    expected = {}
    for metric in TrainerTelemetry().registry.collect():
        expected[metric.name + ("_total" if metric.type == "counter" else "")] = (metric.type, metric.documentation)
    _, metrics = tables("Refreshing a model")
    assert {code(row[0]): (row[1], row[2]) for row in metrics} == expected


def test_no_setting_is_named_that_does_not_exist() -> None:
    known = {f"REC_{name.upper()}" for name in Settings.model_fields}
    known |= {variable_of(name) for name in TrainerSettings.model_fields}
    # Not of the service: where training finds data, and what compose.yaml and covers.yaml mount.
    known |= {"REC_DATA_DIR", "REC_RELEASES", "REC_COVERS"}
    assert set(re.findall(r"\bREC_[A-Z_]*[A-Z]\b", "\n".join(PAGES.values()))) <= known


def error_classes(parent: type[errors.ServiceError]) -> Iterator[type[errors.ServiceError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from error_classes(child)


def test_every_error_is_listed_with_its_status() -> None:
    found = {one.code: str(one.status) for one in error_classes(errors.ServiceError)}
    expected = {name: status for name, status in found.items() if name not in ABSTRACT_ERRORS}
    assert {code(row[0]): row[1] for row in table("Errors")} == expected


def test_every_metric_is_listed_with_its_kind() -> None:
    expected = {}
    for metric in Telemetry().registry.collect():
        expected[metric.name + ("_total" if metric.type == "counter" else "")] = metric.type
    assert {code(row[0]): row[1] for row in table("Metrics")} == expected


def test_every_route_is_listed(tmp_path: Path) -> None:
    # The document leaves out what a process was not told to do.
    roots = dict.fromkeys(ROOTS, tmp_path)
    paths = create_app(Settings(**roots, listener_faces=True)).openapi()["paths"]
    expected = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert {(row[0], code(row[1])) for row in table("Asking")} == expected


def test_every_data_set_is_listed() -> None:
    listed = {name for row in table("Data") for name in re.findall(r"`([^`]+)`", row[0])}
    assert listed == set(SOURCES)


def test_every_step_of_a_request_names_code_that_exists() -> None:
    steps = section("One request in 8 steps")
    assert len(table("One request in 8 steps")) == 8
    named = re.findall(r"`([\w/]+\.py)` `([\w.]+)`", steps)
    assert len(named) >= 9
    for path, symbol in named:
        assert symbol in definitions(ROOT / path), f"{path} has no {symbol}"


def definitions(path: Path) -> set[str]:
    """Functions, classes and methods of a file, methods with their class."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}.{method.name}" for method in methods}
    return found


def test_every_file_that_is_named_exists() -> None:
    named = set(re.findall(r"`((?:service|model|kernels|deploy|loadtest|tests)/[\w/.]+)`", "\n".join(PAGES.values())))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)\s#]+)", PAGES[page])
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []


def commands() -> list[list[str]]:
    """Every command line of a page that starts one of our programs, in words and without variables set before it."""
    lines = [line for block in blocks() if not block.startswith("curl") for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[next(i for i, word in enumerate(line) if "=" not in word) :] for line in words]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_takes_the_options_that_are_shown(command: list[str]) -> None:
    if command[0] == "bash":
        script = ROOT / command[1]
        assert os.access(script, os.X_OK)
        subprocess.run(["bash", "-n", script], check=True)
        return
    if command[0] == "torchrun":  # which has options of its own before the program's
        command = ["python", *command[command.index("-m") :]]
    assert command[:2] == ["python", "-m"]
    module, *rest = command[2:]
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
    if not rest:
        return
    subcommand = rest[:1] if not rest[0].startswith("-") else []
    options = {word for word in rest if word.startswith("--")}
    assert options <= offered(module, *subcommand)


@cache
def offered(module: str, *subcommand: str) -> set[str]:
    """The options in a program's own help."""
    result = subprocess.run(
        [sys.executable, "-m", module, *subcommand, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(re.findall(r"--[a-z][a-z-]*", result.stdout))


def test_the_demo_offers_the_options_that_are_named() -> None:
    named = set(re.findall(r"`(--[a-z-]+)`", section("Two commands")))
    assert len(named) >= 5
    assert named <= offered("deploy.demo")


def test_the_request_that_is_shown_is_answered_by_the_model(release_root: Path) -> None:
    (shown,) = [block for block in blocks() if block.startswith("curl") and "/recommend" in block]
    body = json.loads(re.search(r"-d '(.*)'", shown, re.DOTALL).group(1))  # type: ignore[union-attr]
    settings = settings_for(release_root, "unix:///nowhere")
    with serving(settings) as service:
        response = service.recommend(**body)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["source"], answer["ignored_items"]) == ("model", [])
    assert len(answer["items"]) == body["k"]
    for item in answer["items"]:
        genres, explicit = set(item["attributes"]["genre"]), set(item["attributes"]["explicit"])
        assert genres & {"folk", "ambient"} and "yes" not in explicit if item["instruction"] == 0 else "rock" in genres
    assert sum(item["instruction"] == 1 for item in answer["items"]) >= 4
