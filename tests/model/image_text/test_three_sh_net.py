"""The image tower of 3SHNet: size, norm, and what may not change its result."""

import pytest
import torch

from model.image_text.highlighting import SpatialHighlight
from model.image_text.three_sh_net import ThreeShNet

N, WIDTH, DIM, CLASSES = 6, 10, 16, 5


def size_of(module):
    return sum(one.numel() for one in module.parameters())


@pytest.fixture(scope="module")
def tower():
    torch.manual_seed(0)
    return ThreeShNet(WIDTH, DIM, CLASSES).double().eval().requires_grad_(False)


@pytest.fixture
def seen():
    generator = torch.Generator().manual_seed(1)
    shapes = {"features": (2, N, WIDTH), "seg_sem": (2, CLASSES, 7, 7), "seg_map": (2, 8, 8), "seg_cat": (2, CLASSES)}
    tensors = {name: torch.rand(*shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    return tensors | {"mask": torch.ones(2, N, dtype=torch.bool)}


def test_the_published_region_model_has_as_many_parameters():
    published = ThreeShNet(2048, 1024, 133, unused_norms=True)
    assert size_of(published) == 11_615_008
    assert (size_of(published.semantic), size_of(published.spatial)) == (4_344_832, 1_196_928)
    assert size_of(ThreeShNet(2048, 1024, 133)) == 11_602_464


def test_order_and_padding_change_nothing(tower, seen):
    expected = tower(**seen)
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    assert torch.allclose(tower(**seen | {"features": seen["features"][:, order]}), expected, atol=1e-6)
    padded = torch.cat([seen["features"], torch.full((2, 3, WIDTH), 5.0, dtype=torch.float64)], dim=1)
    mask = torch.cat([seen["mask"], torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    assert torch.allclose(tower(**seen | {"features": padded, "mask": mask}), expected, atol=1e-6)


def test_an_empty_segmentation_is_finite_and_another_result(tower, seen):
    empty = {name: torch.zeros_like(seen[name]) for name in ("seg_sem", "seg_map", "seg_cat")}
    found = tower(**seen | empty)
    assert torch.isfinite(found).all()
    assert torch.cosine_similarity(found, tower(**seen), dim=1).max() < 0.99


def test_without_segmentation_nothing_of_it_is_read(seen):
    torch.manual_seed(0)
    plain = ThreeShNet(WIDTH, DIM, CLASSES, segmentation=False).double().eval()
    nothing = torch.zeros(0)
    expected = plain(**seen)
    assert torch.equal(plain(seen["features"], seen["mask"], nothing, nothing, nothing), expected)


def test_every_region_attends_to_the_cells_as_the_formula_says():
    torch.manual_seed(0)
    highlight = SpatialHighlight(DIM).double().eval()
    regions, mask = torch.randn(1, 3, DIM, dtype=torch.float64), torch.tensor([[True, True, False]])
    seg_map = torch.randint(0, 6, (1, 8, 8)).double()
    keys = highlight.keys(seg_map)[0]
    queries = highlight.query(regions)[0]
    seen = torch.stack([(4 * query @ keys / 128**0.5).softmax(dim=0) @ keys.T for query in queries])
    expected = highlight.out((mask[0, :, None] * seen + queries)[None])
    assert torch.allclose(highlight(regions, mask, seg_map), expected, atol=1e-9)
