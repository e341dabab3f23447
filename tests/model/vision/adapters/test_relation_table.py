import json
from pathlib import Path

import numpy as np
import pytest

from model.vision.adapters.relation_table import RelationTable
from model.vision.features import ImageFeatures, UnknownImageError
from model.vision.part import PartError
from model.vision.regions import Regions
from tests.model.vision.tiny_parts import write_part

ROWS = {"cover": [[0, 1, "near", 0.2], [2, 0, "on", 0.9]], "empty": []}


def table(folder: Path, content: object = ROWS) -> RelationTable:
    path = folder / "relations.json"
    path.write_text(json.dumps(content))
    return RelationTable(write_part(path, "relations-json", None, {}, name="motifs-vg50"))


def features(count: int = 3) -> ImageFeatures:
    zeros = np.zeros((count, 4), np.float32)
    regions = Regions(zeros, zeros, ("cat",) * count, np.zeros(count), ("detector",) * count)
    return ImageFeatures("0" * 64, "tiny-r3/v1", {"regions": "tiny-r3"}, regions=regions)


def test_relations_join_the_features_and_their_space(tmp_path: Path) -> None:
    found = table(tmp_path).add("cover", features())
    assert (found.feature_space, found.parts["relations"]) == ("tiny-r3.motifs-vg50/v1", "motifs-vg50")
    assert found.relations is not None
    assert found.relations.words(("cat", "dog", "hat")) == ["hat on cat", "cat near dog"]
    np.testing.assert_allclose(found.relations.scores, [0.9, 0.2])


def test_an_image_without_relations_is_not_an_unknown_one(tmp_path: Path) -> None:
    empty = table(tmp_path).add("empty", features()).relations
    assert empty is not None
    assert empty.triples.shape == (0, 3)
    with pytest.raises(UnknownImageError):
        table(tmp_path).add("nobody", features())


def test_a_region_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected regions 0 to 1"):
        table(tmp_path).add("cover", features(2))


@pytest.mark.parametrize("content", [[], {"a": [[0, 1, "on"]]}, {"a": [["x", 1, "on", 1]]}, {"a": 3}])
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(PartError, match="expected image id"):
        table(tmp_path, content)
