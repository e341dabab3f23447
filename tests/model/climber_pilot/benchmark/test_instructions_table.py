"""The verdict under the table: computed from the figures, whoever wins."""

import pytest

from model.climber_pilot.benchmark.instruction_modes import DIFFERENCES, PRETRAINED, TUNED, modes_of
from model.climber_pilot.benchmark.instructions_table import instructions_table
from model.climber_pilot.evaluate import CUTS


def row_of(variant, seed, figures, dataset="d"):
    return {"dataset": dataset, "variant": variant, "seed": seed, "command": "c", "figures": figures}


def invented(rates, gain):
    """Rows of two seeds: mode -> HR at every cut, the same CC; gain: the difference to strict search."""
    rows = []
    for seed in (0, 1):
        for variant in (PRETRAINED, *TUNED):
            modes = {}
            for mode in modes_of(variant):
                hit = rates.get(mode.name, 0.1)
                modes[mode.name] = {f"hr@{cut}": hit + (0.01 if seed else -0.01) for cut in CUTS}
                modes[mode.name] |= {f"{kind}@{cut}": 1.0 for kind in ("cc", "filled", "ndcg") for cut in CUTS}
            attribute = {"users": 9, "modes": modes, "shuffled": {"still_true": 0.25, "modes": modes}}
            uninstructed = {f"hr@{cut}": 0.5 for cut in CUTS}
            figures = {"attributes": {"genre": attribute}, "uninstructed": uninstructed, "best_epoch": seed}
            rows.append(row_of(variant, seed, figures))
    low, mean, high = gain
    pair = {f"hr@{cut}": {"mean": mean, "low": low, "high": high, "per_seed": [mean]} for cut in CUTS}
    against = {"genre": {"users": 9, "against": {"strict search": pair}}}
    return [*rows, row_of(DIFFERENCES, 0, {"attributes": against, "seeds": 2})]


@pytest.mark.parametrize("winner", ["CGSA strict", "output head strict", "post-filter"])
def test_the_highest_mode_is_named_whichever_it_is(winner):
    table = instructions_table(invented({winner: 0.4}, (0.001, 0.002, 0.003)))
    assert f"Highest HR at 10 / 20 / 50: {winner} / {winner} / {winner}." in table
    assert f"| {winner} | 40.00 ± 1.00 |" in table


def test_modes_that_are_equal_share_the_first_place():
    table = instructions_table(invented({"CGSA strict": 0.4, "strict search": 0.4}, (0, 0, 0)))
    assert "Highest HR at 10 / 20 / 50: strict search = CGSA strict / " in table


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (
            (0.001, 0.002, 0.003),
            "+0.20 [+0.10, +0.30]; +0.20 [+0.10, +0.30]; +0.20 [+0.10, +0.30] (more / more / more)",
        ),
        ((-0.003, -0.002, -0.001), "(less / less / less)"),
        ((-0.001, 0.002, 0.003), "(no clear difference / no clear difference / no clear difference)"),
    ],
)
def test_the_gain_over_strict_search_is_said_with_its_interval(gain, words):
    table = instructions_table(invented({}, gain))
    assert "CGSA strict minus strict search at 10 / 20 / 50: " in table
    assert words in table


def test_chosen_epochs_and_what_is_left_without_instruction_are_shown():
    table = instructions_table(invented({}, (0, 0, 0)))
    assert "CGSA 0, 1; AdaLN-Zero 0, 1; output head 0, 1." in table
    assert "pre-trained 50.00 ± 0.00 / 50.00 ± 0.00 / 50.00 ± 0.00;" in table
    assert "still satisfies 25.0 % of the instructions" in table
