"""The gate: planted defects are refused for their own reason, releases as good as before are let in."""

import asyncio
import shutil

import pytest

from loadtest.release_drill.variants import PLANTS, nudged, write_variant
from model.release import current_release
from service.history_codec import HistoryEvent
from service.quality_gate import GateError, QualityGate
from service.recent_requests import RecentRequest
from service.release_loader import ReleaseLoader
from tests.service.running import settings_for


@pytest.fixture
def judge(release_root, tmp_path):
    """Publishes two variants of the small release and judges the second by the first."""
    root = tmp_path / "releases"
    shutil.copytree(release_root, root)
    source = current_release(root)
    settings = settings_for(root, "unix:///nowhere")
    loader = ReleaseLoader(settings)

    def run(before, after, requests=()):
        async def both():
            old, new = [
                await loader.load(write_variant(source, root, change, {"made": made}).release_id)
                for made, change in (("before", before), ("after", after))
            ]
            await loader.run(QualityGate(settings).judge, new, old, requests)

        asyncio.run(both())

    yield run
    loader.close()


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_defect_is_refused_for_its_reason(judge, name):
    plant = PLANTS[name]
    with pytest.raises(GateError, match=r"expected .* got") as refused:
        judge(plant.before, plant.change)
    assert refused.value.code in plant.reasons


@pytest.mark.parametrize("seed", [1, 2])
def test_a_release_as_good_as_before_is_let_in(judge, seed):
    judge(nudged(0), nudged(seed))


def test_recent_requests_are_asked_of_both(judge, music_dataset):
    asked = [
        RecentRequest(
            str(user),
            tuple(HistoryEvent(*event) for event in events.select("item_id", "event_time_s").iter_rows()),
            ({"genre": {"any": ["rock"]}},),
            10,
        )
        for (user,), events in list(music_dataset.interactions.group_by("user_id", maintain_order=True))[:40]
    ]
    judge(nudged(0), nudged(1), asked)
    with pytest.raises(GateError):
        judge(nudged(0), PLANTS["shuffled_weights"].change, asked)
