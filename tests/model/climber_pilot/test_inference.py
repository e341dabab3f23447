"""The path from training to a release that answers: train, evaluate, export, retrieve."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.evaluate import evaluate
from model.climber_pilot.export import export_release
from model.climber_pilot.histories import Histories, leave_one_out
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.climber_pilot.ranking import encode_targets, target_ranks
from model.climber_pilot.report import write_report
from model.climber_pilot.train import main, train
from model.condition import Condition
from model.release import ReleaseError, current_release, write_release
from tests.model.climber_pilot.worlds import small_config, small_dataset


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    out = tmp_path_factory.mktemp("checkpoint")
    dataset, config = small_dataset(), small_config(objective={"held_out_user_share": 0.2})
    train("pretrain", config, dataset, out, resume=False)
    train("finetune", config, dataset, out, resume=False)
    return out


@pytest.fixture(scope="module")
def retriever(checkpoint, tmp_path_factory):
    root = tmp_path_factory.mktemp("releases")
    export_release(checkpoint, root, graphs=False)
    retriever = Retriever.load(current_release(root))
    retriever.warm_up()
    return retriever


def test_retrieval_equals_the_evaluations_ranking(checkpoint, retriever):
    """Served = evaluated: the rank of every test target in the served list is its exact rank."""
    loaded, dataset = load_checkpoint(checkpoint), small_dataset()
    histories = Histories.of(dataset, loaded.catalogue)
    targets = leave_one_out(histories, "novel", 0.2).test
    with torch.inference_mode():
        queries, vectors = encode_targets(loaded.model, histories, targets, None, None)
    ranks = target_ranks(queries, vectors, histories, targets)
    for start, event, rank in zip(targets.start, targets.event, ranks, strict=True):
        history = History(histories.rows[start:event], histories.time_s[start:event])
        request = RetrievalRequest(history, (Condition(),), 40, excluded=history.rows)
        (found,) = retriever.retrieve([request])[0]
        # Batches of another shape round differently: items whose scores agree to rounding may trade places.
        place = found.rows.tolist().index(histories.rows[event])
        assert found.scores[place] == pytest.approx(found.scores[rank], abs=1e-6)
        assert found.eligible == len(found.rows) == 40 - len(set(history.rows.tolist()))


def test_every_condition_gets_its_own_compliant_list(retriever):
    catalogue = retriever.catalogue
    conditions = tuple(
        catalogue.condition(where)
        for where in (
            {"genre": {"any": ["rock", "jazz"]}},
            {"genre": {"all": ["folk"]}, "language": {"none": ["de"]}},
            {"language": {"all": ["de"]}},
        )
    )
    history = History(np.array([0, 4, 8]), np.array([0, 2_000, 4_000]))
    policy = catalogue.condition({"genre": {"none": ["metal"]}})
    for mode in ("strict", "guided"):
        lists = retriever.retrieve([RetrievalRequest(history, conditions, 5, mode, policy, np.array([0, 4, 8]))])[0]
        for condition, found in zip(conditions, lists, strict=True):
            enforced = condition & policy if mode == "strict" else policy
            assert catalogue.satisfying(enforced, found.rows).all()
            assert not set(found.rows.tolist()) & {0, 4, 8}
            allowed = catalogue.satisfying(enforced)
            allowed[[0, 4, 8]] = False
            assert found.eligible == allowed.sum()
            assert len(found.rows) == min(5, found.eligible)
            assert (np.diff(found.scores) <= 0).all()


def test_a_batch_answers_like_single_requests(retriever):
    conditions = (Condition(), retriever.catalogue.condition({"genre": {"all": ["jazz"]}}))
    requests = [
        RetrievalRequest(History(np.arange(n) * 3 % 40, np.arange(n) * 1_000), conditions[: 1 + n % 2], 10)
        for n in (1, 2, 8, 20)
    ]
    together = retriever.retrieve(requests)
    for request, lists in zip(requests, together, strict=True):
        for alone, found in zip(retriever.retrieve([request])[0], lists, strict=True):
            assert alone.rows.tolist() == found.rows.tolist()
            np.testing.assert_allclose(alone.scores, found.scores, atol=1e-5)


def test_only_the_latest_events_are_read(retriever):
    rows, times = np.arange(20) % 40, np.arange(20) * 1_000
    whole = retriever.query_vectors([RetrievalRequest(History(rows, times), (Condition(),), 5)])
    latest = retriever.query_vectors([RetrievalRequest(History(rows[-8:], times[-8:]), (Condition(),), 5)])
    assert retriever.max_history == 8
    np.testing.assert_allclose(whole[0], latest[0], atol=1e-6)


def test_an_empty_history_is_refused_and_popularity_answers_instead(retriever):
    nothing = History(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    with pytest.raises(ValueError, match="empty history"):
        retriever.retrieve([RetrievalRequest(nothing, (Condition(),), 5)])
    jazz = retriever.catalogue.condition({"genre": {"all": ["jazz"]}})
    found = retriever.most_popular(jazz, 5, np.array([1]))
    assert retriever.catalogue.satisfying(jazz, found.rows).all()
    assert 1 not in found.rows
    counts = retriever.popularity[found.rows]
    assert (np.diff(counts) <= 0).all()
    assert found.scores == pytest.approx(counts / retriever.popularity.sum())


def test_the_report_is_complete_and_names_what_is_simulated(checkpoint, tmp_path):
    report = evaluate(load_checkpoint(checkpoint), small_dataset())
    write_report(report, tmp_path)
    stored = json.loads((tmp_path / "report.json").read_text())
    rows = {(row["group"], row["model"]): row for row in stored["unconditional"]}
    assert {model for _, model in rows} == {"Climber-Pilot", "popularity", "last-item transition"}
    assert {group for group, _ in rows} == {"test", "unseen listeners"}
    for row in rows.values():
        assert 0 <= row["hr@10"] <= row["hr@20"] <= row["hr@50"] <= 1
        assert 0 < row["coverage@50"] <= 1
    for part in stored["instructed"]:
        for mode, figures in part["modes"].items():
            if "strict" in mode:
                assert figures["cc@10"] == figures["cc@50"] == 1.0
            assert figures["hr@10"] <= figures["hr@50"]
    for curve in stored["horizon"]["hr@50"].values():
        assert len(curve) == 10
        assert all(0 <= value <= 1 for value in curve)
    assert (tmp_path / "horizon.png").stat().st_size > 5_000
    assert "unseen listeners" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "ranking.png").stat().st_size > 5_000
    assert (tmp_path / "instructed.png").stat().st_size > 5_000


def test_an_unfinished_training_is_no_checkpoint(checkpoint, tmp_path):
    shutil.copytree(checkpoint / "finetune", tmp_path / "finetune")
    facts = json.loads((tmp_path / "finetune" / "facts.json").read_text())
    (tmp_path / "finetune" / "facts.json").write_text(json.dumps({k: v for k, v in facts.items() if k != "validation"}))
    with pytest.raises(ValueError, match="--resume"):
        load_checkpoint(tmp_path)
    with pytest.raises(ValueError, match="found none"):
        load_checkpoint(tmp_path / "nowhere")


def test_resuming_keeps_the_result_and_refuses_another_configuration_or_other_data(checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "run")
    before = load_checkpoint(tmp_path / "run" / "pretrain").facts
    config = small_config(objective={"held_out_user_share": 0.2})
    train("pretrain", config, small_dataset(), tmp_path / "run", resume=True)
    after = load_checkpoint(tmp_path / "run" / "pretrain").facts
    assert (after["validation"], after["cpu_minutes"]) == (before["validation"], before["cpu_minutes"])
    with pytest.raises(ValueError, match="configuration"):
        train("pretrain", small_config(), small_dataset(), tmp_path / "run", resume=True)
    with pytest.raises(ValueError, match="data revision"):
        train("pretrain", config, small_dataset(seed=5), tmp_path / "run", resume=True)


def test_evaluation_refuses_other_data(checkpoint):
    with pytest.raises(ValueError, match="revision"):
        evaluate(load_checkpoint(checkpoint), small_dataset(seed=5))


def test_vectors_of_other_weights_are_refused(retriever, tmp_path):
    def reversed_vectors(arrays):
        return arrays | {"item_vectors": arrays["item_vectors"][::-1].copy()}

    release = republished(retriever, tmp_path, reversed_vectors)
    with pytest.raises(ReleaseError) as caught:
        Retriever.load(release.path)
    assert caught.value.code == "vectors_mismatch"


def without_search(arrays):
    """The index of a release from before it carried what the item index builds."""
    return {name: array for name, array in arrays.items() if not name.startswith("search_")}


def with_few_rows(arrays):
    return arrays | {"search_rows": arrays["search_rows"][1:].copy()}


def republished(retriever, root, change):
    """A release with another index file."""
    arrays = load_file(retriever.release.path / "index.safetensors")
    save_file(change(arrays), root / "index.safetensors")
    files = {name: retriever.release.path / name for name in retriever.release.manifest["files"]}
    index = {"index.safetensors": root / "index.safetensors"}
    return write_release(root / "root", files | index, retriever.release.manifest["facts"])


def test_what_the_index_has_built_answers_like_what_is_built_at_load(retriever, tmp_path):
    assert {name for name in load_file(retriever.release.path / "index.safetensors") if name.startswith("search_")}
    built = Retriever.load(republished(retriever, tmp_path, without_search).path)
    assert not retriever.vectors.flags.writeable
    where = ({}, {"genre": {"all": ["jazz"]}}, {"genre": {"none": ["jazz"]}})
    conditions = tuple(retriever.catalogue.condition(clauses) for clauses in where)
    request = RetrievalRequest(History(np.arange(8) * 3, np.arange(8) * 1_000), conditions, 10)
    for mapped, found in zip(retriever.retrieve([request])[0], built.retrieve([request])[0], strict=True):
        assert mapped.rows.tolist() == found.rows.tolist()
        np.testing.assert_allclose(mapped.scores, found.scores, atol=1e-5)


def test_an_index_of_another_shape_is_refused(retriever, tmp_path):
    with pytest.raises(ReleaseError) as caught:
        Retriever.load(republished(retriever, tmp_path, with_few_rows).path)
    assert caught.value.code == "incompatible_content"


def test_a_configuration_that_does_not_fit_the_weights_is_refused(retriever, tmp_path):
    config = json.loads((retriever.release.path / "config.json").read_text())
    config["network"]["width"] = 32
    files = {name: retriever.release.path / name for name in retriever.release.manifest["files"]}
    release = write_release(
        tmp_path, files | {"config.json": json.dumps(config).encode()}, retriever.release.manifest["facts"]
    )
    with pytest.raises(ReleaseError) as caught:
        Retriever.load(release.path)
    assert caught.value.code == "incompatible_content"
    shutil.rmtree(release.path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused(retriever):
    with pytest.raises(ReleaseError) as caught:
        Retriever.load(retriever.release.path, "cuda")
    assert caught.value.code == "device_unavailable"
    arguments = ["pretrain", "--config", "none.toml", "--dataset", "music-world", "--out", "none", "--device", "cuda"]
    assert main(arguments) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_answers_like_the_cpu(retriever):
    conditions = (Condition(), retriever.catalogue.condition({"genre": {"all": ["jazz"]}}))
    history = History(np.arange(7), np.arange(7) * 1_000)
    on_device = Retriever.load(retriever.release.path, "cuda")
    assert on_device.attention_backend == "fused"
    asked = [RetrievalRequest(history, conditions, 10)]
    np.testing.assert_allclose(on_device.query_vectors(asked)[0], retriever.query_vectors(asked)[0], atol=1e-3)
