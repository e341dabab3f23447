"""A cycle that is killed comes to the same release as one that is not, of each job that makes something."""

import json
import os
import subprocess
import sys

from model.image_text.captions import read_captions
from model.image_text.config import load_config
from model.image_text.data import Features
from model.image_text.export import export_release
from model.image_text.refresh import train_members
from service.trainer.archive import Archive
from tests.service.artwork.scene_covers import write_covers
from tests.service.trainer.simulated_pairs import library_settings, matcher_settings
from tests.service.trainer.small_world import fill, small_release


def killed(folder, redis_server, job, every):
    """What whole and killed cycles have left: all of it the same."""
    (folder / "sidecar" / "archive").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.service.trainer.killed_cycles", str(folder), redis_server.url]
    environment = os.environ | {"TQDM_DISABLE": "1"}
    found = subprocess.run([*command, job, str(every)], env=environment, capture_output=True, text=True, timeout=900)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    for step, left in told["killed"].items():
        assert left == told["whole"], step
    return told


def keep(folder, **settings):
    """The settings of a job, for the processes that are killed."""
    plain = {
        name: [str(one) for one in value] if isinstance(value, tuple) else str(value)
        for name, value in settings.items()
    }
    (folder / "settings.json").write_text(json.dumps(plain).replace(str(folder), "FOLDER"))


def test_a_training_killed_anywhere_is_gone_on_with_to_the_same_release(tmp_path, redis_server):
    folder = tmp_path / "template"
    small_release(folder / "releases")
    fill(Archive(folder / "sidecar" / "archive"))
    told = killed(folder, redis_server, "retraining", 5)
    whole = told["whole"]
    assert (whole["status"], whole["outcome"], whole["left over"], whole["releases"]) == (0, "published", [], 2)
    assert len(told["killed"]) > 12


def test_a_training_of_matchers_too(tmp_path, redis_server):
    folder = tmp_path / "template"
    keep(folder, **matcher_settings(folder, epochs=1))
    told = killed(folder, redis_server, "matchers", 8)
    whole = told["whole"]
    assert (whole["status"], whole["outcome"], whole["left over"], whole["releases"]) == (0, "published", [], 1)
    assert "0-weights.safetensors" in whole["files"]
    assert len(told["killed"]) > 5


def test_a_library_too(tmp_path, redis_server):
    folder = tmp_path / "template"
    settings = matcher_settings(folder, epochs=1)
    captions, features = read_captions(settings["matcher_pairs"]), Features([settings["matcher_features"]])
    runs = train_members([load_config(folder / "hire.toml")], captions, features, tmp_path / "runs")
    export_release(runs, settings["matcher_root"])
    write_covers(folder / "covers")
    root = {"artwork_root": folder / "artwork", "matcher_root": settings["matcher_root"]}
    keep(folder, **root, **library_settings(folder / "covers"))
    told = killed(folder, redis_server, "library", 8)
    whole = told["whole"]
    assert (whole["status"], whole["outcome"], whole["left over"], whole["releases"]) == (0, "published", [], 1)
    assert {"index.safetensors", "prepared.safetensors"} <= set(whole["files"])
    assert len(told["killed"]) > 4
