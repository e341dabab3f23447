"""A cycle of the small world: what it makes, and where it leads nowhere."""

import shutil

import polars as pl
import pytest

from model.climber_pilot.inference import CATALOGUE_FILE, Retriever
from model.release import current_release, read_current, set_current, verify_release
from model.signature import new_key, public_key_of
from service.item_codec import StoredItem, pack_item
from service.items import ITEMS
from service.trainer import retraining
from service.trainer.archive import Archive
from service.trainer.cycle import run_cycle
from service.trainer.event_stream import entry_order
from service.trainer.jobs import ARCHIVE, RETRAINING, connect, job_folder
from service.trainer.journal import read_journal
from service.trainer.publication import Publication
from service.trainer.retraining import Retraining
from tests.service.trainer.small_world import CONFIG, fill, small_release
from tests.service.trainer.surroundings import Surroundings


@pytest.fixture
def small(redis_server, tmp_path):
    """A small release in force; the store has no items."""
    with redis_server.client() as client:
        client.delete(ITEMS)
    return Surroundings(redis_server, tmp_path / "releases", tmp_path / "sidecar")


def archive_of(small):
    return Archive(small.work_dir / ARCHIVE)


def last_of(small):
    return read_journal(job_folder(small.settings(), RETRAINING))["last"]


def cycle(small, before=None, **changes):
    """Run one; before: stage -> what happens before it."""
    settings = small.settings(**changes)
    with connect(settings) as redis:
        job = Retraining(settings, redis, archive_of(small), Publication(settings))
        stages = {}
        for name, stage in job.stages().items():

            def after_that(work, journal, name=name, stage=stage):
                (before or {}).get(name, lambda: None)()
                return stage(work, journal)

            stages[name] = after_that
        return run_cycle(job_folder(settings, RETRAINING), stages, settings.max_attempts)


def test_a_training_goes_on_from_the_release_in_force(small, tmp_path):
    base = small_release(small.root)
    rows = fill(archive_of(small))
    new_key(tmp_path / "key")
    assert cycle(small, signing_key=tmp_path / "key", pretrain_epochs=4, learning_rate_share=1.0) == "published"
    release = verify_release(current_release(small.root), public_key_of(tmp_path / "key"))
    facts = release.manifest["facts"]
    assert facts["window"] == {"base": base.release_id, "events": len(rows), "newest_entry": rows["entry"].max()}
    assert (facts["dataset"], facts["simulated"], facts["instructable"]) == (
        "small",
        "everything",
        ["genre", "language"],
    )
    before, after = (facts["metrics"][of] for of in ("before", "after"))
    # Random weights know nothing; plays of one genre are quickly learned.
    assert after["hr@10"] > before["hr@10"]
    assert last_of(small)["facts"]["release"] == release.release_id
    assert Retriever.load(release.path).release.release_id == release.release_id


def test_one_training_after_another_keeps_the_first_ones_rates(small):
    small_release(small.root)
    fill(archive_of(small))
    for _ in range(2):
        assert cycle(small, learning_rate_share=0.5) == "published"
    release = verify_release(current_release(small.root))
    assert (release.path / "config.json").read_text() == CONFIG.to_json()
    rates = [release.manifest["facts"]["schedule"][stage]["learning_rate"] for stage in ("pretrain", "finetune")]
    assert rates == [0.5 * CONFIG.pretrain.learning_rate, 0.5 * CONFIG.finetune.learning_rate]


def test_towers_are_trained_each_and_joined(small):
    small_release(small.root, towers=2)
    fill(archive_of(small))
    assert cycle(small) == "published"
    retriever = Retriever.load(current_release(small.root))
    assert (retriever.release.manifest["facts"]["towers"], retriever.vectors.shape[1]) == (2, 16)


def test_posted_items_are_in_the_next_release_also_late_ones(small):
    small_release(small.root)
    fill(archive_of(small))

    def post(item_id):
        with small.redis_server.client() as client:
            client.hset(ITEMS, item_id, pack_item(StoredItem("New", {"genre": ["polka"]})))

    post("early")
    assert cycle(small, {"publish": lambda: post("late")}) == "published"
    retriever = Retriever.load(current_release(small.root))
    assert retriever.catalogue.item_ids[-2:] == ["early", "late"]
    assert retriever.catalogue.describe(retriever.catalogue.row_of["late"]) == {"genre": ["polka"]}


def test_a_worse_release_is_not_published(small, monkeypatch):
    base = small_release(small.root)
    fill(archive_of(small))
    measured = iter([{"hr@50": 0.5, "hr@10": 0.2, "users": 24.0}, {"hr@50": 0.4, "hr@10": 0.3, "users": 24.0}])
    monkeypatch.setattr(retraining, "_hit_rates", lambda *_: next(measured))
    assert cycle(small, max_hit_rate_loss=0.19) == "worse"
    assert read_current(small.root).release_id == base.release_id
    assert [path.name for path in small.root.iterdir() if path.is_dir()] == [base.release_id]


def test_somebody_elses_release_is_not_replaced(small):
    small_release(small.root)
    fill(archive_of(small))
    assert cycle(small, {"publish": lambda: small_release(small.root, by="hand")}) == "overtaken"
    assert verify_release(current_release(small.root)).manifest["facts"]["by"] == "hand"


def test_too_few_events(small):
    base = small_release(small.root)
    assert cycle(small) == "too_few_events"
    fill(archive_of(small), users=4)
    assert cycle(small) == "too_few_events"
    assert read_current(small.root).release_id == base.release_id


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_who_is_erased_meanwhile_is_not_trained_on(small, stage):
    small_release(small.root)
    rows = fill(archive_of(small))
    gone = rows["user_id"][0]
    users = []

    def erase():
        archive_of(small).erase(gone, entry_order("99999-0"))

    def look():
        window = job_folder(small.settings(), RETRAINING) / "work" / "window" / "interactions.parquet"
        users.extend(pl.read_parquet(window)["user_id"].unique().to_list())

    assert cycle(small, {stage: erase, "evaluate": look}) == "published"
    assert users
    assert gone not in users


def test_a_base_that_is_cleared_away_meanwhile_is_not_missed(small):
    base = small_release(small.root)
    fill(archive_of(small))

    def replaced():
        """By one made of it for new items, as the sidecar does."""
        release = small_release(small.root, grown_from=base.release_id)
        assert read_current(small.root).release_id == release.release_id
        shutil.rmtree(base.path)

    assert cycle(small, {"pretrain": replaced}) == "published"
    assert pl.read_parquet(current_release(small.root) / CATALOGUE_FILE).height == 40


def test_an_unverified_base_is_not_built_on(small):
    release = small_release(small.root)
    fill(archive_of(small))
    set_current(small.root, release.release_id)
    path = release.path / "config.json"
    path.chmod(0o644)
    path.write_text("{}")
    with pytest.raises(ValueError, match="size_mismatch"):
        cycle(small)
