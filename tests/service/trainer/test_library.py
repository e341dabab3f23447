"""New matchers and the library that is built with them, served together; over HTTP and in processes of their own."""

import json

import pytest

from model.artwork.additions import Additions
from model.artwork.inference import ArtworkRelease
from model.image_text.inference import load_matchers
from model.manifest import read_manifest
from model.release import current_release, read_current, set_current, write_release
from service.artwork.networks import MATCHERS_FOLDER
from service.settings import Settings
from service.trainer.cycle import run_cycle
from service.trainer.jobs import LIBRARY, MATCHERS, job_folder
from service.trainer.journal import read_journal
from service.trainer.library import LibraryBuild
from service.trainer.matchers import MatcherTraining
from service.trainer.publication import Publication
from service.trainer.verdicts import Verdicts, of_covers
from tests.model.artwork.libraries import IDENTITY, made_up_addition
from tests.service.artwork.asking import search
from tests.service.artwork.scene_covers import COVERS, real_networks, write_covers
from tests.service.running import serving, wait_until
from tests.service.trainer.simulated_pairs import library_settings, matcher_settings, write_config
from tests.service.trainer.surroundings import Surroundings


@pytest.fixture(scope="module", autouse=True)
def undisturbed():
    with real_networks():
        yield


@pytest.fixture
def wanted(tmp_path):
    """Settings of both jobs."""
    write_covers(tmp_path / "covers")
    pairs = matcher_settings(tmp_path / "pairs", epochs=1)
    return {**pairs, "artwork_root": tmp_path / "artwork", **library_settings(tmp_path / "covers")}


@pytest.fixture
def settings(redis_server, tmp_path, wanted):
    return Surroundings(redis_server, tmp_path / "releases", tmp_path / "sidecar").settings(**wanted, keep_releases=1)


def train(settings):
    return run_cycle(job_folder(settings, MATCHERS), MatcherTraining(settings).stages(), settings.max_attempts)


def build(settings):
    return run_cycle(job_folder(settings, LIBRARY), LibraryBuild(settings).stages(), settings.max_attempts)


def last_of(settings):
    return read_journal(job_folder(settings, LIBRARY))["last"]


def test_a_service_turns_to_new_matchers_and_their_library(surroundings, wanted):
    settings = surroundings.settings(**wanted)
    assert (train(settings), build(settings)) == ("published", "published")

    def embedder(service):
        return search(service, sentence="w01 w10")["parts"]["embedder"]

    def embedder_in_force():
        return load_matchers(current_release(settings.matcher_root)).embedder.model_id

    with serving(
        Settings(artwork_root=settings.artwork_root, default_deadline_ms=9_000, release_poll_ms=20)
    ) as service:
        first = embedder_in_force()
        assert embedder(service) == first
        # As good as before, and not the same release.
        write_config(settings.matcher_pairs.parent / "hire.toml", epochs=1, patience_epochs=9)
        given = {name.upper(): json.dumps(one) if isinstance(one, tuple) else str(one) for name, one in wanted.items()}
        found = surroundings.run_once(**given)
        assert found.returncode == 0, found.stderr
        second = embedder_in_force()
        wait_until(lambda: embedder(service) == second)
        assert second != first
        assert service.client.get("/health/ready").json()["artwork"]["refused"] is None
    outcomes = [json.loads(line)["outcome"] for line in found.stderr.splitlines() if '"cycle_ended"' in line]
    assert outcomes == ["published", "published"]


def test_covers_that_the_service_refuses_go_out_of_force(surroundings, wanted):
    settings = surroundings.settings(**wanted)
    assert (train(settings), build(settings)) == ("published", "published")
    root, before = settings.artwork_root, read_current(settings.artwork_root).release_id
    with serving(Settings(artwork_root=root, default_deadline_ms=9_000, release_poll_ms=20)) as service:
        asking = surroundings.settings(**wanted, service_urls=(service.base_url,))
        verdicts = Verdicts(asking, Publication(asking, root), of_covers)
        assert verdicts.follow() is None
        manifest = read_manifest(root / before)
        files = {name: root / before / name for name in manifest["files"]}
        refused = write_release(root, files, {**manifest["facts"], "kind": "something else"}).release_id
        set_current(root, refused)
        wait_until(lambda: verdicts.follow() == refused)
        assert read_current(root).release_id == before
        wait_until(lambda: service.client.get("/health/ready").json()["artwork"]["refused"] is None)
        assert search(service, sentence="w01 w10")["release"] == before


def test_what_was_added_to_a_service_is_taken_in(settings):
    assert build(settings) == "no_matchers"
    train(settings)
    assert build(settings) == "published"
    assert build(settings) == "unchanged"
    picture = (settings.library_images / "3.jpg").read_bytes()
    Additions(settings.artwork_root).put(made_up_addition("added", picture=""), picture, IDENTITY)
    assert build(settings) == "published"
    loaded = ArtworkRelease.load(current_release(settings.artwork_root), Additions(settings.artwork_root))
    assert (len(loaded.library), loaded.library.additions, loaded.stale) == (COVERS + 1, (), 0)
    assert build(settings) == "unchanged"


def test_copies_of_networks_go_with_the_last_release_that_names_them(settings):
    matchers = []
    for patience in (1, 2, 3):
        write_config(settings.matcher_pairs.parent / "hire.toml", epochs=1, patience_epochs=patience)
        assert (train(settings), build(settings)) == ("published", "published")
        matchers.append(read_current(settings.matcher_root).release_id)
    copies = {path.name for path in (settings.artwork_root / MATCHERS_FOLDER).iterdir()}
    assert copies == set(matchers[1:])
    assert last_of(settings)["facts"]["refused"] == 0
