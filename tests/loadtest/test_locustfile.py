"""The locustfile runs headless, in a process of its own: importing locust changes a whole interpreter."""

import csv
import os
import subprocess
import sys
from pathlib import Path

LOCUSTFILE = Path(__file__).parents[2] / "loadtest" / "locustfile.py"


def locust(url, folder, seconds, **variables):
    command = [sys.executable, "-m", "locust", "-f", LOCUSTFILE, "--headless", "--users", "4", "--spawn-rate", "4"]
    command += ["--run-time", f"{seconds}s", "--host", url, "--csv", folder / "found", "--only-summary"]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=120)


def test_it_asks_a_running_service_the_whole_mix(service_process, tmp_path):
    url, _ = service_process
    result = locust(url, tmp_path, 5, LOAD_MIX="recommend-0=1,recommend-4=1,page=1,events=1", LOAD_K="7")
    assert result.returncode == 0, result.stderr
    with (tmp_path / "found_stats.csv").open() as file:
        found = {row["Name"]: row for row in csv.DictReader(file)}
    assert {"recommend-0", "recommend-4", "page", "events"} <= set(found)
    assert int(found["Aggregated"]["Request Count"]) > 10
    assert int(found["Aggregated"]["Failure Count"]) == 0


def test_without_a_service_it_ends_at_once_and_says_why(tmp_path):
    result = locust("http://127.0.0.1:9", tmp_path, 300)
    assert result.returncode == 2
    assert "expected a service at 127.0.0.1:9" in result.stderr
