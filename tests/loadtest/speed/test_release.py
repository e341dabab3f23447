import numpy as np
import pytest

from loadtest.speed.release import main, trained_release, untrained_release
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.condition import Condition
from model.release import current_release


def lists(root, max_history):
    retriever = Retriever.load(current_release(root))
    assert retriever.max_history == max_history
    history = History(np.arange(10), 60 * np.arange(10))
    (answers,) = retriever.retrieve([RetrievalRequest(history, (Condition(), Condition.of(0)), 5)])
    assert [len(one.rows) for one in answers] == [5, 5]
    return retriever


def test_an_untrained_release_is_served_and_says_what_it_is(tmp_path):
    release = untrained_release(tmp_path, 300, 20)
    retriever = lists(tmp_path, 20)
    assert len(retriever.catalogue) == 300
    assert retriever.simulated == "everything"
    assert any("untrained" in note for note in release.manifest["facts"]["notes"])


def test_the_same_seed_gives_the_same_weights(tmp_path):
    first, second = untrained_release(tmp_path / "a", 200, 20), untrained_release(tmp_path / "b", 200, 20)
    assert first.manifest["files"]["weights.safetensors"] == second.manifest["files"]["weights.safetensors"]


def test_a_trained_release_is_served(tmp_path):
    release = trained_release(tmp_path, 60, 20, users=24, days=4)
    retriever = lists(tmp_path, 20)
    assert retriever.popularity.sum() > 0
    assert release.manifest["facts"]["stage"] == "finetune"


def test_the_command_says_what_is_wrong(tmp_path):
    assert main(["--items", "3", "--out", str(tmp_path)]) == 2


def test_the_command_prints_the_release(tmp_path, capsys):
    assert main(["--items", "100", "--max-history", "5", "--untrained", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(current_release(tmp_path))


@pytest.mark.parametrize("part", ["condition_base", "condition_values.weight", "layers.0.time_table"])
def test_nothing_in_the_network_is_an_accident_of_zeros(tmp_path, part):
    from safetensors.numpy import load_file

    release = untrained_release(tmp_path, 60, 5)
    assert np.abs(load_file(release.path / "weights.safetensors")[part]).min() > 0
