"""The command: two files, the same bytes for a seed, and an exit status that tells."""

import json

import pytest

from loadtest.replay.__main__ import main
from loadtest.replay.simulation import policy_rows, simulate, world


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = world(0)
    path = tmp_path_factory.mktemp("replay")
    simulate(made, 0, num_users=150).write_parquet(path / "log.parquet")
    policy_rows(made.target).write_parquet(path / "policy.parquet")
    return path


def run(folder, out, *more):
    return main(["--log", str(folder / "log.parquet"), "--out", str(folder / out), "--draws", "200", *more])


def test_the_report_is_the_same_byte_for_byte(folder, capsys):
    policy = ("--policy", str(folder / "policy.parquet"))
    assert run(folder, "first", *policy) == run(folder, "second", *policy) == 0
    for name in ("report.json", "report.html"):
        assert (folder / "first" / name).read_bytes() == (folder / "second" / name).read_bytes()
    assert run(folder, "third", *policy, "--seed", "1") == 0
    assert (folder / "first" / "report.json").read_bytes() != (folder / "third" / "report.json").read_bytes()
    report = json.loads((folder / "first" / "report.json").read_text())
    assert capsys.readouterr().out.startswith(report["verdict"]["outcome"])
    assert report["window"]["requests"] * 3 == report["window"]["rows"]
    assert len(report["log_sha256"]) == 64
    assert {"ips", "snips", "dr", "slate_pi"} <= set(report["differences"])


def test_the_page_needs_nothing_but_itself(folder):
    assert run(folder, "page", "--policy", "uniform") == 0
    page = (folder / "page" / "report.html").read_text()
    assert page.count("<svg") == 3
    # Names of XML vocabularies are no addresses that are fetched.
    for fetched in ("src=", "<link", "<script", 'href="http', "@import"):
        assert fetched not in page


@pytest.mark.parametrize(
    "asked",
    [
        ("--policy", "nowhere.parquet"),
        ("--policy", "arm:nobody"),
        ("--policy", "uniform", "--baseline", "uniform"),
        ("--policy", "uniform", "--share", "control"),
        ("--policy", "uniform", "--max-reward", "0"),
    ],
)
def test_what_cannot_be_compared_exits_with_2(folder, asked, caplog):
    assert run(folder, "never", *asked) == 2
    assert "expected" in caplog.text
    assert not (folder / "never").exists()
