"""Every peer that is installed starts, gives our lists and is measured."""

import pytest

from loadtest.speed.cell import Cell
from loadtest.speed.peers.__main__ import Comparison, main
from loadtest.speed.peers.eager_model import EagerModel, Question
from loadtest.speed.peers.peer import PEERS


class Bar:
    def set_description(self, _):
        pass

    def update(self):
        pass


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_is_measured(peer, release_root, tmp_path):
    if not peer.installed:
        pytest.skip(f"{peer.package} is not installed: pip install '.[bench]'")
    comparison = Comparison(release_root, tmp_path, cell=Cell(400, history_events=20), min_cpu_s=0.05)
    asked = [Question.model_validate(question) for question in comparison.questions[:64]]
    lists = [[item.item_id for item in items] for items in EagerModel(release_root).answer(asked)]
    comparison.measure_peer(peer, lists, Bar())
    assert len(comparison.rows) == 2
    for row in comparison.rows.values():
        assert row["agreement"] >= 0.99
        assert row["figures"]["server_cpu_us_per_request"] > 0


def test_a_folder_without_a_release_is_refused(tmp_path):
    assert main(["--release-root", str(tmp_path), "--out", str(tmp_path)]) == 2
