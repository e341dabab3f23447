import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model.training import WEIGHTS_FILE
from model.vision.part import PartError
from model.vision.regions import Regions
from model.vision.relation_head.config import RelationHeadConfig, load_config
from model.vision.relation_head.data import load_vrd
from model.vision.relation_head.export import export
from model.vision.relation_head.inference import RelationHeadPart
from model.vision.relation_head.network import RelationHead
from model.vision.relation_head.train import REPORT, pair_inputs, train
from model.vision.word_vectors import LENGTH, WIDTH, word_vectors
from tests.model.vision.relation_head.vrd import write_vrd

pytest.importorskip("wordllama", reason="the extra `vision` is not installed")
SMALL = RelationHeadConfig(hidden=(16, 8), batch_size=32, epochs=12, learning_rate=0.01, warmup_steps=5)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head trained on cats above and below dogs."""
    data = load_vrd(write_vrd(tmp_path_factory.mktemp("vrd")), 0.2, seed=0)
    out = tmp_path_factory.mktemp("run")
    return train(SMALL, data, word_vectors(data.vocabulary.classes), out, resume=False)


@pytest.fixture(scope="module")
def head(run: Path, tmp_path_factory: pytest.TempPathFactory) -> RelationHeadPart:
    """The same as a part."""
    return RelationHeadPart(export(run, tmp_path_factory.mktemp("part"), ("dog", "cat", "region")))


def regions(boxes: list, labels: tuple[str, ...], sources: tuple[str, ...] | None = None) -> Regions:
    count = len(labels)
    return Regions(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros((count, 2), np.float32),
        labels,
        np.linspace(0.9, 0.5, count).astype(np.float32),
        sources or ("detector",) * count,
    )


def test_the_head_learns_what_geometry_tells(run: Path) -> None:
    report = json.loads((run / REPORT).read_text())
    assert report["rows"] == {"train": 160, "validation": 40, "test": 40}
    assert report["test"]["top1"] > 0.9


def test_a_run_that_was_stopped_ends_as_one_that_was_not(run: Path, tmp_path: Path) -> None:
    data = load_vrd(write_vrd(tmp_path), 0.2, seed=0)
    vectors = word_vectors(data.vocabulary.classes)
    # The schedule is that of all epochs: it is the run that ends early, not the training.
    train(replace(SMALL, patience_epochs=0), data, vectors, tmp_path / "stopped", resume=False)
    train(SMALL, data, vectors, tmp_path / "stopped", resume=True)
    expected, found = load_file(run / WEIGHTS_FILE), load_file(tmp_path / "stopped" / WEIGHTS_FILE)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_the_part_says_what_the_network_says(run: Path, head: RelationHeadPart, tmp_path: Path) -> None:
    data = load_vrd(write_vrd(tmp_path, seed=5), 0.2, seed=0).train
    network = RelationHead(SMALL.hidden, 2, SMALL.dropout).eval()
    network.load_state_dict(load_file(run / WEIGHTS_FILE))
    with torch.inference_mode():
        inputs = pair_inputs(data, torch.from_numpy(word_vectors(("cat", "dog"))))
        expected = network(inputs).softmax(dim=1).numpy()
    boxes = data.geometry[:, :8]
    rows = np.array([1, 0])
    found = head.probabilities(boxes[:, :4], boxes[:, 4:], rows[data.subjects], rows[data.objects])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_relations_name_pairs_of_things_surest_first(head: RelationHeadPart) -> None:
    boxes = [[0.1, 0.7, 0.3, 0.85], [0.1, 0.1, 0.3, 0.25], [0, 0, 1, 1]]
    found = head.relate(regions(boxes, ("dog", "cat", "region"), ("detector", "detector", "grid")))
    assert found.triples[:, [0, 2]].tolist() in ([[0, 1], [1, 0]], [[1, 0], [0, 1]])
    assert "cat above dog" in found.words(("dog", "cat", "region"))
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.scores.max() <= 0.9 * 0.7


def test_no_more_than_25_relations_are_kept(head: RelationHeadPart) -> None:
    rng = np.random.default_rng(0)
    starts = rng.random((12, 2)) / 2
    found = head.relate(regions(np.concatenate([starts, starts + 0.3], axis=1).tolist(), ("cat",) * 12))
    assert found.triples.shape == (25, 3)
    assert (found.triples[:, 0] != found.triples[:, 2]).all()


def test_one_thing_has_no_relations(head: RelationHeadPart) -> None:
    assert head.relate(regions([[0, 0, 1, 1]], ("cat",))).triples.shape == (0, 3)


def test_what_the_head_was_not_made_for_is_refused(head: RelationHeadPart) -> None:
    boxes = [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]
    with pytest.raises(ValueError, match="got 'unicorn'"):
        head.relate(regions(boxes, ("cat", "unicorn")))
    with pytest.raises(ValueError, match="boxes"):
        head.relate(replace(regions(boxes, ("cat", "dog")), boxes=None))


def test_a_file_of_another_form_is_refused(run: Path, tmp_path: Path) -> None:
    manifest = export(run, tmp_path)
    content = json.loads(manifest.read_text())
    path = tmp_path / content["file"]
    path.write_bytes(b"weights")
    with pytest.raises(PartError, match="hash_mismatch"):
        RelationHeadPart(manifest)


def test_word_vectors_have_one_length_and_know_neighbours() -> None:
    vectors = word_vectors(("cat", "dog", "traffic light"))
    assert vectors.shape == (3, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), LENGTH, rtol=1e-4)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.mark.parametrize("text", ["width = 3", 'epochs = "many"', "hidden = 3", "dropout = 1"])
def test_a_configuration_that_says_nonsense_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ValueError, match="expected"):
        load_config(tmp_path / "bad.toml")
