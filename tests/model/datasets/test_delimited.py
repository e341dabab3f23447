"""Delimited text: the right rows with the right line numbers, whatever is wrong with the others."""

import pytest

from model.datasets.delimited import read_delimited
from model.datasets.report import DatasetError, LoadReport


def read(tmp_path, content: bytes, **options):
    path = tmp_path / "table.txt"
    path.write_bytes(content)
    report = LoadReport("log")
    return read_delimited(path, report, **{"separator": ",", **options}), report


@pytest.mark.parametrize("quoted", [False, True])
def test_rows_of_another_width_are_reported_with_their_lines(tmp_path, quoted):
    table, report = read(tmp_path, b"a,b\r\n1,2\r\n3\r\n\r\n4,5,6\r\n7,8\r\n", quoted=quoted)
    assert table.rows() == [(2, "1", "2"), (6, "7", "8")]
    assert report.count("malformed_row") == 2
    assert report.first_lines("malformed_row") == [3, 5]
    assert report.rows_read == 2


def test_quotes_protect_separators_and_line_breaks(tmp_path):
    table, report = read(tmp_path, b'a,b\n"x, ""y""",2\n"two\nlines",3\nlast,4\n', quoted=True)
    assert table.rows() == [(2, 'x, "y"', "2"), (4, "two\nlines", "3"), (5, "last", "4")]
    assert report.clean


def test_a_separator_may_be_longer_than_one_character(tmp_path):
    table, report = read(tmp_path, b"1::Heat (1995)::Action\n2::broken\n", separator="::", columns=("id", "t", "g"))
    assert table.rows() == [(1, "1", "Heat (1995)", "Action")]
    assert report.first_lines("malformed_row") == [2]


def test_bytes_that_are_no_text_make_their_row_malformed(tmp_path):
    table, report = read(tmp_path, b"a,b\n1,caf\xe9\n2,tea\n")
    assert table.rows() == [(3, "2", "tea")]
    assert report.first_lines("malformed_row") == [2]
    latin, clean = read(tmp_path, b"a,b\n1,caf\xe9\n", encoding="latin-1")
    assert latin["b"].to_list() == ["café"]
    assert clean.clean


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    table, _ = read(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n")
    assert table.columns == ["line", "a", "b"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b\n"])
@pytest.mark.parametrize("quoted", [False, True])
def test_an_empty_file_is_a_finding(tmp_path, content, quoted):
    table, report = read(tmp_path, content, quoted=quoted)
    assert table.is_empty()
    assert report.count("empty_file") == 1


def test_missing_files_and_repeated_names_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"expected a file gone\.csv"):
        read_delimited(tmp_path / "gone.csv", LoadReport("log"), separator=",")
    with pytest.raises(DatasetError, match="distinct column names"):
        read(tmp_path, b"a,a\n1,2\n")
