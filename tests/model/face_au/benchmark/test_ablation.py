import json

from model.benchmark_rows import ROWS_FILE, Rows
from model.face_au.benchmark.__main__ import main
from model.face_au.benchmark.ablation import LEVELS, VARIANTS, variant_config
from model.face_au.benchmark.table import figures_of
from tests.model.face_au.faces import small_config

TINY = """
[network]
input_px = 32
colour_channels = 1
stem_widths = [8, 8]
stem_grids = []
extractor_widths = [8, 8]
convolutions_per_block = 1
map_width = 4
alignment_width = 8
width = 8
num_heads = 2
num_layers = 1
[stage]
epochs = 1
batch_size = 32
"""


def test_variants_add_one_level_after_the_other() -> None:
    config = small_config()
    counts = []
    for variant in VARIANTS:
        changed = variant_config(config, variant, 7)
        flags = [getattr(changed.network, level) for level in LEVELS]
        assert flags == sorted(flags, reverse=True)
        assert changed.stage.seed == 7
        counts.append(sum(flags))
    assert counts == [0, 1, 2, 3, 4]
    assert variant_config(config, VARIANTS[-1], config.stage.seed) == config


def test_runs_are_rows_and_finished_ones_are_not_run_again(weak_root, tmp_path, capsys) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(TINY)
    arguments = ["--config", str(config), "--data-dir", str(weak_root), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--seeds", "1"]) == 0
    rows = Rows(tmp_path / "out" / ROWS_FILE).read()
    assert [row["variant"] for row in rows] == list(reversed(VARIANTS))
    printed = capsys.readouterr().out
    assert "| + pixel graph |" in printed
    assert "nan" not in printed
    assert main([*arguments, "--seeds", "1"]) == 0
    assert Rows(tmp_path / "out" / ROWS_FILE).read() == rows
    capsys.readouterr()
    kept = tmp_path / "kept.jsonl"
    kept.write_text("".join(json.dumps(row | {"seed": seed}) + "\n" for seed in (0, 1) for row in rows))
    assert main(["--rows", str(kept), "--out", str(tmp_path / "plots")]) == 0
    assert (tmp_path / "plots" / "levels.svg").exists()
    assert figures_of(Rows(kept).read())["global only"]["test F1"].standard_error == 0


def test_the_command_wants_data_or_rows(tmp_path) -> None:
    assert main(["--out", str(tmp_path)]) == 2
