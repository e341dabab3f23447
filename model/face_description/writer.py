"""Writer: texts of the PyTorch network, for evaluation; the service writes with its exported graphs."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from model.face_description.attention import KeysValues
from model.face_description.decoding import Guide, Kept, write_texts
from model.face_description.network import DescriberNetwork
from model.face_description.vocabulary import Vocabulary

_TEXTS_AT_ONCE = 128


def write_all(
    network: DescriberNetwork,
    memory: Tensor,
    codes: Sequence[Sequence[int]],
    words: Vocabulary,
    guides: Sequence[Guide] | None = None,
    beams: int = 1,
) -> list[str]:
    """One text for each row of a memory [n, 98, D] under its told codes, words parted by spaces."""
    texts = []
    for start in range(0, len(codes), _TEXTS_AT_ONCE):
        part = slice(start, start + _TEXTS_AT_ONCE)
        some = None if guides is None else guides[part]
        numbers = write_some(network, memory[part], torch.tensor(list(codes[part])), some, beams)
        texts += [" ".join(words.decode(one)) for one in numbers]
    return texts


@torch.inference_mode()
def write_some(
    network: DescriberNetwork, memory: Tensor, codes: Tensor, guides: Sequence[Guide] | None, beams: int
) -> list[list[int]]:
    """Word numbers for a batch that is written together."""
    prompt = network.prompt(memory, codes)
    spread: dict[bytes, list[KeysValues]] = {}

    def step(tokens: np.ndarray, place: int, kept: Kept, rows: np.ndarray) -> tuple[np.ndarray, Kept]:
        past = [KeysValues(kept[2 * block], kept[2 * block + 1]) for block in range(len(prompt))]
        key = rows.tobytes()
        if key not in spread:
            spread[key] = [KeysValues(one.keys[rows], one.values[rows]) for one in prompt]
        logits, now = network.step(torch.from_numpy(tokens), torch.tensor([place]), past, spread[key])
        return logits.numpy(), [tensor for one in now for tensor in one]

    heads = prompt[0].keys.shape
    nothing = memory.new_zeros(heads[0], heads[1], 0, heads[3])
    return write_texts(
        step,
        len(codes),
        [nothing] * (2 * len(prompt)),
        beams=beams,
        max_words=network.config.max_words,
        guides=guides,
    )
