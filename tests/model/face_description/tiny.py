"""A small describer of random weights, faces of noise to train it on, and a drawn face to ask about."""

import numpy as np
import torch
from safetensors.torch import save_file

from model.face_description.checkpoint import save_facts
from model.face_description.config import DescriberConfig, NetworkConfig, RehearsalConfig, StageConfig
from model.face_description.export import export_release
from model.face_description.network import DescriberNetwork
from model.face_description.prepared import PreparedFaces, stem_input
from model.face_description.speed import SIDE_PX, frontal_landmarks
from model.face_description.stem import Stem
from model.face_description.vocabulary import Vocabulary
from model.training import WEIGHTS_FILE

CONFIG = DescriberConfig(
    network=NetworkConfig(
        width=32, num_heads=2, face_blocks=1, decoder_blocks=1, map_channels=8, dropout=0.0, max_words=80
    ),
    rehearsal=RehearsalConfig(epochs=1, batches_per_epoch=2, batch_size=4),
    stage=StageConfig(epochs=1, batch_size=8, warmup_steps=1),
)
FACE = (frontal_landmarks() / SIDE_PX - 0.2) / 0.6
"""A plain frontal face from 0.1 to 0.9 across."""


def tiny_network(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    return DescriberNetwork(config.network, len(Vocabulary.of_grammar())).eval()


def tiny_stem(seed=0):
    torch.manual_seed(seed)
    return Stem()


def tiny_checkpoint(folder, thresholds=0.3):
    save_facts(folder, CONFIG, np.full(6, thresholds), {"stage": "recognise", "simulated": True})
    save_file(tiny_network().state_dict(), folder / WEIGHTS_FILE)
    return folder


def tiny_release(folder, thresholds=0.3):
    """A folder of releases with one of random weights in force."""
    export_release(tiny_checkpoint(folder / "checkpoint", thresholds), folder / "releases", stem=tiny_stem())
    return folder / "releases"


def made_up_faces(count=16, variants=2, seed=0):
    """Prepared faces of noise with labels of both kinds."""
    rng = np.random.default_rng(seed)
    pixels = torch.from_numpy(rng.integers(0, 256, (count, variants, 224, 224), dtype=np.uint8))
    with torch.inference_mode():
        maps = tiny_stem()(stem_input(pixels.flatten(0, 1)[:, None].float()))
    window = np.stack([np.stack([0.1 + 0.8 * FACE + rng.normal(0, 0.004, (68, 2))] * variants) for _ in range(count)])
    emotional = np.arange(count) % 2 == 0
    return PreparedFaces(
        keys=tuple(f"made-up/{number}" for number in range(count)),
        pixels=pixels,
        landmarks=torch.from_numpy(window).float(),
        units=torch.from_numpy(rng.random((count, 6)).astype(np.float32)),
        emotion=torch.from_numpy(np.where(emotional, rng.integers(0, 7, count), -1)),
        age=torch.from_numpy(np.where(emotional, -1.0, rng.uniform(1, 100, count))).float(),
        **{name: one.half().unflatten(0, (count, variants)) for name, one in maps._asdict().items()},
    )
