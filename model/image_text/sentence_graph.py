"""The frozen sentence encoder as a graph: python -m model.image_text.sentence_graph --precision int8 --out FILE.

ONNX Runtime reads a sentence with it in a third of the time that the transformer takes, in int8 in a fifth. Evaluation
and export take FILE as --sentence-graph; training reads with the transformer itself.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Literal

import onnx
import torch
from torch import Tensor, nn

from model.image_text.sentence_encoder import (
    IDS,
    MASK,
    STATES,
    SentenceEncoder,
    load_transformer,
    packaged_encoder,
)
from model.quantisation import quantise

Precision = Literal["float32", "int8"]
OPSET = 20
MAX_WORDS = 32
LEAST_COSINE = {"float32": 0.99999, "int8": 0.95}
PROBES = ("a dog", "two people walk along a street at night", "a red guitar leans against the wall")


class _States(nn.Module):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.encoder = load_transformer(folder).eval()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state


def export_graph(folder: Path, path: Path, precision: Precision) -> float:
    """Write the encoder in `folder` as a graph and return its `agreement`; int8 is lossy by design.

    Raises ValueError where that is below LEAST_COSINE.
    """
    with tempfile.TemporaryDirectory() as scratch:
        written = exact = Path(scratch) / "float32.onnx"
        onnx.save_model(_exported(folder), exact)
        if precision == "int8":
            written = Path(scratch) / "int8.onnx"
            quantise(exact, written)
        found = agreement(folder, written)
        if not found >= LEAST_COSINE[precision]:
            raise ValueError(f"expected sentences within a cosine of {LEAST_COSINE[precision]}, got {found:.5f}")
        path.write_bytes(written.read_bytes())
    return found


def agreement(folder: Path, graph: Path) -> float:
    """The least cosine between what the graph and the encoder in `folder` make of a sentence."""
    read = [SentenceEncoder(folder, MAX_WORDS, one).read(PROBES).sentence for one in (None, graph)]
    assert read[0] is not None
    assert read[1] is not None
    return float((read[0] * read[1]).sum(dim=1).min())


def _exported(folder: Path) -> onnx.ModelProto:
    ids = torch.ones(2, 12, dtype=torch.long)
    some = torch.export.Dim.DYNAMIC
    with warnings.catch_warnings():
        # About the exporter's own inner life, every time.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _States(folder),
            (ids, torch.ones_like(ids)),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=({0: some, 1: some}, {0: some, 1: some}),
            input_names=[IDS, MASK],
            output_names=[STATES],
            verbose=False,
        )
    if program is None:
        raise ValueError("expected a program of the exporter, got None")
    return program.model_proto


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.image_text.sentence_graph", description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of the encoder; the packaged one where absent")
    parser.add_argument("--precision", choices=["float32", "int8"], default="int8")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    try:
        found = export_graph(arguments.weights or packaged_encoder(), arguments.out, arguments.precision)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{arguments.out}: least cosine {found:.5f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
