"""The benchmark measures right answers and says what a row needs."""

import json

import pytest
import torch

from kernels.guided_attention import bench
from kernels.guided_attention.bench_cases import Shape, dense_sdpa, flex, make_call


@pytest.mark.parametrize("shapes", ["serving", "training"])
def test_rows_carry_what_makes_a_figure(monkeypatch, tmp_path, shapes):
    small = Shape(1, 2, 24, 16, 3 if shapes == "serving" else None, 0.3)
    monkeypatch.setitem(bench.SHAPES["cpu"], shapes, [small])
    monkeypatch.setattr(bench, "peaks", lambda *_: (1000.0, 1000.0))
    out = tmp_path / "rows.jsonl"
    assert bench.main(["--shapes", shapes, "--repeats", "3", "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    expected = {"dense_sdpa", "reference", "condition_rows" if shapes == "serving" else "causal_sdpa"}
    assert {row["provider"] for row in rows} == expected
    assert {row["pass"] for row in rows} == ({"forward"} if shapes == "serving" else {"forward", "forward_backward"})
    for row in rows:
        assert 0 < row["p20_us"] <= row["p50_us"] <= row["p80_us"]
        assert min(row["bytes"], row["flops"]) > 0
        assert all(row[name] for name in ("device", "date", "torch", "clock"))


def test_no_figure_of_a_wrong_answer():
    right = torch.zeros(3)
    with pytest.raises(RuntimeError, match="expected wrong within"):
        bench.check({"dense_sdpa": lambda: right, "wrong": lambda: right + 1}, torch.float32)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("queries", [16, None], ids=["serving", "training"])
def test_flex_attention_computes_the_same(queries):
    call = make_call(Shape(2, 2, 128, 16, queries, 0.3), torch.float32, "cpu", gradients=False)
    torch.testing.assert_close(flex(call, compiled=False)(), dense_sdpa(call), atol=1e-4, rtol=1e-4)


def test_flex_attention_is_refused_on_a_cpu(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--shapes", "serving", "--flex"])
    assert "--device cuda" in capsys.readouterr().err


@pytest.mark.parametrize("density", [0.1, 0.3, 1.0])
def test_density_is_the_share_of_keys_that_match(density):
    shape = Shape(8, 2, 512, 16, 16, density)
    call = make_call(shape, torch.float32, "cpu", gradients=False)
    assert call.visible_pairs / (8 * 512 * 16) == pytest.approx(density, rel=0.15)
