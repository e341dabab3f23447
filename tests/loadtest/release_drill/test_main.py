"""The drills as anyone can run them, short."""

import json
import subprocess
import sys

import pytest

from loadtest.release_drill.__main__ import _faulty
from loadtest.speed.release import untrained_release


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases")
    untrained_release(folder, items=100, max_history=20)
    return folder


def run(tmp_path, *arguments):
    command = [sys.executable, "-m", "loadtest.release_drill", *map(str, arguments), "--out", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return [json.loads(line)["figures"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()]


def test_publishes_under_load(root, tmp_path):
    options = ("--publishes", 10, "--pause-s", 0.2, "--gate-requests", 8, "--rate-per-s", 40)
    (figures,) = run(tmp_path, "publishes", "--root", root, *options)
    assert (figures["publishes"], figures["refused"], figures["rollbacks"]) == (10, 0, 1)
    assert (figures["failed"], figures["mixed"], figures["by_fallback"]) == (0, 0, 0)
    assert figures["releases_named"] >= 8
    assert figures["requests"] > figures["in_windows"] > 0


def test_kills(root, tmp_path):
    rows = {row["operation"]: row for row in run(tmp_path, "kills", "--root", root, "--loads", 2, "--services", 0)}
    assert rows["publish"]["kills"] == rows["publish"]["steps"] > 30
    assert rows["rollback"]["kills"] > 10
    assert rows["load"]["kills"] == 2
    assert [row["faults"] for row in rows.values()] == [[], [], [], []]


def test_items(root, tmp_path):
    (figures,) = run(tmp_path, "items", "--root", root, "--posts", 1)
    assert (figures["items"], figures["posted"], figures["failed"]) == (100, 1, 0)
    assert len(figures["waited_s"]) == 1


def test_a_folder_without_releases_is_told(tmp_path):
    command = [sys.executable, "-m", "loadtest.release_drill", "kills", "--root", tmp_path, "--out", tmp_path / "out"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, "no_current" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "figures",
    [
        {"class": "a", "tried": 20, "right": 19},
        {"class": "a", "right": False},
        {"plant": "a", "publishes": 12, "caught": 11},
        {"plant": "none", "publishes": 100, "refused": {"quality": 2}},
        {"publishes": 9, "failed": 1, "mixed": 0, "refused": 0},
        {"publishes": 9, "failed": 0, "mixed": 1, "refused": 0},
        {"operation": "load", "faults": ["left over"]},
    ],
)
def test_a_broken_promise_fails_the_drill(figures):
    assert _faulty(figures)


@pytest.mark.parametrize(
    "figures",
    [
        {"class": "a", "tried": 20, "right": 20},
        {"class": "a", "right": True},
        {"plant": "none", "publishes": 100, "refused": {"quality": 1}},
        {"publishes": 9, "failed": 0, "mixed": 0, "refused": 0},
        {"operation": "load", "faults": []},
    ],
)
def test_a_kept_promise_does_not(figures):
    assert not _faulty(figures)
