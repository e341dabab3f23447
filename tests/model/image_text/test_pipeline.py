"""From pairs to a served release: train, resume, evaluate, export, load, refresh - on simulated scenes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import model.image_text.train as train_module
from model.image_text.captions import Captions, read_captions
from model.image_text.checkpoint import load_checkpoint
from model.image_text.data import Features
from model.image_text.ensemble import Ensemble, joined_vectors
from model.image_text.evaluate import evaluate
from model.image_text.evaluate import main as evaluate_main
from model.image_text.export import export_release
from model.image_text.inference import load_matchers
from model.image_text.refresh import judge, rsum_of_release, served_rsum, train_members
from model.image_text.train import main as train_main
from model.image_text.train import prepare, train
from model.image_text.tuning import Tuning
from model.release import verify_release, write_release
from tests.model.image_text.scenes import SPACE, WIDTH, config, image, write_scenes

SIZES = {"num_classes": 133, "map_side": 16}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("scenes"))


def trained(scenes, out, architecture, *, resume=False, **changes):
    pairs, features = scenes
    changes["network"] = {**SIZES, **changes.get("network", {})}
    training = prepare(config(architecture, **changes), read_captions(pairs), Features([features]))
    return train(training, out, resume=resume)


@pytest.fixture(scope="module")
def runs(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    grid = {"network": {"visual": "grid"}}
    return {
        "region": trained(scenes, folder / "region", "3shnet"),
        "grid": trained(scenes, folder / "grid", "3shnet", **grid),
        "hire": trained(scenes, folder / "hire", "hire", objective={"pair_negatives": 2}),
    }


@pytest.fixture(scope="module")
def release(scenes, runs, tmp_path_factory):
    pairs, features = scenes
    report = evaluate([runs["region"], runs["hire"]], read_captions(pairs), Features([features]), "test")
    return export_release([runs["region"], runs["hire"]], tmp_path_factory.mktemp("root"), report)


def test_a_trained_network_gives_the_same_vectors_after_loading(scenes, runs):
    checkpoint = load_checkpoint(runs["region"])
    captions, features = read_captions(scenes[0]), Features([scenes[1]])
    train_part = captions.part("train")
    images = [features.inputs(sha256) for sha256 in train_part.sha256]
    found = Ensemble((checkpoint,), None, Tuning()).images(images)
    assert torch.allclose(found, checkpoint.bank[0], atol=1e-6)
    assert checkpoint.facts["validation"]["rsum"] > 0
    assert checkpoint.feature_space == SPACE


def test_the_concatenated_hybrid_is_the_mean_of_the_two_similarities(runs):
    members = load_checkpoint(runs["region"]), load_checkpoint(runs["grid"])
    seen = [image(seed, classes=133, side=64) for seed in range(3)]
    texts = ["w01 w10 tail0", "w51"]
    both = Ensemble(members, None, Tuning())
    each = [Ensemble((member,), None, Tuning()) for member in members]
    mean = sum(one.images(seen) @ one.texts(texts).T for one in each) / 2
    assert torch.allclose(both.images(seen) @ both.texts(texts).T, mean, atol=1e-6)
    assert torch.allclose(joined_vectors([torch.eye(2), torch.eye(2)]).norm(dim=1), torch.ones(2))


def test_what_all_members_have_alike_is_kept_once_and_changes_no_product():
    rng = torch.Generator().manual_seed(0)
    common, parts = torch.rand(3, 4, generator=rng), [torch.rand(3, 2, generator=rng) for _ in range(3)]
    vectors = [torch.cat([common, part], dim=1) for part in parts]
    once, all_of_them = joined_vectors(vectors, 4), joined_vectors(vectors)
    assert (once.shape[1], all_of_them.shape[1]) == (4 + 3 * 2, 3 * 6)
    assert torch.allclose(once @ once.T, all_of_them @ all_of_them.T, atol=1e-6)


class StopError(Exception):
    pass


@pytest.mark.parametrize("architecture", ["3shnet", "hire"])
def test_a_resumed_training_equals_an_uninterrupted_one(scenes, runs, tmp_path, monkeypatch, architecture):
    whole = runs["region"] if architecture == "3shnet" else trained(scenes, tmp_path / "whole", architecture)
    step = train_module.training_step
    calls = []

    def stopping(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise StopError
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(train_module, "training_step", stopping)
        with pytest.raises(StopError):
            trained(scenes, tmp_path / "cut", architecture)
    cut = trained(scenes, tmp_path / "cut", architecture, resume=True)
    first, second = load_file(whole / "weights.safetensors"), load_file(cut / "weights.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_configuration_or_feature_space_does_not_resume(scenes, runs):
    with pytest.raises(ValueError, match="configuration"):
        trained(scenes, runs["region"], "3shnet", resume=True, stage={"epochs": 3})
    facts = json.loads((runs["grid"] / "facts.json").read_text())
    checked = load_checkpoint(runs["grid"])
    with pytest.raises(ValueError, match="feature space"):
        checked.collate([image(0, space="other/v1", classes=133, side=64)])
    assert facts["feature_space"] == SPACE


def test_members_of_two_feature_spaces_make_no_ensemble(runs):
    member = load_checkpoint(runs["region"])
    with pytest.raises(ValueError, match="one feature space"):
        Ensemble((member, replace(member, feature_space="other/v1")), None, Tuning())
    with pytest.raises(ValueError, match="cmsei or hire"):
        Ensemble((member,), 0, Tuning())


def test_the_release_serves_what_was_evaluated(scenes, release):
    matchers = load_matchers(verify_release(release.path).path, SPACE)
    captions, features = read_captions(scenes[0]), Features([scenes[1]])
    test = captions.part("test")
    seen = [features.inputs(sha256) for sha256 in test.sha256]
    sentences = [sentence for group in test.sentences for sentence in group]
    images, texts = matchers.embedder.encode_images(seen), matchers.embedder.encode_texts(sentences)
    assert images.shape == (len(seen), matchers.embedder.dim)
    assert np.abs(np.linalg.norm(images, axis=1) - 1).max() < 1e-5
    assert np.abs(np.linalg.norm(texts, axis=1) - 1).max() < 1e-5
    report = release.manifest["facts"]["metrics"]
    best = (images @ texts.T).argmax(axis=1)
    assert 100 * np.mean(best // 2 == np.arange(len(seen))) == pytest.approx(report["metrics"]["corrected"]["i2t_r1"])
    assert (matchers.alpha, matchers.top_k) == (report["tuning"]["alpha"], report["tuning"]["top_k"])


def test_the_pair_scorer_scores_in_any_chunks_and_explains(release):
    matchers = load_matchers(release.path)
    scorer = matchers.scorer
    assert scorer is not None
    assert scorer.model_id.startswith("hire@")
    images = scorer.prepare_images([image(seed, classes=133, side=64) for seed in range(3)])
    images += scorer.prepare_images([image(9, regions=4, relations=2, classes=133, side=64)])
    texts = scorer.prepare_texts(["w01 w10", "w51 w41 w31 tail0"])
    whole = scorer.score(images, texts)
    assert whole.shape == (4, 2)
    for row, prepared in enumerate(images):
        for column, text in enumerate(texts):
            assert abs(scorer.score([prepared], [text])[0, 0] - whole[row, column]) < 1e-5
    assert scorer.score([], texts).shape == (0, 2)
    told = scorer.explain(images[0], texts[1])
    assert told.tokens == ("w51", "w41", "w31", "tail0")
    assert told.attention.shape == (6, 4)
    assert np.abs(told.attention.sum(axis=1) - 1).max() < 1e-5
    assert told.score == pytest.approx(whole[0, 1], abs=1e-5)


def test_a_release_of_another_space_or_kind_is_refused(release, tmp_path):
    with pytest.raises(ValueError, match=r"feature space 'other/v1'"):
        load_matchers(release.path, "other/v1")
    other = write_release(tmp_path, {"a.json": b"{}"}, {"kind": "climber_pilot"})
    with pytest.raises(ValueError, match="kind image-text"):
        load_matchers(other.path)


def test_an_empty_text_and_a_missing_field_are_refused(release):
    embedder = load_matchers(release.path).embedder
    with pytest.raises(ValueError, match="empty one at 1"):
        embedder.encode_texts(["w01", "  "])
    with pytest.raises(ValueError, match="lacks"):
        embedder.encode_images([replace(image(0, classes=133, side=64), seg_sem=None)])
    with pytest.raises(ValueError, match=f"width {WIDTH}"):
        embedder.encode_images([image(0, width=5, classes=133, side=64)])


def test_a_refresh_is_gone_on_with_and_judged_as_it_is_served(scenes, tmp_path):
    captions, features = read_captions(scenes[0]), Features([scenes[1]])
    data = Captions.from_json(captions.to_json()), features
    assert data[0] == captions
    configs = [config("3shnet", network={**SIZES, "visual": visual}) for visual in ("region", "grid")]
    runs = train_members(configs, *data, tmp_path)
    states = [(run / "state.safetensors").stat().st_mtime_ns for run in runs]
    weights = [(run / "weights.safetensors").read_bytes() for run in runs]
    assert train_members(configs, *data, tmp_path) == runs
    assert [(run / "state.safetensors").stat().st_mtime_ns for run in runs] == states  # nothing was trained again
    assert [(run / "weights.safetensors").read_bytes() for run in runs] == weights
    report = judge(runs, *data, tmp_path)
    release = export_release(runs, tmp_path / "root", report)
    assert (report["part"], load_matchers(release.path).scorer) == ("test", None)
    assert report["selected"] == pytest.approx(rsum_of_release(release.path, *data, tmp_path))
    assert report["selected"] == served_rsum(evaluate(runs, captions, features, "val")["metrics"])


def test_the_commands_run_and_say_what_is_wrong(scenes, tmp_path, capsys):
    pairs, features = scenes
    path = tmp_path / "tiny.toml"
    path.write_text(
        '[network]\narchitecture = "3shnet"\ndim = 16\nregion_width = 12\ngrid_width = 12\n'
        "map_side = 16\nskip = false\n"
        '[text]\nencoder = "bigru"\nword_width = 8\nmin_count = 1\n[stage]\nepochs = 1\nbatch_images = 6\n'
    )
    data = ["--pairs", str(pairs), "--features", str(features)]
    assert train_main(["--config", str(path), *data, "--out", str(tmp_path / "run"), "--seed", "3"]) == 0
    assert load_checkpoint(tmp_path / "run").config.stage.seed == 3
    assert evaluate_main(["--run", str(tmp_path / "run"), *data]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["part"], report["images"], report["sentences"]) == ("test", 6, 12)
    assert evaluate_main(["--run", str(tmp_path / "run"), *data, "--images-per-fold", "3"]) == 0
    folds = json.loads(capsys.readouterr().out)
    assert folds["images_per_fold"] == 3
    assert folds["metrics"]["vectors"]["rsum"] >= report["metrics"]["vectors"]["rsum"]  # fewer to be mistaken for
    assert evaluate_main(["--run", str(tmp_path / "run"), *data, "--images-per-fold", "1000"]) == 2
    path.write_text('[network]\narchitecture = "clip"\n')
    assert train_main(["--config", str(path), *data, "--out", str(tmp_path / "bad")]) == 2
