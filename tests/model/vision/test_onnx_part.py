from pathlib import Path

import numpy as np
import pytest

from model.vision.onnx_part import OnnxPart, Shapes
from model.vision.part import InputSpec, PartError
from tests.model.vision.tiny_parts import constant_network, write_part

SHAPES: Shapes = {"boxes": ("K", 4), "scores": ("K", None), "extra": (1,)}
SPEC = InputSpec("images", (8, 8))
GOOD = {"b": np.ones((5, 4)), "s": np.ones((5, 7)), "e": np.ones(1)}
ROLES = {"boxes": "b", "scores": "s", "extra": "e"}


def load(folder: Path, outputs=GOOD, roles=ROLES, spec=SPEC, optional=frozenset(), **facts) -> OnnxPart:
    path = constant_network(folder / "net.onnx", {"images": [1, 3, 8, 8]}, outputs)
    return OnnxPart(write_part(path, "detector", spec, roles, **facts), "detector", SHAPES, optional=optional)


def refusal(folder: Path, **changes) -> PartError:
    with pytest.raises(PartError) as caught:
        load(folder, **changes)
    return caught.value


def test_roles_are_answered_and_sizes_learned(tmp_path: Path) -> None:
    part = load(tmp_path)
    assert part.dims == {"K": 5}
    found = part.run({"images": np.zeros((1, 3, 8, 8), np.float32), "unknown": np.zeros(1)})
    assert {role: value.shape for role, value in found.items()} == {"boxes": (5, 4), "scores": (5, 7), "extra": (1,)}


@pytest.mark.parametrize(
    ("outputs", "role", "shape"),
    [
        (GOOD | {"b": np.ones((5, 5))}, "boxes", "[5, 5]"),
        (GOOD | {"s": np.ones((6, 7))}, "scores", "[6, 7]"),
        (GOOD | {"e": np.ones((1, 1))}, "extra", "[1, 1]"),
    ],
)
def test_a_wrong_shape_is_refused_with_its_role(tmp_path: Path, outputs: dict, role: str, shape: str) -> None:
    error = refusal(tmp_path, outputs=outputs)
    assert error.code == "wrong_shape"
    assert f"expected {role} as" in str(error)
    assert f"got {shape}" in str(error)


def test_a_role_that_is_not_there_is_refused_unless_it_is_optional(tmp_path: Path) -> None:
    roles = {"boxes": "b", "scores": "s"}
    error = refusal(tmp_path, roles=roles)
    assert error.code == "missing_output"
    assert "'extra'" in str(error)
    assert "extra" not in load(tmp_path, roles=roles, optional=frozenset({"extra"})).dims
    assert refusal(tmp_path, roles=ROLES | {"boxes": "nothing"}).code == "missing_output"
    assert refusal(tmp_path, roles=ROLES | {"colour": "b"}).code == "bad_manifest"


def test_an_input_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, spec=InputSpec("pictures", (8, 8))).code == "missing_output"
    assert refusal(tmp_path, spec=InputSpec("images", (9, 8))).code == "bad_network"
    assert refusal(tmp_path, spec=None).code == "bad_manifest"


def test_a_network_that_is_always_late_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, max_ms=0.0).code == "too_slow"
    assert load(tmp_path, max_ms=60_000.0).dims == {"K": 5}


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(PartError, match="bad_network"):
        OnnxPart(write_part(path, "detector", SPEC, ROLES), "detector", SHAPES)
