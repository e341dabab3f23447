from loadtest.speed.rows import finished, keep, row
from model.release import git_revision


def test_a_row_counts_for_its_code_its_release_and_its_settings(tmp_path):
    figures = {"server_cpu_us_per_request": 900.0}
    keep(tmp_path, row("speed", "cell", {"conditions": 4}, figures, release="one", settings={"REC_A": "1"}))
    revision = git_revision()
    assert finished(tmp_path, "speed", revision, ["one"], {"REC_A": "1"})["cell"]["figures"] == figures
    assert finished(tmp_path, "speed", revision, ["two"], {"REC_A": "1"}) == {}
    assert finished(tmp_path, "speed", revision, ["one"]) == {}
    assert finished(tmp_path, "speed", "another", ["one"], {"REC_A": "1"}) == {}
    assert finished(tmp_path, "peers", revision, ["one"], {"REC_A": "1"}) == {}


def test_the_newest_row_of_a_cell_counts(tmp_path):
    for cost in (900.0, 800.0):
        keep(tmp_path, row("speed", "cell", {}, {"cost": cost}, release="one"))
    assert finished(tmp_path, "speed", git_revision(), ["one"])["cell"]["figures"] == {"cost": 800.0}


def test_a_row_says_where_and_when_and_in_what_unit():
    made = row("speed", "cell", {}, {}, release="one")
    assert made["device"].endswith("cores")
    assert "us of CPU" in made["units"]["server_cpu_us_per_request"]
    assert len(made["date"]) == 10
