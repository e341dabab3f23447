"""Tiny networks of every kind, made here: what adapters need is their shapes and that one can know their answers."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.vision.image import Image
from model.vision.labels import COCO80, PANOPTIC133
from model.vision.part import InputSpec, PartInfo, PartManifest, file_sha256, write_manifest
from model.vision.text import TextLine

CHANNELS = 8


def solid_image(width: int = 40, height: int = 30, colour: tuple[int, int, int] = (200, 100, 50), name: str = "a"):
    """An image of one colour; `name` makes its hash."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = colour
    return Image(pixels, (name * 64)[:64], "image/png")


def noise_image(seed: int, width: int = 64, height: int = 48):
    """An image of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image(pixels, f"{seed:064x}", "image/png")


class Reader:
    """Reads ABBA everywhere."""

    info = PartInfo("text-reader", "tiny-reader")

    def read(self, _image: Image) -> list[TextLine]:
        return [TextLine("ABBA", 0.9, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))]


def save_network(path: Path, nodes: list, inputs: Mapping[str, list], outputs: list[str], constants: Mapping) -> Path:
    """An ONNX file of these nodes."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def constant_network(path: Path, inputs: Mapping[str, list], outputs: Mapping[str, np.ndarray]) -> Path:
    """A network that answers the same, whatever it is asked."""
    nodes = [helper.make_node("Identity", [f"{name}_value"], [name]) for name in outputs]
    constants = {f"{name}_value": value.astype(np.float32) for name, value in outputs.items()}
    return save_network(path, nodes, inputs, list(outputs), constants)


def write_part(path: Path, kind: str, spec: InputSpec | None, outputs: Mapping[str, str], **facts) -> Path:
    """The manifest of a file, beside it; its path."""
    manifest = PartManifest(
        kind=kind,
        name=facts.pop("name", f"tiny-{kind}"),
        file=path.name,
        sha256=facts.pop("sha256", None) or file_sha256(path),
        input=spec,
        outputs=outputs,
        **facts,
    )
    target = path.parent / f"{kind}.json"
    write_manifest(target, manifest)
    return target


def detector_part(folder: Path, rows: np.ndarray, heatmap: np.ndarray | None = None, **facts) -> Path:
    """A detector that always finds `rows` [K, 6]: x0 y0 x1 y1 in the 64 pixels of its input, score, class."""
    heatmap = np.zeros((16, 16, 80)) if heatmap is None else heatmap
    outputs = {"found": rows[None], "heat": heatmap[None]}
    path = constant_network(folder / "detector.onnx", {"images": [1, 64, 64, 3]}, outputs)
    facts = {"labels": COCO80, "label_space": "coco80"} | facts
    roles = facts.pop("roles", {"detections": "found", "heatmap": "heat"})
    return write_part(path, "detector", InputSpec("images", (64, 64), layout="nhwc"), roles, **facts)


def backbone_part(folder: Path, seed: int = 0) -> Path:
    """A backbone: the mean colour of every 32 x 32 pixels, times a random matrix."""
    weights = np.random.default_rng(seed).normal(size=(CHANNELS, 3, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["images"], ["pooled"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Conv", ["pooled", "weights"], ["map"]),
    ]
    shape = ["batch", 3, "height", "width"]
    path = save_network(folder / "backbone.onnx", nodes, {"images": shape}, ["map"], {"weights": weights})
    spec = InputSpec("images", (0, 0), "rgb", (127.0,) * 3, (128.0,) * 3)
    return write_part(path, "backbone", spec, {"map": "map"}, name=f"tiny{CHANNELS}")


def mask_part(folder: Path, probability: np.ndarray) -> Path:
    """A person mask that always answers `probability` [H, W]."""
    outputs = {"person": probability[None, :, :, None]}
    path = constant_network(folder / "mask.onnx", {"images": [1, 32, 32, 3]}, outputs)
    return write_part(path, "person-mask", InputSpec("images", (32, 32), layout="nhwc"), {"person": "person"})


def bottomup_part(folder: Path, rois: np.ndarray, chances: np.ndarray, vectors: np.ndarray, **facts) -> Path:
    """A bottom-up network with this answer; attributes as attr_prob [R, A]."""
    outputs = {"rois": rois, "cls_prob": chances, "pool5": vectors}
    attributes = facts.pop("attr_prob", None)
    if attributes is not None:
        outputs["attr_prob"] = attributes
    inputs = {"images": [1, 3, 100, 100], "im_info": [1, 3]}
    path = constant_network(folder / "bottomup.onnx", inputs, outputs)
    spec = InputSpec("images", (100, 100), "bgr", (102.9801, 115.9465, 122.7717))
    return write_part(path, "bottomup", spec, {name: name for name in outputs}, **facts)


def panoptic_part(
    folder: Path, outputs: Mapping[str, np.ndarray], labels: tuple[str, ...] = PANOPTIC133, **facts
) -> Path:
    """A panoptic network with this answer."""
    path = constant_network(folder / "panoptic.onnx", {"images": [1, 3, 32, 32]}, outputs)
    roles = {name: name for name in outputs}
    return write_part(path, "panoptic", InputSpec("images", (32, 32)), roles, labels=labels, **facts)
