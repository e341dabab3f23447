"""The report counts every problem and remembers where it was first."""

from model.datasets.report import LoadReport


def test_counts_and_the_first_lines_are_kept():
    report = LoadReport("log")
    report.rows_read, report.rows_kept = 20, 8
    report.found("bad_time", "a.csv", [9, 3, 7, 30, 12, 5, 40], "expected a time")
    report.found("bad_time", "a.csv", [2])
    report.found("malformed_row", "b.csv", [4])
    assert report.count("bad_time") == 8
    assert report.first_lines("bad_time") == [2, 3, 5, 7, 9]
    assert not report.clean
    text = report.text()
    assert "20 rows read, 8 kept" in text
    assert "a.csv: 8 x bad_time, line 2, 3, 5, 7, 9, ... (expected a time)" in text
    assert "b.csv: 1 x malformed_row, line 4" in text


def test_a_report_without_findings_is_clean():
    report = LoadReport("log")
    report.found("bad_time", "a.csv", [])
    assert report.clean
    assert report.summary() == "no problems"
