"""Two ONNX towers as an embedder: tiny ones, generated here."""

import hashlib
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.image_text.inputs import ImageInputs
from model.image_text.onnx_embedder import PIXELS_SPACE, OnnxEmbedder
from model.vision.part import PartError
from tests.model.image_text.encoders import WORDS, write_tokenizer

pytest.importorskip("tokenizers", reason="needs the extra vision")
pytest.importorskip("PIL", reason="needs the extra vision")
SIDE, LENGTH = 4, 6


def save(path, nodes, inputs, outputs, constants):
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tower", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def write_towers(folder, dim=3, text_dim=3):
    """The mean colour, and the mean of token vectors under the mask."""
    rng = np.random.default_rng(0)
    image = save(
        folder / "image.onnx",
        [
            helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["mean", "map"], ["embedding"]),
        ],
        [value("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [value("embedding", TensorProto.FLOAT, ["n", dim])],
        {"map": np.eye(3, dim, dtype=np.float32)},
    )
    text = save(
        folder / "text.onnx",
        [
            helper.make_node("Gather", ["table", "input_ids"], ["words"]),
            helper.make_node("Cast", ["attention_mask"], ["float_mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["float_mask", "last"], ["mask"]),
            helper.make_node("Mul", ["words", "mask"], ["masked"]),
            helper.make_node("ReduceSum", ["masked", "one"], ["embedding"], keepdims=0),
        ],
        [value(name, TensorProto.INT64, ["n", LENGTH]) for name in ("input_ids", "attention_mask")],
        [value("embedding", TensorProto.FLOAT, ["n", text_dim])],
        {
            "table": rng.normal(size=(len(WORDS), text_dim)).astype(np.float32),
            "last": np.array([-1]),
            "one": np.array([1]),
        },
    )
    spec = {"name": "pixels", "size": [SIDE, SIDE], "mean": [0, 0, 0], "std": [255, 255, 255]}
    parts = {"image": (image, spec), "text": (text, spec | {"name": "input_ids"})}
    for name, (sha256, given) in parts.items():
        manifest = {"kind": "image-text-embedder", "name": f"tiny-{name}", "file": f"{name}.onnx", "sha256": sha256}
        manifest |= {"input": given, "outputs": {"embedding": "embedding"}}
        (folder / f"{name}.json").write_text(json.dumps(manifest))
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    write_tokenizer(folder / "tokenizer.json", Tokenizer, models, normalizers, pre_tokenizers, processors)
    told = {
        "tokenizer": "tokenizer.json",
        "sha256": hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest(),
        "length": LENGTH,
        "padding_id": 0,
        "lower_case": True,
        "ids": "input_ids",
        "mask": "attention_mask",
        "dtype": "int64",
    }
    (folder / "input.json").write_text(json.dumps(told))
    return folder / "image.json", folder / "text.json", folder / "input.json"


def picture(colour):
    return ImageInputs(PIXELS_SPACE, pixels=np.full((9, 7, 3), colour, np.uint8))


def test_it_embeds_both_sides_in_one_width(tmp_path):
    embedder = OnnxEmbedder(*write_towers(tmp_path))
    assert embedder.dim == 3
    images = embedder.encode_images([picture((255, 0, 0)), picture((0, 0, 128))])
    assert np.allclose(images, [[1, 0, 0], [0, 0, 1]], atol=1e-5)
    texts = embedder.encode_texts(["A Dog runs", "a dog runs", "cat"])
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    assert np.array_equal(texts[0], texts[1])
    assert np.allclose(embedder.encode_texts(["cat"]), texts[2:], atol=1e-6)
    assert embedder.model_id == OnnxEmbedder(*write_towers(tmp_path)).model_id


def test_features_and_missing_pixels_are_refused(tmp_path):
    embedder = OnnxEmbedder(*write_towers(tmp_path))
    with pytest.raises(ValueError, match="pixels"):
        embedder.encode_images([ImageInputs(PIXELS_SPACE)])
    with pytest.raises(ValueError, match="feature space"):
        embedder.encode_images([ImageInputs("scenes/v1")])


def test_towers_of_two_widths_are_refused(tmp_path):
    with pytest.raises(PartError, match="one width"):
        OnnxEmbedder(*write_towers(tmp_path, dim=2))


def test_files_that_are_not_the_ones_told_of_are_refused(tmp_path):
    paths = write_towers(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(PartError, match="hash_mismatch"):
        OnnxEmbedder(*paths)
    paths = write_towers(tmp_path)
    (tmp_path / "input.json").write_text('{"tokenizer": "tokenizer.json"}')
    with pytest.raises(PartError, match="bad_manifest"):
        OnnxEmbedder(*paths)
