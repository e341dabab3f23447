import platform

import numpy as np
import pytest
import torch

from model.climber_pilot.onnx_export import export_graphs
from model.climber_pilot.runtimes import bfloat16, compiled
from model.climber_pilot.runtimes.registry import load_runtime
from model.climber_pilot.runtimes.runtime import LOSSY, RUNTIMES, RuntimeUnavailableError
from model.climber_pilot.towers import Towers
from tests.model.climber_pilot.worlds import small_catalogue, small_network

SHAPES = [(1, 0, 1), (1, 0, 40), (3, 0, 9), (1, 7, 1), (2, 20, 5), (4, 3, 2)]


@pytest.fixture(scope="module")
def network():
    return small_network(small_catalogue(), max_history=50, num_heads=2)


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    export_graphs(network, folder)
    return folder


def arguments(network, num_users, num_past, num_new, seed=0):
    """Users who know fewer events than the batch is wide, and ask with fewer."""
    rng = np.random.default_rng(seed)
    config = network.config
    kept = (num_users, config.num_layers + 1, num_past, config.width)
    past_length = rng.integers(min(1, num_past), num_past + 1, num_users)
    new_length = rng.integers(1, num_new + 1, num_users)
    past_length[0], new_length[0] = num_past, num_new
    past_time_s = np.zeros((num_users, num_past), dtype=np.int64)
    new_time_s = np.zeros((num_users, num_new), dtype=np.int64)
    for user, (known, new) in enumerate(zip(past_length, new_length, strict=True)):
        times = 1_700_000_000 + np.cumsum(2 ** rng.integers(0, 24, known + new))
        past_time_s[user, :known], new_time_s[user, :new] = times[:known], times[known:]
    return (
        rng.standard_normal(kept, dtype=np.float32),
        rng.standard_normal(kept, dtype=np.float32),
        past_time_s,
        past_length,
        rng.standard_normal((num_users, num_new, config.width), dtype=np.float32) / 4,
        new_time_s,
        new_length,
    )


def difference(wanted, got, new_length):
    """Largest over what means something: padding does not."""
    worst = float(np.abs(wanted[2] - got[2]).max())
    for user, length in enumerate(new_length):
        for left, right in zip(wanted[:2], got[:2], strict=True):
            worst = max(worst, float(np.abs(left[user, :, :length] - right[user, :, :length]).max()))
    return worst


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "tolerance"), [("onnx", 1e-5), ("onnx-int8", 0.1), ("bfloat16", 0.1)])
def test_every_runtime_computes_what_the_step_computes(network, folder, shape, name, tolerance):
    if name == "bfloat16" and not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("this CPU has no bfloat16")
    given = arguments(network, *shape)
    wanted = load_runtime("eager", network, folder).extend[0](*given)
    got = load_runtime(name, network, folder).extend[0](*given)
    assert [part.shape for part in got] == [part.shape for part in wanted]
    assert {part.dtype for part in got} == {np.dtype(np.float32)}
    error = difference(wanted, got, given[-1]) / max(float(np.abs(part).max()) for part in wanted)
    assert error <= tolerance
    assert (error > 1e-4) == (name in LOSSY)


def test_compiled_computes_what_the_step_computes(network, folder, monkeypatch):
    # Traced and run by PyTorch itself: code generation is PyTorch's own business and takes half a minute.
    compile_step = torch.compile
    monkeypatch.setattr(compiled.torch, "compile", lambda step, **how: compile_step(step, backend="eager", **how))
    runtime = load_runtime("compiled", network, folder)
    given = arguments(network, 2, 6, 3)
    wanted = load_runtime("eager", network, folder).extend[0](*given)
    assert difference(wanted, runtime.extend[0](*given), given[-1]) <= 1e-5


def test_compiled_needs_a_compiler(network, folder, monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda _: None)
    with pytest.raises(RuntimeUnavailableError, match=r"expected a C\+\+ compiler"):
        load_runtime("compiled", network, folder)


def test_bfloat16_needs_the_cpu_for_it(network, folder, monkeypatch):
    monkeypatch.setattr(bfloat16.torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(bfloat16.torch.cpu, "_is_amx_tile_supported", lambda: False)
    with pytest.raises(RuntimeUnavailableError, match="expected a CPU with AMX or AVX512-BF16"):
        load_runtime("bfloat16", network, folder)


def test_a_release_without_graphs_says_so(network, tmp_path):
    with pytest.raises(RuntimeUnavailableError, match=r"expected a file extend-0\.onnx in the release"):
        load_runtime("onnx", network, tmp_path)


def test_a_file_that_is_no_graph_is_refused(network, tmp_path):
    (tmp_path / "extend-0.onnx").write_bytes(b"no graph")
    with pytest.raises(RuntimeUnavailableError, match="expected a graph that ONNX Runtime loads"):
        load_runtime("onnx", network, tmp_path)


def test_an_unknown_name_is_refused(network, tmp_path):
    with pytest.raises(ValueError, match="expected a runtime of"):
        load_runtime("tensorrt", network, tmp_path)


def test_every_name_loads(network, folder):
    if platform.machine() != "x86_64" or not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("this CPU has no bfloat16")
    loaded = {name: load_runtime(name, network, folder) for name in RUNTIMES if name != "compiled"}
    assert {name: runtime.name for name, runtime in loaded.items()} == {name: name for name in loaded}
    assert [name for name, runtime in loaded.items() if runtime.extend is None] == ["numpy"]


def test_every_tower_has_its_own_graph(tmp_path):
    catalogue = small_catalogue()
    alike = [small_network(catalogue, seed=seed, num_layers=1) for seed in (1, 2)]
    towers = Towers(alike[0].config, catalogue, 2).eval()
    for tower, network in zip(towers.towers, alike, strict=True):
        tower.load_state_dict(network.state_dict())
    files = export_graphs(towers, tmp_path)
    assert set(files) == {"extend-0.onnx", "extend-1.onnx", "extend-int8-0.onnx", "extend-int8-1.onnx"}
    runtime = load_runtime("onnx", towers, tmp_path)
    for number, network in enumerate(towers.towers):
        given = arguments(network, 2, 4, 6)
        wanted = load_runtime("eager", towers, tmp_path).extend[number](*given)
        assert difference(wanted, runtime.extend[number](*given), given[-1]) <= 1e-4
        assert difference(wanted, runtime.extend[1 - number](*given), given[-1]) > 1e-2
