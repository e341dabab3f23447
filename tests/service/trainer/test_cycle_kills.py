"""A training that is killed comes to the same release as one that is not."""

import json
import os
import subprocess
import sys

from service.trainer.archive import Archive
from tests.service.trainer.small_world import fill, small_release


def test_a_cycle_killed_anywhere_is_gone_on_with_to_the_same_release(tmp_path, redis_server):
    folder = tmp_path / "template"
    small_release(folder / "releases")
    fill(Archive(folder / "sidecar" / "archive"))
    command = [sys.executable, "-m", "tests.service.trainer.killed_cycles", str(folder), redis_server.url, "5"]
    environment = os.environ | {"TQDM_DISABLE": "1"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    whole = told["whole"]
    assert (whole["status"], whole["outcome"], whole["left over"], whole["releases"]) == (0, "published", [], 2)
    assert len(told["killed"]) > 12
    for step, left in told["killed"].items():
        assert left == whole, step
