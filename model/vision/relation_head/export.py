"""Export: a trained relation head as a part of the front end - weights, names and word vectors in one file."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from safetensors.torch import load_file

from model.training import WEIGHTS_FILE
from model.vision.labels import PACKAGED_LABELS
from model.vision.part import PartManifest, file_sha256, write_manifest
from model.vision.relation_head.network import RelationHead
from model.vision.relation_head.train import DESCRIPTION
from model.vision.word_vectors import word_vectors

FILE = "relation-head.safetensors"
MANIFEST = "relation-head.json"


def export(checkpoint: Path, out: Path, labels: tuple[str, ...] = PACKAGED_LABELS) -> Path:
    """Write the part into the folder `out`; labels: the names of regions that it will be asked about. Its manifest."""
    description = json.loads((checkpoint / DESCRIPTION).read_text())
    predicates = tuple(description["predicates"])
    config = description["config"]
    network = RelationHead(tuple(config["hidden"]), len(predicates), config["dropout"])
    network.load_state_dict(load_file(checkpoint / WEIGHTS_FILE))
    tensors: dict[str, np.ndarray] = {"words": word_vectors(labels)}
    with torch.inference_mode():
        for number, layer in enumerate(network.linear_layers()):
            tensors[f"{number}.weight"], tensors[f"{number}.bias"] = layer.weight.numpy(), layer.bias.numpy()
    out.mkdir(parents=True, exist_ok=True)
    names = {"labels": json.dumps(labels), "predicates": json.dumps(predicates)}
    (out / FILE).write_bytes(save({name: np.ascontiguousarray(one) for name, one in tensors.items()}, names))
    manifest = PartManifest(
        kind="relation-head",
        name=f"vrd{len(predicates)}-mlp",
        file=FILE,
        sha256=file_sha256(out / FILE),
        label_space=f"vrd{len(predicates)}",
        licence="weights learned from VRD (research use); word vectors of wordllama (MIT)",
        source=f"model.vision.relation_head.train at {description['git_revision']}",
    )
    write_manifest(out / MANIFEST, manifest)
    return out / MANIFEST
