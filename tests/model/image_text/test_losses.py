"""Losses against their definitions in float64, and the alarm."""

import logging

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.image_text.losses import CollapseAlarm, contrastive, hinge, negatives_of


def pairs(size):
    owner = torch.arange(size)
    return owner, negatives_of(owner, owner, True)


def defined_hinge(sims, owner, negatives, margin, hardest):
    """The papers' sums, term by term."""
    total = 0.0
    for text, image in enumerate(owner.tolist()):
        right = sims[image, text]
        rows = [max(0.0, margin + sims[image, other] - right) for other in range(len(owner)) if negatives[image, other]]
        columns = [max(0.0, margin + sims[other, text] - right) for other in range(len(sims)) if negatives[other, text]]
        total += (max(rows) + max(columns)) if hardest else (sum(rows) + sum(columns))
    return float(total)


def test_a_dominant_diagonal_costs_nothing():
    assert hinge(torch.eye(6), *pairs(6), 0.2, hardest=True) == 0
    assert hinge(torch.eye(6), *pairs(6), 0.2, hardest=False) == 0


def test_the_collapsed_value():
    assert hinge(torch.full((128, 128), 0.3), *pairs(128), 0.2, hardest=True).item() == pytest.approx(51.2, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(1, 3), st.integers(0, 2**31 - 1), st.booleans())
def test_the_hinge_is_its_definition(images, each, seed, hardest):
    generator = torch.Generator().manual_seed(seed)
    sims = torch.randn(images, images * each, generator=generator, dtype=torch.float64)
    owner = torch.arange(images).repeat_interleave(each)
    negatives = negatives_of(torch.arange(images), owner, True)
    found = hinge(sims, owner, negatives, 0.2, hardest=hardest).item()
    assert found == pytest.approx(defined_hinge(sims, owner, negatives, 0.2, hardest), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_the_sum_form_is_never_below_the_hardest(seed):
    sims = torch.randn(7, 7, generator=torch.Generator().manual_seed(seed))
    assert hinge(sims, *pairs(7), 0.2, hardest=False) >= hinge(sims, *pairs(7), 0.2, hardest=True)


def test_only_pairs_that_violate_have_a_gradient():
    sims = torch.tensor([[0.9, 0.8, 0.1], [0.0, 0.9, 0.0], [0.0, 0.0, 0.9]], requires_grad=True)
    hinge(sims, *pairs(3), 0.2, hardest=False).backward()
    assert sims.grad is not None
    assert (sims.grad != 0).tolist() == [[True, True, False], [False, True, False], [False, False, False]]


def test_sentences_of_one_image_are_negatives_only_in_the_papers_form():
    ids, owner = torch.tensor([7, 7, 9]), torch.arange(3)
    assert negatives_of(ids, owner, True).tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    assert negatives_of(ids, owner, False).tolist() == (~torch.eye(3, dtype=torch.bool)).tolist()


def test_the_contrastive_loss_is_two_cross_entropies_without_other_right_sentences():
    sims = torch.randn(3, 6, dtype=torch.float64)
    owner = torch.arange(3).repeat_interleave(2)
    negatives = negatives_of(torch.arange(3), owner, True)
    expected = 0.0
    for text, image in enumerate(owner.tolist()):
        row = torch.cat([sims[image, text : text + 1], sims[image][negatives[image]]]) / 0.1
        column = torch.cat([sims[image : image + 1, text], sims[:, text][negatives[:, text]]]) / 0.1
        expected -= row.log_softmax(0)[0].item() + column.log_softmax(0)[0].item()
    assert contrastive(sims, owner, negatives, 0.1).item() == pytest.approx(expected / 6, abs=1e-9)


def test_the_alarm_is_raised_once_and_only_by_a_loss_that_stays(caplog):
    alarm = CollapseAlarm(0.2, steps=3)
    with caplog.at_level(logging.WARNING):
        for loss in (51.2, 51.0, 51.9, 40.0, 51.2, 51.2, 51.2):
            alarm.watch(loss, 128)
        assert not alarm.raised
        for _ in range(4):
            alarm.watch(51.3, 128)
    assert alarm.raised
    assert len(caplog.records) == 1
    assert "51.2" in caplog.text
