import json

import numpy as np
import pytest
import torch

from model.face_description.answer import Asked
from model.face_description.export import CARD_FILE
from model.face_description.graphs import example_questions, fused, parity
from model.face_description.inference import SETTINGS_FILE, Describer, focus_of
from model.face_description.labels import Labels
from model.face_description.regions import FACE as WHOLE
from model.face_description.regions import Sight
from model.release import current_release, verify_release, write_release
from tests.model.face_description.tiny import FACE, tiny_network, tiny_stem


@pytest.fixture(scope="module")
def release(description_root):
    return verify_release(current_release(description_root))


@pytest.fixture(scope="module")
def describer(release):
    return Describer.load(release)


def asked(region="mouth", attributes=("aus", "emotion", "age"), size=200):
    landmarks = FACE * size + 30
    box = Sight(landmarks).boxes[region] if region else (60.0, 60.0, 120.0, 130.0)
    pixels = np.random.default_rng(1).integers(0, 256, (size + 60, size + 60, 3), dtype=np.uint8)
    return Asked(pixels, landmarks, box, region, attributes)


def test_a_release_says_what_it_is(release) -> None:
    facts = release.manifest["facts"]
    assert facts["kind"] == "face-description"
    assert facts["graph_difference"] < 1e-4
    card = (release.path / CARD_FILE).read_text()
    assert "research" in card
    assert "sex, ethnicity" in card


def test_graphs_answer_as_the_network_does(release) -> None:
    assert parity(tiny_stem(), tiny_network(), release.path) < 1e-4


def test_the_fused_stem_sees_the_same() -> None:
    stem, (pixels, _, _) = tiny_stem(), example_questions(2, seed=5)
    colours = pixels.expand(-1, 3, -1, -1)
    with torch.inference_mode():
        for one, other in zip(fused(stem)(colours), stem(colours), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fused(stem).modules())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in stem.modules())


def test_answers_hang_together(describer) -> None:
    answers = describer.describe([asked(), asked(None), asked("nose", ("age",))])
    for answer in answers:
        assert 0 <= answer.focus <= 1
        assert set(answer.units) == {1, 2, 6, 12, 25, 26}
        assert sum(answer.emotions.values()) == pytest.approx(1, abs=1e-4)
        assert sum(answer.bands) == pytest.approx(1, abs=1e-4)
        assert answer.text
    assert answers[2].labels.units is None
    assert answers[2].labels.emotion is None


def test_together_as_alone(describer) -> None:
    several = describer.describe([asked(), asked("chin")])
    alone = [*describer.describe([asked()]), *describer.describe([asked("chin")])]
    assert [one.text for one in several] == [one.text for one in alone]
    assert several[0].units == pytest.approx(alone[0].units, abs=1e-5)


def test_the_scale_of_an_image_changes_little(describer) -> None:
    small, large = asked(size=150), asked(size=150)
    doubled = Asked(
        large.pixels.repeat(2, 0).repeat(2, 1),
        large.landmarks * 2,
        tuple(2 * side for side in large.box),
        "mouth",
        large.attributes,
    )
    one, other = describer.describe([small])[0], describer.describe([doubled])[0]
    assert one.units == pytest.approx(other.units, abs=0.02)


def test_focus_is_the_share_of_named_units_that_the_box_shows() -> None:
    assert focus_of(asked("mouth"), Labels({12: "faint", 1: "clear"})) == 0.5
    assert focus_of(asked("nose"), Labels({12: "faint"})) == 0.0
    assert focus_of(asked("nose"), Labels({})) == 1.0
    whole = asked("nose")
    assert focus_of(Asked(whole.pixels, FACE, whole.box, WHOLE, ("aus",)), Labels({1: "faint"})) == 1.0


def test_a_release_of_another_kind_is_refused(tmp_path) -> None:
    files = {SETTINGS_FILE: json.dumps({}).encode()}
    other = write_release(tmp_path, files, {"kind": "face-au"})
    with pytest.raises(ValueError, match="expected a release of kind face-description, got face-au"):
        Describer.load(other)
