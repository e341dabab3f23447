"""Graphs: the network with its stem as three ONNX graphs - look at a box, read the prompt, write the next word."""

import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.face_description.attention import KeysValues
from model.face_description.inference import Graphs
from model.face_description.network import DescriberNetwork, Findings
from model.face_description.prepared import stem_input
from model.face_description.stem import Convolution, Stem
from model.face_description.told import SLOTS, STATES
from model.face_description.window import WINDOW_PX

OPSET = 20
TOLERANCE = 1e-4
"""Largest difference of a graph from the model that an export allows."""
_LENGTHS = (0, 1, 9)


class Look(nn.Module):
    """Windows [B, 1, 224, 224] and a box each [B, 4] -> claims, sight, emotion, age (probabilities) and memory."""

    def __init__(self, stem: Stem, network: DescriberNetwork) -> None:
        super().__init__()
        self.stem, self.network = fused(stem), network

    def forward(self, pixels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """One box a face."""
        view = self.network.see(self.stem(stem_input(pixels)))
        regions = self.network.look(view, pixels, boxes[:, None])
        found = Findings(*(logits[:, 0] for logits in self.network.judge(view, regions, boxes[:, None])))
        memory = self.network.memory(view, regions[:, 0], boxes)
        return found.claims(), found.sight.sigmoid(), found.emotion.softmax(-1), found.age.softmax(-1), memory


class Prompt(nn.Module):
    """Memory [B, 98, D] and told codes [B, S] -> keys and values of all blocks, [B, 2 * blocks, H, T, D / H]."""

    def __init__(self, network: DescriberNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, memory: Tensor, codes: Tensor) -> Tensor:
        """The block's keys first, then its values."""
        return _stacked(self.network.prompt(memory, codes))


class Step(nn.Module):
    """The next word: words [B], their place [1], what was kept, the prompt -> logits [B, V] and what to keep."""

    def __init__(self, network: DescriberNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, words: Tensor, place: Tensor, kept: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor]:
        """kept, prompt: stacked as Prompt does it."""
        logits, now = self.network.step(words, place, _pairs(kept), _pairs(prompt))
        return logits, _stacked(now)


def fused(stem: Stem) -> Stem:
    """A copy whose norms are part of its convolutions: the same maps from half the operators."""
    copied = deepcopy(stem)
    for module in copied.modules():
        if isinstance(module, Convolution):
            assert isinstance(module.norm, nn.BatchNorm2d)
            module.weight = fuse_conv_bn_eval(module.weight, module.norm)
            module.norm = nn.Identity()
    return copied


def _stacked(pairs: list[KeysValues]) -> Tensor:
    return torch.stack([tensor for pair in pairs for tensor in pair], dim=1)


def _pairs(stacked: Tensor) -> list[KeysValues]:
    return [KeysValues(stacked[:, at], stacked[:, at + 1]) for at in range(0, stacked.shape[1], 2)]


def export_graphs(stem: Stem, network: DescriberNetwork, folder: Path) -> float:
    """Write the graphs of inference.Graphs into `folder` and say how far they are from the model at most.

    Raises ValueError above TOLERANCE.
    """
    look, prompt, step = Look(stem, network).eval(), Prompt(network).eval(), Step(network).eval()
    pixels, boxes, codes = example_questions(2, seed=0)
    some = torch.export.Dim.DYNAMIC
    with torch.inference_mode():
        memory = look(pixels, boxes)[-1].clone()
        read = prompt(memory, codes).clone()
    kept = torch.zeros(2, *read.shape[1:3], 3, read.shape[-1])
    words = torch.tensor([1, 4])
    _export(look, (pixels, boxes), folder / Graphs.LOOK, ({0: some}, {0: some}))
    _export(prompt, (memory, codes), folder / Graphs.PROMPT, ({0: some}, {0: some}))
    arguments = (words, torch.tensor([3]), kept, read)
    _export(step, arguments, folder / Graphs.STEP, ({0: some}, None, {0: some, 3: some}, {0: some}))
    worst = parity(stem, network, folder)
    if not worst <= TOLERANCE:
        raise ValueError(f"expected graphs within {TOLERANCE} of the model, got {worst:.3g}")
    return worst


def parity(stem: Stem, network: DescriberNetwork, folder: Path) -> float:
    """Largest difference of the graphs from the model, over batches and lengths that were not traced."""
    look, prompt, step = Look(stem, network).eval(), Prompt(network).eval(), Step(network).eval()
    graphs, worst = Graphs.load(folder), 0.0
    with torch.inference_mode():
        for count in (1, 3):
            pixels, boxes, codes = example_questions(count, seed=count)
            wanted = look(pixels, boxes)
            worst = _worse(worst, wanted, graphs.look(pixels.numpy(), boxes.numpy()))
            read = prompt(wanted[-1], codes)
            worst = _worse(worst, (read,), (graphs.prompt(wanted[-1].numpy(), codes.numpy()),))
            for length in _LENGTHS:
                kept = torch.randn(count, *read.shape[1:3], length, read.shape[-1])
                words, place = torch.arange(count) + 4, torch.tensor([length])
                got = graphs.step(words.numpy(), place.numpy(), kept.numpy(), read.numpy())
                worst = _worse(worst, step(words, place, kept, read), got)
    return worst


def _worse(worst: float, wanted: tuple[Tensor, ...], got: tuple[np.ndarray, ...]) -> float:
    differences = [np.abs(one.numpy() - other).max() for one, other in zip(wanted, got, strict=True)]
    return float(max(worst, *differences))


def example_questions(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Windows of noise, boxes and told codes."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 1, WINDOW_PX, WINDOW_PX)).astype(np.float32)
    corners = rng.uniform(0.1, 0.5, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.1, 0.5, (count, 2))], axis=1).astype(np.float32)
    codes = np.stack([rng.integers(0, STATES[slot], count) for slot in range(SLOTS)], axis=1)
    return torch.from_numpy(pixels), torch.from_numpy(boxes), torch.from_numpy(codes)


def _export(module: nn.Module, arguments: tuple[Tensor, ...], path: Path, shapes: tuple[object, ...]) -> None:
    with warnings.catch_warnings():
        # About the exporter's own inner life, every time.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            arguments,
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=shapes,
            verbose=False,
        )
    if program is None:
        raise ValueError("expected a program of the exporter, got None")
    onnx.save_model(program.model_proto, path)
