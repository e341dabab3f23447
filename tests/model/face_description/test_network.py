import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from model.face_description.attention import KeysValues
from model.face_description.config import DescriberConfig
from model.face_description.data import Faces, select_faces
from model.face_description.region_path import BoxCode, centres_inside, roi_align
from model.face_description.vocabulary import Vocabulary
from model.face_description.writer import write_some
from tests.model.face_description.tiny import CONFIG, tiny_network


@pytest.fixture(scope="module")
def some(faces) -> Faces:
    return select_faces(faces, np.arange(3), np.zeros(3, dtype=np.int64))


BOXES = torch.tensor([[[0.1, 0.2, 0.5, 0.6], [0.0, 0.0, 1.0, 1.0]]] * 3)
CODES = torch.zeros(3, 9, dtype=torch.long)


def test_shapes(some) -> None:
    network = tiny_network()
    view = network.see(some.maps)
    regions = network.look(view, some.pixels, BOXES)
    found = network.judge(view, regions, BOXES)
    memory = network.memory(view, regions[:, 0], BOXES[:, 0])
    assert (view.tokens.shape, view.maps.shape, view.landmarks.shape) == ((3, 49, 32), (3, 8, 28, 28), (3, 68, 2))
    assert view.logits.shape == (3, 23)
    assert regions.shape == (3, 2, 49, 32)
    assert [tuple(one.shape) for one in found] == [(3, 2, 6), (3, 2, 7), (3, 2, 7), (3, 2, 10)]
    assert memory.shape == (3, 98, 32)
    logits = network.write(torch.ones(3, 5, dtype=torch.long), network.prompt(memory, CODES))
    assert logits.shape == (3, 5, len(Vocabulary.of_grammar()))


def test_landmarks_begin_at_the_mean_of_the_training_faces(some) -> None:
    network, mean = tiny_network(), torch.rand(68, 2)
    network.start_from(mean)
    torch.testing.assert_close(network.see(some.maps).landmarks, mean.expand(3, -1, -1))


def test_a_face_seen_whole_decides_with_the_box(some) -> None:
    """What the linear map reads off the face is added to every box alike."""
    network = tiny_network()
    view = network.see(some.maps)
    regions = network.look(view, some.pixels, BOXES)
    blank = view._replace(logits=torch.zeros_like(view.logits))
    found, without = network.judge(view, regions, BOXES), network.judge(blank, regions, BOXES)
    added = torch.cat([one - other for one, other in zip(found, without, strict=True) if one is not found.sight], -1)
    torch.testing.assert_close(added, view.logits[:, None].expand(-1, 2, -1), atol=1e-5, rtol=1e-5)


def test_the_shipped_size_is_what_the_notes_ask_for() -> None:
    network = tiny_network(DescriberConfig())
    assert 1.5e6 < sum(one.numel() for one in network.parameters()) < 6e6


def test_word_by_word_equals_the_whole_text(some) -> None:
    network = tiny_network()
    view = network.see(some.maps)
    memory = network.memory(view, network.look(view, some.pixels, BOXES)[:, 0], BOXES[:, 0])
    prompt = network.prompt(memory, CODES)
    tokens = torch.randint(4, 200, (3, 9))
    whole = network.write(tokens, prompt)
    heads = prompt[0].keys
    kept = [KeysValues(heads.new_zeros(3, 2, 0, 16), heads.new_zeros(3, 2, 0, 16)) for _ in prompt]
    for place in range(9):
        logits, kept = network.step(tokens[:, place], torch.tensor([place]), kept, prompt)
        torch.testing.assert_close(logits, whole[:, place], atol=1e-5, rtol=1e-5)


def test_a_later_word_changes_no_earlier_one(some) -> None:
    network = tiny_network()
    view = network.see(some.maps)
    memory = network.memory(view, network.look(view, some.pixels, BOXES)[:, 0], BOXES[:, 0])
    prompt, tokens = network.prompt(memory, CODES), torch.randint(4, 200, (3, 9))
    changed = tokens.clone()
    changed[:, 5:] = 4
    torch.testing.assert_close(network.write(tokens, prompt)[:, :5], network.write(changed, prompt)[:, :5])


