"""Planted defects are refused with their reason, and releases as good as the one in force are let in."""

import numpy as np
import pytest

from loadtest.release_drill.variants import PLANTS, nudged, write_variant
from model.climber_pilot.inference import Retriever
from model.condition import Condition
from model.release import current_release
from service.catalogue_change import CatalogueChange, catalogue_change
from service.history_codec import HistoryEvent
from service.quality_gate import Comparison, GateError, QualityGate, compare
from service.recent_requests import RecentRequest
from service.releases import ServedRelease
from service.shadow import cast_shadow, made_up
from tests.service.running import settings_for

SAME = CatalogueChange(shared=1.0, same_attributes=1.0, same_neighbours=0.6, lost_values=0.0)
GOOD = {"requests": 100, "pairs": 100, "quality": 0.3, "loss": 0.0, "clear_loss": -0.05, "score_drift": 0.0}
GOOD |= {"coverage": 1.0, "wrong": 0, "unread": 0.0, "change": SAME}


def served(path):
    return ServedRelease(Retriever.load(path), Condition(), ())


@pytest.fixture(scope="module")
def source(release_root):
    return current_release(release_root)


@pytest.fixture(scope="module")
def requests(music_dataset, source):
    """What real listeners of the simulated world would have asked."""
    events = music_dataset.interactions
    genres = served(source).catalogue.attributes["genre"].values
    histories = {}
    for user, item_id, time_s in zip(events["user_id"], events["item_id"], events["event_time_s"], strict=True):
        histories.setdefault(user, []).append(HistoryEvent(item_id, time_s))
    return [
        RecentRequest(user, tuple(own[-30:]), ({"genre": {"any": [genres[number % len(genres)]]}},), 20)
        for number, (user, own) in enumerate(histories.items())
    ]


@pytest.fixture(scope="module")
def gate(release_root):
    return QualityGate(settings_for(release_root, "unix:///nowhere"))


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "cold"])
def test_a_planted_defect_is_refused_with_its_reason(source, requests, gate, tmp_path, name, asked):
    plant = PLANTS[name]
    before = served(write_variant(source, tmp_path, plant.before, {"before": name}).path)
    defect = served(write_variant(source, tmp_path, plant.change, {"plant": name}).path)
    with pytest.raises(GateError) as caught:
        gate.judge(defect, before, requests[:60] if asked else [])
    assert caught.value.code in plant.reasons
    assert "got" in str(caught.value)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_release_as_good_as_before_is_let_in(source, requests, gate, tmp_path, seed):
    before, candidate = served(source), served(write_variant(source, tmp_path, nudged(seed)).path)
    gate.judge(candidate, before, requests[:60])
    gate.judge(candidate, before, [])


def test_the_release_in_force_is_asked_beside_what_it_answers(source, requests):
    before = served(source)
    found = compare(before, before, requests[:30])
    assert (found.loss, found.score_drift, found.coverage, found.wrong) == (0.0, 0.0, 1.0, 0)
    assert found.change == CatalogueChange(1.0, 1.0, 1.0, 0.0)
    assert found.pairs == 30
    replica = before.retriever.replica()
    assert replica is not before.retriever
    assert replica.vectors is not before.retriever.vectors  # mapped twice, in memory once
    assert np.array_equal(replica.vectors, before.retriever.vectors)


def test_too_few_requests_are_filled_up_with_made_up_ones(source, requests):
    retriever = Retriever.load(source)
    assert made_up(retriever) == made_up(retriever)
    found = compare(served(source), served(source), requests[:3])
    assert found.requests > 60


def test_held_back_events_are_ranked_without_the_rest_of_the_history(source):
    retriever = Retriever.load(source)
    ids = retriever.catalogue.item_ids
    one = RecentRequest(None, (HistoryEvent(ids[0], 1),), (), 5)
    unknown = RecentRequest(None, (HistoryEvent("nowhere", 1), HistoryEvent("nothing", 2)), (), 5)
    shadow = cast_shadow(retriever, Condition(), [one, unknown])
    assert np.isnan(shadow.gains).all()  # nothing to hold back
    assert (shadow.lists, shadow.wrong, shadow.unknown) == (1, 0, 0)
    events = tuple(HistoryEvent(item_id, 10 * age) for age, item_id in enumerate(ids[:5]))
    full = cast_shadow(retriever, Condition(), [RecentRequest(None, events, ({"genre": {"any": ["none such"]}},), 5)])
    assert 0 <= full.gains[0] <= 1
    assert (full.unknown, full.conditions) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"wrong": 1}, "compliance"),
        ({"clear_loss": 0.11}, "quality"),
        ({"score_drift": 6.1}, "score_drift"),
        ({"score_drift": -6.1}, "score_drift"),
        ({"coverage": 0.69}, "coverage"),
        ({"unread": 0.02}, "value_loss"),
        ({"change": CatalogueChange(0.79, 1.0, 0.6, 0.0)}, "item_ids"),
        ({"change": CatalogueChange(1.0, 0.89, 0.6, 0.0)}, "item_ids"),
        ({"change": CatalogueChange(1.0, 1.0, 0.29, 0.0)}, "neighbours"),
        ({"change": CatalogueChange(1.0, 1.0, 0.6, 0.0021)}, "value_loss"),
    ],
)
def test_every_measure_has_a_threshold_and_names_itself(gate, changed, code):
    assert list(gate._refusals(Comparison(**GOOD))) == []
    assert [found for found, _ in gate._refusals(Comparison(**(GOOD | changed)))] == [code]


def test_without_requests_to_keep_there_is_no_gate(release_root):
    off = QualityGate(settings_for(release_root, "unix:///nowhere", gate_requests=0))
    off.judge(None, None, [])


def test_a_grown_catalogue_keeps_its_items(source):
    old = Retriever.load(source)
    assert catalogue_change(old, old) == CatalogueChange(1.0, 1.0, 1.0, 0.0)
