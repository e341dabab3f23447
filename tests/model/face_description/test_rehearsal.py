import dataclasses

import pytest
import torch

from model.face_description import rehearsal as module
from model.face_description.config import RehearsalConfig
from model.face_description.data import worded
from model.face_description.grammar import describe
from model.face_description.network import DescriberNetwork
from model.face_description.regions import FACE, UNITS
from model.face_description.rehearsal import Rehearsal, rehearse
from model.face_description.vocabulary import Vocabulary
from tests.model.face_description.tiny import CONFIG, tiny_network

WORDS = Vocabulary.of_grammar()


def rehearsal_of(network, **changes):
    config = dataclasses.replace(CONFIG, rehearsal=RehearsalConfig(**{"batch_size": 16, **changes}))
    return Rehearsal(config, network, WORDS)


def test_a_batch_hangs_on_its_seed_alone():
    one = rehearsal_of(tiny_network(), batches_per_epoch=3)
    first, second, third = one.batches(0)
    torch.manual_seed(0)
    loss = one.step(first)
    torch.manual_seed(0)
    assert one.step(first) == loss
    assert one.step(second) != loss
    assert {first, second, third}.isdisjoint(one.batches(1))


def test_the_decoder_learns_to_say_what_it_is_told(tmp_path):
    torch.manual_seed(0)
    network = DescriberNetwork(CONFIG.network, len(WORDS))
    one = rehearsal_of(network)
    before = one.step((9, 9, 9)).item()
    settings = RehearsalConfig(epochs=1, batches_per_epoch=40, batch_size=16, learning_rate=1e-2)
    fitted = rehearse(dataclasses.replace(CONFIG, rehearsal=settings), network, WORDS, tmp_path, resume=False)
    assert one.step((9, 9, 9)).item() < 0.75 * before
    assert fitted.cpu_s > 0


def test_consistency_is_the_share_of_texts_that_state_exactly_what_they_were_told(monkeypatch):
    one = rehearsal_of(tiny_network())
    wrong_from = 150

    def write(*given):
        _, memory, codes, _ = given
        assert memory.shape == (len(codes), 98, CONFIG.network.width)
        rng = module.random.Random(0)
        texts = [describe(labels, place, rng) for labels, place in one._asked]
        return [*texts[:wrong_from], *["it looks like joy ."] * (len(texts) - wrong_from)]

    monkeypatch.setattr(module, "write_all", write)
    assert one.evaluate()["consistency"] == pytest.approx(wrong_from / len(one._asked), abs=0.02)


def test_without_epochs_nothing_is_learnt(tmp_path):
    network = tiny_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    settings = RehearsalConfig(epochs=0)
    rehearse(dataclasses.replace(CONFIG, rehearsal=settings), network, WORDS, tmp_path, resume=False)
    assert all((before[name] == tensor).all() for name, tensor in network.state_dict().items())


def test_a_wording_that_is_too_long_is_drawn_again():
    everything = module.Labels(dict.fromkeys(UNITS, "faint"), "surprise", 3)

    def rng(seed):
        return module.random.Random(seed)

    lengths = sorted(len(WORDS.encode(describe(everything, FACE, rng(seed)))) for seed in range(30))
    shorter = lengths[10]
    assert shorter < lengths[-1]
    assert max(len(worded(everything, FACE, WORDS, shorter, rng(seed))) for seed in range(30)) <= shorter
    with pytest.raises(ValueError, match="in 5 words"):
        worded(everything, FACE, WORDS, 5, rng(0))
