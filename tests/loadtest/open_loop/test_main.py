"""The program against a real service: it reports, and a planted stall shows."""

import json

import pytest
from hdrh.histogram import HdrHistogram

from loadtest import gate
from loadtest.open_loop.__main__ import main
from tests.loadtest.open_loop.small_server import SmallServer, answering

# A shared machine may be late; what it was asked to do is tested, not how fast it is.
PATIENT = ["--max-lag-ms", "5000", "--max-cpu-share", "1", "--good-within-ms", "20000", "--timeout-s", "30"]


def judged(folder, budget):
    (folder / "budget.toml").write_text(budget)
    return gate.main(["--report", str(folder / "report.json"), "--budget", str(folder / "budget.toml")])


def slower(histogram, ms):
    """The share of requests that took longer."""
    counts = HdrHistogram.decode(histogram)
    return 1 - sum(step.count_added_in_this_iter_step for step in recorded(counts, ms)) / counts.get_total_count()


def recorded(counts, ms):
    return [step for step in counts.get_recorded_iterator() if step.value_iterated_to <= 1000 * ms]


def test_a_stall_of_the_server_shows_and_a_closed_loop_hides_it(service_process, tmp_path, capsys):
    url, pid = service_process
    asked = ["--url", url, "--rate", "30", "--duration-s", "5", "--warmup-s", "1", "--out", str(tmp_path), *PATIENT]
    asked += ["--plant-users", "20", "--history-events", "20", "--users", "20", "--k", "5"]
    asked += ["--server-pid", str(pid), "--plant-stall-ms", "1000", "--plant-stall-at-s", "2"]
    assert main(asked) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    measured = report["measured"]
    assert measured["all"]["requests"] > 80
    assert {"recommend-0", "recommend-4", "page", "events"} <= set(measured["kinds"])
    assert measured["all"]["error_share"] == 0
    assert measured["server"]["cpu_us_per_request"] > 0
    # Requests were due all through the second that the service stood still: a fifth of all, half of them waited longer
    # than half a second. The closed loop had sent one of its hundred when it began, and waited.
    open_share = slower(measured["histogram"], 500)
    closed_share = slower(report["closed_loop"]["histogram"], 500)
    assert open_share > 0.06
    assert closed_share < open_share / 2
    assert measured["all"]["latency_ms"]["max"] > 900
    shown = capsys.readouterr().out
    assert "closed loop beside" in shown
    # The gate fails on it and says where.
    assert judged(tmp_path, "[all]\nmax_ms = 900\nerror_share = 0") == 1
    assert "BROKEN all.max_ms" in capsys.readouterr().out
    assert judged(tmp_path, "[all]\nerror_share = 0") == 0


def test_several_processes_share_one_rate(tmp_path):
    server = SmallServer()
    with answering(server) as url:
        asked = ["--url", url, "--rate", "100", "--duration-s", "2", "--warmup-s", "0.5", "--processes", "2"]
        assert main([*asked, "--mix", "recommend-1=1", "--columns", "--out", str(tmp_path), *PATIENT]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["measured"]["all"]["requests"] == pytest.approx(200, abs=75)
    assert len(report["measured"]["generator"]["cpu_share"]) == 2
    assert "application/vnd.climber-pilot.columns+json" in server.accepts
    assert (tmp_path / "report.html").read_text().count("<svg") == 3


def test_a_generator_that_is_not_allowed_its_lag_fails(tmp_path):
    with answering(SmallServer()) as url:
        asked = ["--url", url, "--rate", "50", "--duration-s", "1", "--warmup-s", "0", "--out", str(tmp_path)]
        assert main([*asked, "--max-lag-ms", "0", "--max-cpu-share", "0"]) == 2
    assert json.loads((tmp_path / "report.json").read_text())["faults"]
    assert judged(tmp_path, "[all]\nerror_share = 1") == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["--url", "http://127.0.0.1:9"],
        ["--url", "https://127.0.0.1"],
        ["--plant-stall-ms", "500"],
        ["--mix", "search=1"],
    ],
)
def test_what_cannot_be_measured_is_refused(wrong, tmp_path):
    assert main([*wrong, "--out", str(tmp_path)]) == 2
    assert not list(tmp_path.iterdir())
