from dataclasses import replace

import numpy as np
import pytest

from model.climber_pilot.inference import Retriever
from model.climber_pilot.runtimes import probe as probing
from model.climber_pilot.runtimes.probe import Histories, Probe, ProbeRow, RuntimeRefusedError, fastest
from model.climber_pilot.runtimes.registry import load_runtime
from model.climber_pilot.runtimes.runtime import Runtime
from model.condition import Condition
from model.release import ReleaseError, current_release


@pytest.fixture(scope="module")
def retriever(release_root):
    return Retriever.load(current_release(release_root))


def probe_of(retriever, monkeypatch, change=None):
    """A probe in which `change` may alter what the runtime "onnx" computes."""

    def load(name, model, folder):
        runtime = load_runtime(name, model, folder)
        if name != "onnx" or change is None:
            return runtime
        return replace(runtime, extend=tuple(altered(extend, change) for extend in runtime.extend))

    monkeypatch.setattr(probing, "load_runtime", load)
    histories = Histories.seeded(retriever.popularity, retriever.max_history - 1, 8)
    # Every history is short here, and the runtimes must read it nevertheless.
    monkeypatch.setattr("model.climber_pilot.history_reader.FEW_EVENTS", 2)
    path = retriever._states
    conditions = (Condition(), Condition.of(0))
    return Probe(retriever._model, path, retriever.vectors, histories, conditions, retriever.release.path)


def altered(extend, change):
    def run(*arguments):
        keys, values, last_rows = extend(*arguments)
        return keys, values, last_rows + change * np.sign(last_rows)

    return run


def test_a_runtime_that_computes_the_same_is_not_refused(retriever, monkeypatch):
    chosen = probe_of(retriever, monkeypatch).choose("onnx")
    assert chosen.name == "onnx"
    numpy, onnx = chosen.rows
    assert (numpy.name, numpy.error, numpy.overlap) == ("numpy", 0.0, 1.0)
    assert onnx.name == "onnx"
    assert 0 < onnx.error <= 1e-4
    assert onnx.pass_us > 0


def test_the_chosen_runtime_reads_from_then_on(retriever, monkeypatch):
    probe = probe_of(retriever, monkeypatch)
    probe.choose("onnx")
    assert all(reader.extend is not None for reader in retriever._states._readers)
    probe.choose("numpy")
    assert all(reader.extend is None for reader in retriever._states._readers)


def test_a_lossless_runtime_that_disagrees_is_refused(retriever, monkeypatch):
    probe = probe_of(retriever, monkeypatch, change=0.05)
    with pytest.raises(RuntimeRefusedError, match=r"onnx: expected query vectors within 0\.0001, got"):
        probe.choose("onnx")
    chosen = probe.choose("auto")
    assert chosen.name != "onnx"
    assert next(row for row in chosen.rows if row.name == "onnx").refusal != ""


def test_a_lossy_runtime_answers_for_its_lists(retriever, monkeypatch):
    monkeypatch.setattr(probing, "LOSSY", frozenset({"onnx"}))
    probe = probe_of(retriever, monkeypatch, change=2.0)
    row, _ = probe.row("onnx")
    assert row.overlap < 0.995
    assert row.refusal == f"expected top-50 overlap 0.995, got {row.overlap:.4f}"
    assert probe_of(retriever, monkeypatch, change=1e-3).row("onnx")[0].refusal == ""


def test_auto_goes_on_without_graphs_and_a_name_does_not(retriever, monkeypatch, tmp_path):
    probe = probe_of(retriever, monkeypatch)
    probe._folder = tmp_path
    rows = {row.name: row for row in probe.choose("auto").rows}
    assert set(rows) == {"numpy", "eager", "onnx", "onnx-int8", "bfloat16"}
    assert rows["onnx"].pass_us is None
    assert "made without graphs" in rows["onnx"].refusal
    with pytest.raises(RuntimeRefusedError, match="made without graphs"):
        probe.choose("onnx")
    with pytest.raises(RuntimeRefusedError, match="expected a runtime of"):
        probe.choose("cuda")


def test_the_fastest_that_may_serve_is_chosen():
    rows = [
        ProbeRow("numpy", 100.0, 0.0, 1.0),
        ProbeRow("eager", 150.0, 0.0, 1.0),
        ProbeRow("onnx", 90.0, 1e-3, 1.0, "refused"),
        ProbeRow("bfloat16", None, None, None, "not here"),
        ProbeRow("onnx-int8", 95.0, 1e-3, 0.999),
    ]
    # Not worth its rounding: less than a tenth is saved.
    assert fastest(tuple(rows), lossy=True) == "numpy"
    rows[-1] = replace(rows[-1], pass_us=50.0)
    assert fastest(tuple(rows), lossy=True) == "onnx-int8"
    assert fastest(tuple(rows), lossy=False) == "numpy"
    rows[-1] = replace(rows[-1], refusal="lists differ")
    assert fastest(tuple(rows), lossy=True) == "numpy"


def test_histories_are_the_same_every_time_and_prefer_what_is_popular():
    popularity = np.array([0.0, 5.0, 1000.0, 0.0])
    histories = Histories.seeded(popularity, 20, 10)
    assert np.array_equal(histories.rows, Histories.seeded(popularity, 20, 10).rows)
    assert histories.rows.shape == histories.time_s.shape == (10, 20)
    assert np.mean(histories.rows == 2) > 0.9
    assert (np.diff(histories.time_s, axis=1) >= 0).all()


def test_a_release_is_loaded_with_its_runtime(release_root):
    path = current_release(release_root)
    retriever = Retriever.load(path, runtime="onnx")
    assert retriever.runtime.name == "onnx"
    assert [row.name for row in retriever.runtime.rows] == ["numpy", "onnx"]
    assert Retriever.load(path).runtime == probing.Chosen("numpy")
    with pytest.raises(ReleaseError, match="expected a runtime of") as refused:
        Retriever.load(path, runtime="magic")
    assert refused.value.code == "runtime_refused"


def test_numpy_extends_what_another_runtime_has_read(retriever):
    path = retriever._states
    histories = Histories.seeded(retriever.popularity, retriever.max_history, 4)
    wanted = [path.state(*pair) for pair in zip(histories.rows, histories.time_s, strict=True)]
    try:
        path.read_by(load_runtime("onnx", retriever._model, retriever.release.path))
        for rows, time_s, whole in zip(histories.rows, histories.time_s, wanted, strict=True):
            some = path.state(rows[:-1], time_s[:-1])
            path_wanted = path.query_vectors([whole], [(Condition(),)], [int(time_s[-1])])
            got = path.query_vectors([path.state(rows, time_s, some)], [(Condition(),)], [int(time_s[-1])])
            assert np.abs(path_wanted[0] - got[0]).max() <= 1e-5
    finally:
        path.read_by(Runtime("numpy", None))
