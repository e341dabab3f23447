"""The three networks: padding, order, chunks, and learning a shared code."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.image_text.config import ImageTextConfig
from model.image_text.image_batch import collate
from model.image_text.losses import hinge, negatives_of
from model.image_text.network import network_of
from model.image_text.pair_blocks import all_sides, every_pair, near_pairs, pair_scores, score_matrix
from model.image_text.text_batch import TextBatch
from tests.model.image_text.scenes import SPACE, config, image

ARCHITECTURES = ("3shnet", "cmsei", "hire")
WORDS = 20


def no_words(words):
    raise AssertionError(words)


def images_of(matcher_config, seeds, **options):
    return collate([image(seed, **options) for seed in seeds], matcher_config.network, SPACE, no_words)


def sentences(count, seed=0, longest=7):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest + 1, (count,), generator=generator)
    mask = torch.arange(longest) < lengths[:, None]
    return TextBatch(mask, ids=torch.randint(3, WORDS, (count, longest), generator=generator) * mask)


def made(architecture, **changes):
    torch.manual_seed(0)
    network = network_of(config(architecture, network=changes), WORDS)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_vectors_are_of_norm_one_and_know_nothing_of_their_neighbours(architecture):
    network = made(architecture)
    together = network.embed_images(images_of(network.config, range(3)))
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-6)
    alone = network.embed_images(images_of(network.config, [1]))
    assert torch.allclose(together[1:2], alone, atol=1e-6)
    # Beside an image of more regions and relations it is padded.
    mixed = collate([image(1), image(2, regions=9, relations=5)], network.config.network, SPACE, no_words)
    assert torch.allclose(network.embed_images(mixed)[:1], alone, atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sentences_know_nothing_of_their_neighbours(architecture):
    network, texts = made(architecture), sentences(5)
    together = network.embed_texts(texts)
    length = int(texts.mask[2].sum())
    alone = TextBatch(texts.mask[2:3, :length], ids=texts.ids[2:3, :length])
    assert torch.allclose(network.embed_texts(alone), together[2:3], atol=1e-6)


@pytest.mark.parametrize("direction", ["both", "i2t", "t2i"])
@pytest.mark.parametrize("architecture", ["cmsei", "hire"])
def test_the_score_of_a_pair_is_its_own(architecture, direction):
    network = made(architecture, direction=direction)
    images, texts = images_of(network.config, range(4)), sentences(6)
    whole = score_matrix(network, images, texts)
    for block in (1, 5, 1000):
        assert np.abs(score_matrix(network, images, texts, block) - whole).max() < 1e-6
    alone = score_matrix(network, images.take(slice(2, 3)), texts.take(slice(4, 5)))
    assert abs(alone[0, 0] - whole[2, 4]) < 1e-6


@pytest.mark.parametrize("architecture", ["cmsei", "hire"])
def test_the_global_vector_may_be_indexed(architecture):
    network = made(architecture)
    images = images_of(network.config, range(3))
    first, _ = all_sides(network, images, sentences(2, seed=1))
    second, _ = all_sides(network, images, sentences(4, seed=2))
    assert torch.equal(first.overall, second.overall)


def test_near_pairs_hold_the_first_of_every_row_and_column():
    sims = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    found = set(zip(*(one.tolist() for one in near_pairs(sims, 2)), strict=True))
    expected = {(row, column) for row in range(5) for column in sims[row].topk(2).indices.tolist()}
    expected |= {(row, column) for column in range(8) for row in sims[:, column].topk(2).indices.tolist()}
    assert found == expected


def test_hire_is_cmsei_with_relations_that_nobody_told_it():
    shared = set(network_of(config("cmsei"), WORDS).state_dict())
    more = set(network_of(config("hire"), WORDS).state_dict()) - shared
    assert more
    assert {name.split(".")[1] for name in more} == {"implicit"}


def test_the_published_sizes_of_the_pair_scorers():
    for architecture, published in (("cmsei", 1.77e6), ("hire", 2.30e6)):
        sizes = {"dim": 256, "region_width": 2048, "heads": 16}
        network = network_of(config(architecture, network=sizes), WORDS)
        text = 768 * 256 + 256
        size = sum(one.numel() for name, one in network.named_parameters() if not name.startswith("text.")) + text
        assert size == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("architecture", ["cmsei", "hire"])
def test_forty_steps_learn_a_shared_code(architecture):
    torch.manual_seed(0)
    width = 32
    sizes = {"dim": 128, "region_width": width}
    settings = config(architecture, network=sizes, text={"encoder": "minilm", "width": width})
    network = network_of(settings)
    codes = np.random.default_rng(0).normal(size=(64, width)).astype(np.float32)

    def batch(rows, seed):
        seen = [image(seed + row, code=codes[row], width=width) for row in rows]
        noise = np.random.default_rng(seed).normal(size=(len(rows), 4, width)).astype(np.float32)
        states = torch.from_numpy(codes[rows][:, None] + 0.3 * noise)
        texts = TextBatch(torch.ones(len(rows), 4, dtype=torch.bool), states=states)
        return collate(seen, settings.network, SPACE, no_words), texts

    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    owner = torch.arange(16)
    negatives = negatives_of(owner, owner, True)
    for step in range(40):
        images, texts = batch(np.random.default_rng(step).choice(64, 16, replace=False), 100 * step)
        sides = network.image_side(images), network.text_side(texts)
        sims = sides[0].overall @ sides[1].overall.T
        scores = network.score(*sides, *every_pair(16, 16)).view(16, 16)
        loss = sum(hinge(one, owner, negatives, 0.2, hardest=step >= 15) for one in (scores, sims))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.inference_mode():
        images, texts = batch(np.arange(64), 999_000)
        sides = all_sides(network, images, texts)
        sims = sides[0].overall @ sides[1].overall.T
        scores = pair_scores(network, *sides, every_pair(64, 64)).view(64, 64)
    assert sims.argmax(dim=1).tolist() == list(range(64))
    assert scores.argmax(dim=1).tolist() == list(range(64))


def test_the_configuration_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="heads to divide"):
        config("hire", network={"dim": 18})
    with pytest.raises(ValueError, match="visual = 'region'"):
        config("cmsei", network={"visual": "grid"})
    with pytest.raises(ValueError, match="encoder = 'minilm'"):
        config("3shnet", network={"skip": True})
    assert ImageTextConfig.from_json(config("hire").to_json()) == config("hire")


def test_an_image_of_another_space_or_without_a_field_is_refused():
    settings = config("cmsei")
    without = replace(image(0), relations=None, relation_scores=None)
    with pytest.raises(ValueError, match="feature space 'scenes/v1'"):
        collate([image(0, space="other/v1")], settings.network, SPACE, no_words)
    with pytest.raises(ValueError, match="lacks"):
        collate([without], settings.network, SPACE, no_words)
    with pytest.raises(ValueError, match="width 12"):
        collate([image(0, width=7)], settings.network, SPACE, no_words)
