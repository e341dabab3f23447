"""Matchers are trained where pairs have changed, and put in force where they find as much as those before."""

import polars as pl
import pytest

from model.image_text.captions import CAPTIONS_FILE
from model.image_text.inference import load_matchers
from model.release import current_release, read_current, verify_release
from model.signature import new_key, public_key_of
from model.vision.feature_store import FeatureStore
from service.trainer import matchers
from service.trainer.cycle import run_cycle
from service.trainer.jobs import MATCHERS, job_folder
from service.trainer.journal import read_journal
from service.trainer.matchers import MatcherTraining
from tests.model.image_text.scenes import SPACE
from tests.service.trainer.simulated_pairs import matcher_settings, write_config
from tests.service.trainer.surroundings import Surroundings


@pytest.fixture
def pairs(redis_server, tmp_path):
    """Settings of a sidecar that has pairs to train on."""
    return Surroundings(redis_server, tmp_path / "releases", tmp_path / "sidecar").settings(
        **matcher_settings(tmp_path / "pairs", epochs=1)
    )


def cycle(settings):
    return run_cycle(job_folder(settings, MATCHERS), MatcherTraining(settings).stages(), settings.max_attempts)


def last_of(settings):
    return read_journal(job_folder(settings, MATCHERS))["last"]


def test_the_first_matchers_come_in_force_signed(pairs, tmp_path):
    new_key(tmp_path / "key")
    settings = pairs.model_copy(update={"signing_key": tmp_path / "key"})
    assert cycle(settings) == "published"
    release = verify_release(current_release(settings.matcher_root), public_key_of(tmp_path / "key"))
    facts = release.manifest["facts"]
    assert (facts["kind"], facts["metrics"]["part"], facts["architectures"]) == ("image-text", "test", ["hire"])
    last = last_of(settings)
    assert last["facts"]["release"] == release.release_id
    assert (last["facts"]["before"], last["facts"]["after"]["rsum"]) == (None, facts["metrics"]["selected"])
    assert load_matchers(release.path).feature_space == SPACE
    assert not (job_folder(settings, MATCHERS) / "work").exists()


def test_nothing_is_trained_on_the_same_pairs_again(pairs):
    cycle(pairs)
    before = last_of(pairs)
    assert cycle(pairs) == "unchanged"
    after = last_of(pairs)
    assert (after["facts"], after["seconds"].keys()) == (before["facts"], before["seconds"].keys())
    assert after["started_s"] > before["started_s"]
    assert len([path for path in pairs.matcher_root.iterdir() if path.is_dir()]) == 1


def test_worse_ones_do_not_come_in_force(pairs, monkeypatch):
    """By rSum on the part val, of both as they are served."""
    cycle(pairs)
    in_force, found = read_current(pairs.matcher_root), last_of(pairs)["facts"]["after"]["rsum"]
    write_config(pairs.matcher_pairs.parent / "hire.toml", epochs=1, seed=5)
    monkeypatch.setattr(matchers, "rsum_of_release", lambda *_: found + 700.0)
    assert cycle(pairs) == "worse"
    assert read_current(pairs.matcher_root) == in_force
    facts = last_of(pairs)["facts"]
    assert facts["before"]["rsum"] == found + 700.0 > facts["after"]["rsum"]
    assert cycle(pairs) == "unchanged"  # what was tried once is not tried again


def test_as_good_ones_do(pairs):
    """The same configuration under another name of its file: the same network, and not a point worse."""
    cycle(pairs)
    write_config(pairs.matcher_pairs.parent / "hire.toml", epochs=1, patience_epochs=9)
    assert cycle(pairs) == "published"
    facts = last_of(pairs)["facts"]
    assert facts["after"] == facts["before"]
    pointer = read_current(pairs.matcher_root)
    assert (pointer.release_id, pointer.earlier) == (facts["release"], (facts["base"],))


def test_pairs_whose_images_nobody_has_looked_at_wait(pairs):
    folder = pairs.matcher_pairs
    (folder / "images" / "new.jpg").write_bytes(b"unseen")
    table = pl.read_parquet(folder / CAPTIONS_FILE)
    row = pl.DataFrame({"image": ["new.jpg"], "caption": ["w00"], "split": ["train"]})
    pl.concat([table, row]).write_parquet(folder / CAPTIONS_FILE)
    assert cycle(pairs) == "features_missing"
    assert last_of(pairs)["facts"]["missing"] == 1
    table.filter(pl.col("split") != "val").write_parquet(folder / CAPTIONS_FILE)
    assert cycle(pairs) == "too_few_pairs"
    assert not pairs.matcher_root.exists()


def test_what_sees_otherwise_is_not_compared(pairs):
    cycle(pairs)
    before = read_current(pairs.matcher_root)
    store, other = FeatureStore(pairs.matcher_features, SPACE), pairs.matcher_features.with_name("other")
    there = FeatureStore(other, "other/v1")
    there.create({"regions": "simulated"})
    for sha256 in store:
        there.put(store.get(sha256).__class__(**{**vars(store.get(sha256)), "feature_space": "other/v1"}))
    assert cycle(pairs.model_copy(update={"matcher_features": other})) == "other_feature_space"
    assert read_current(pairs.matcher_root) == before
