import pytest

from loadtest.speed import limit
from loadtest.speed.work import Work
from tests.model.climber_pilot.worlds import small_catalogue


@pytest.fixture(autouse=True)
def machine_of_round_numbers(monkeypatch):
    """1 GFLOP/s and 2 GB/s."""
    monkeypatch.setattr(limit, "flops_per_s", lambda: 1e9)
    monkeypatch.setattr(limit, "read_bytes_per_s", lambda _: 2e9)


@pytest.mark.parametrize(("flops", "num_bytes", "expected_us"), [(3_000, 0, 3.0), (0, 8_000, 4.0), (3_000, 8_000, 4.0)])
def test_the_scarcer_of_reading_and_multiplying_decides(flops, num_bytes, expected_us):
    assert limit.bound_us(Work("w", flops, num_bytes, num_bytes)) == pytest.approx(expected_us)


def test_the_table_sums_the_parts_and_shows_the_distance():
    parts = [Work("a", 10_000, 0, 0), Work("b", 0, 20_000, 20_000)]
    measured = {"figures": {"server_cpu_us_per_request": 500.0, "stages_ms": {"retrieval": 0.1}}}
    table = limit.limit_table(parts, 30.0, measured)
    assert "| sum | 10,000 | 20,000 | | 50.0 |" in table
    assert "500 (10.0x)" in table
    assert "100 (5.0x)" in table


def test_a_condition_has_as_many_items_as_a_value_has_on_average():
    catalogue = small_catalogue()
    asked = limit.asked_of(catalogue, "language", 3, 10)
    assert asked.eligible == [20, 20, 20]
    assert asked.num_items == 40


def test_the_newest_row_counts():
    rows = [{"name": "a", "n": 1}, {"name": "b", "n": 2}, {"name": "a", "n": 3}]
    assert limit.measured_row(rows, "a") == {"name": "a", "n": 3}
    assert limit.measured_row(rows, "c") is None