@pytest.mark.parametrize(("use_box", "use_crop"), [(False, True), (True, False)])
def test_the_ablations_do_not_see_what_they_leave_out(some, use_box, use_crop) -> None:
    config = dataclasses.replace(
        CONFIG, network=dataclasses.replace(CONFIG.network, use_box=use_box, use_crop=use_crop)
    )
    network = tiny_network(config)
    view = network.see(some.maps)
    seen = network.look(view, some.pixels, BOXES)
    pixels, boxes = (255 - some.pixels, BOXES) if use_box else (some.pixels, BOXES.flip(1))
    other = network.look(view, pixels, boxes)
    torch.testing.assert_close(seen, other)
    for one, changed in zip(network.judge(view, seen, BOXES), network.judge(view, other, boxes), strict=True):
        torch.testing.assert_close(one, changed)
    full = tiny_network()
    assert not torch.allclose(full.look(view, some.pixels, BOXES), full.look(view, 255 - some.pixels, BOXES))
    assert not torch.allclose(full.look(view, some.pixels, BOXES), full.look(view, some.pixels, BOXES.flip(1)))


def test_texts_written_together_are_those_written_alone(some) -> None:
    network = tiny_network()
    view = network.see(some.maps)
    memory = network.memory(view, network.look(view, some.pixels, BOXES)[:, 0], BOXES[:, 0])
    for beams in (1, 3):
        together = write_some(network, memory, CODES, None, beams)
        alone = [write_some(network, memory[[row]], CODES[[row]], None, beams)[0] for row in range(3)]
        assert together == alone


def roi_align_by_definition(image: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """[H, W] float64: the mean of 2 x 2 bilinear samples in every cell, pixel centres at half numbers."""
    height, width = image.shape

    def sample(x: float, y: float) -> float:
        column, row = np.clip(x * width - 0.5, 0, width - 1), np.clip(y * height - 0.5, 0, height - 1)
        left, top = min(int(column), width - 2), min(int(row), height - 2)
        across, down = column - left, row - top
        near = image[top, left] * (1 - across) + image[top, left + 1] * across
        far = image[top + 1, left] * (1 - across) + image[top + 1, left + 1] * across
        return near * (1 - down) + far * down

    cells = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            for part in range(4):
                x = (column + (0.25, 0.75)[part % 2]) / size
                y = (row + (0.25, 0.75)[part // 2]) / size
                cells[row, column] += sample(box[0] + x * (box[2] - box[0]), box[1] + y * (box[3] - box[1])) / 4
    return cells


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, 1.0), (0.13, 0.4, 0.55, 0.47), (-0.2, 0.7, 0.3, 1.4)])
def test_roi_align_against_its_definition(box) -> None:
    image = torch.randn(1, 1, 9, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = roi_align(image, torch.tensor([[box]], dtype=torch.float64), 4)[0, 0, 0]
    wanted = roi_align_by_definition(image[0, 0].numpy(), np.array(box), 4)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-9)


def test_roi_align_of_many_boxes_is_that_of_each() -> None:
    maps, boxes = torch.randn(2, 3, 8, 8), torch.rand(2, 4, 4).sort(-1).values[..., [0, 1, 2, 3]]
    together = roi_align(maps, boxes, 5)
    assert together.shape == (2, 4, 3, 5, 5)
    for number in range(4):
        torch.testing.assert_close(together[:, [number]], roi_align(maps, boxes[:, [number]], 5))


def test_the_code_of_a_box_tells_boxes_apart() -> None:
    code = BoxCode(16)
    near, far = code(torch.tensor([[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.52]])), code(torch.rand(50, 4))
    assert functional.pairwise_distance(near[:1], near[1:]).item() > 1e-3
    assert torch.pdist(far).min() > 1e-3


def test_cells_whose_centre_lies_in_the_box() -> None:
    inside = centres_inside(torch.tensor([[[0.0, 0.0, 0.5, 0.25]]]), 4)[0, 0].reshape(4, 4)
    assert inside.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
