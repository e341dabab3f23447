"""Tables: means and standard errors against numpy, nothing averaged that does not belong together."""

import numpy as np
import pytest

from model.climber_pilot.benchmark.tables import commands, grouped, markdown_table, over_seeds, percent
from model.metrics import Estimate


def a_row(seed, value, **fields):
    return {"dataset": "small", "variant": "one", "seed": seed, "figures": {"hr@10": value}, "command": "c"} | fields


def test_mean_and_standard_error_over_seeds_are_numpys() -> None:
    values = np.random.default_rng(0).random(5)
    estimate = over_seeds([a_row(seed, value) for seed, value in enumerate(values)], "hr@10")
    assert estimate.mean == pytest.approx(np.mean(values))
    assert estimate.standard_error == pytest.approx(np.std(values, ddof=1) / np.sqrt(5))


def test_two_rows_of_one_seed_are_never_averaged() -> None:
    with pytest.raises(ValueError, match="one row per seed of 'one'"):
        over_seeds([a_row(0, 0.1), a_row(0, 0.3)], "hr@10")


def test_percent_shows_the_error_where_there_is_one() -> None:
    assert percent(Estimate(0.12345, 0.00678)) == "12.35 ± 0.68"
    assert percent(over_seeds([a_row(0, 0.12345)], "hr@10")) == "12.35"


def test_grouped_keeps_every_row_in_order() -> None:
    rows = [a_row(0, 1.0), a_row(0, 2.0, variant="two"), a_row(1, 3.0)]
    groups = grouped(rows, "dataset", "variant")
    assert list(groups) == [("small", "one"), ("small", "two")]
    assert [row["figures"]["hr@10"] for row in groups["small", "one"]] == [1.0, 3.0]


def test_the_command_shown_is_the_one_that_ran_most_seeds() -> None:
    rows = [a_row(0, 0.1, command="--seeds 1"), a_row(4, 0.1, command="--seeds 5"), a_row(0, 0.1, command="--seeds 1")]
    assert commands([*rows, a_row(0, 0.1, dataset="other", command="o")]) == ["--seeds 5", "o"]


def test_markdown_table() -> None:
    assert markdown_table(["", "a"], [["x", "1"]]) == "|  | a |\n| -- | -- |\n| x | 1 |"
