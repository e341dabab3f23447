"""The tree: what a newcomer is promised about names, sizes and where things are."""

import importlib
import importlib.metadata
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {
    *(".ci", ".dockerignore", ".gitignore", "README.md", "pyproject.toml"),
    *("deploy", "kernels", "loadtest", "model", "service", "tests"),
}
CODE = ("service", "model", "kernels", "deploy", "loadtest", "tests")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "misc"}
MAX_LINES = 300


def tracked(*patterns: str) -> list[Path]:
    """The repository's own files, also those that are about to be committed; never what a run has written."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: the repository's own files cannot be told from written ones")
    return [Path(name) for name in listed if (ROOT / name).is_file()]


def test_the_top_level_holds_what_the_tree_says() -> None:
    assert {path.parts[0] for path in tracked()} <= TOP_LEVEL


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    names = {part.removesuffix(path.suffix) for path in tracked() for part in path.parts}
    assert not names & FORBIDDEN_NAMES


def test_init_files_are_empty() -> None:
    inits = [path for path in tracked("*__init__.py")]
    assert inits
    assert [str(path) for path in inits if (ROOT / path).read_text()] == []


def test_no_file_is_too_long_to_read() -> None:
    files = [path for path in tracked("*.py", "*.sh", "*.toml", "*.yaml", ".ci/*")]
    assert len(files) > 50
    lengths = {str(path): len((ROOT / path).read_text().splitlines()) for path in files}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_installed_distribution_shadows_our_packages() -> None:
    ours = {"loadtest", "service", "model", "kernels"}
    owners = {name: set(importlib.metadata.packages_distributions().get(name, [])) for name in ours}
    assert all(found <= {"climber-pilot-serving"} for found in owners.values()), owners


@pytest.mark.parametrize("package", ["loadtest", "service", "model", "kernels"])
def test_our_packages_are_imported_from_this_tree(package: str) -> None:
    assert Path(__import__(package).__file__ or "").parent == ROOT / package


def test_every_shipped_training_configuration_loads() -> None:
    other = ("pyproject.toml", "budget.toml", "wordings.toml")
    shipped = [path for path in tracked("*.toml") if path.name not in other]
    assert len(shipped) >= 4
    for path in shipped:
        # A package's settings are read by its own config.py; the demo's are Climber-Pilot's.
        own = ".".join((*path.parent.parts, "config")) if (ROOT / path.parent / "config.py").exists() else None
        importlib.import_module(own or "model.climber_pilot.config").load_config(ROOT / path)


def readme_tree() -> dict[str, str]:
    """Path -> description, from the tree that README draws."""
    text = (ROOT / "README.md").read_text()
    drawing = text.split("## The tree", 1)[1].split("```", 2)[1]
    tree, folders = {}, {0: ""}
    for line in drawing.strip("\n").splitlines():
        indent, name, description = re.fullmatch(r"( *)(\S+)\s*(.*)", line).groups()  # type: ignore[union-attr]
        path = folders[len(indent)] + name
        folders[len(indent) + 2] = path
        tree[path] = description
    return tree


def test_everything_that_the_readme_tree_names_exists() -> None:
    tree = readme_tree()
    assert len(tree) > 20
    missing = [name for name in tree if not (ROOT / name).exists()]
    assert missing == []


def test_the_readme_tree_names_every_package_folder() -> None:
    named = {name.rstrip("/") for name in readme_tree() if name.endswith("/")}
    folders = {str(path.parent) for path in tracked("*.py") if path.parts[0] in CODE}
    assert {name for name in folders if not name.startswith("tests/")} <= named


def test_tests_mirror_the_tree() -> None:
    folders = {path.parent.relative_to("tests") for path in tracked("tests/**/test_*.py")}
    assert {str(folder) for folder in folders if not (ROOT / folder).is_dir()} == set()


def test_the_repository_speaks_of_the_product_alone() -> None:
    # Spelled in parts, so that this file does not find itself.
    words = re.compile("|".join(("/" + "work/", "/" + "tmp/venv", "pypi" + r"\.org", "python" + r"hosted\.org")))
    found = [str(path) for path in tracked() if words.search((ROOT / path).read_text(errors="replace"))]
    assert found == []
