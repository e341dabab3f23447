"""The text side of a network: a TextBatch -> one row per token."""

from pathlib import Path

import torch
from torch import Tensor, nn

from model.image_text.config import TextConfig
from model.image_text.projections import linear, unit
from model.image_text.sentence_encoder import load_transformer
from model.image_text.text_batch import TextBatch

KERNELS = (1, 2, 3)


class StateProjection(nn.Module):
    """Rows of a frozen encoder's states: their linear map, plus three 1-D convolutions of kernels 1, 2 and 3 (DIME)."""

    def __init__(self, width: int, dim: int, convolutions: bool) -> None:
        super().__init__()
        self.project = linear(width, dim)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, dim, size) for size in KERNELS) if convolutions else None
        self.fuse = linear(len(KERNELS) * dim, dim) if convolutions else None

    def forward(self, batch: TextBatch) -> Tensor:
        assert batch.states is not None
        rows = self.project(batch.states)
        if self.convolutions is None or self.fuse is None:
            return rows
        channels = (batch.states * batch.mask[:, :, None]).transpose(1, 2)
        padded = [nn.functional.pad(channels, (0, size - 1)) for size in KERNELS]
        maps = [torch.relu(layer(channel)) for layer, channel in zip(self.convolutions, padded, strict=True)]
        return rows + self.fuse(torch.cat(maps, dim=1).transpose(1, 2))


class WordGru(nn.Module):
    """BiGRU over learned word vectors, directions averaged, a unit vector per word (SCAN)."""

    def __init__(self, num_words: int, word_width: int, dim: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(num_words, word_width, padding_idx=0)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        self.gru = nn.GRU(word_width, dim, batch_first=True, bidirectional=True)

    def forward(self, batch: TextBatch) -> Tensor:
        assert batch.ids is not None
        lengths = batch.mask.sum(dim=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embed(batch.ids), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, total_length=batch.ids.shape[1]
        )
        return unit(states.unflatten(2, (2, -1)).mean(dim=2))


class TunedTransformer(nn.Module):
    """The encoder of a folder, or of a configuration file, trained with the rest; its last states, mapped."""

    def __init__(self, path: Path, dim: int) -> None:
        super().__init__()
        self.encoder = load_transformer(path)
        self.project = linear(self.encoder.config.hidden_size, dim)

    def forward(self, batch: TextBatch) -> Tensor:
        assert batch.ids is not None
        states = self.encoder(input_ids=batch.ids, attention_mask=batch.mask.long()).last_hidden_state
        return self.project(states)


def text_tower(config: TextConfig, dim: int, num_words: int, encoder: Path | None = None) -> nn.Module:
    """The tower of a configuration: TextBatch -> [T, L, dim].

    num_words: of a BiGRU's vocabulary. encoder: of a tuned transformer; the configuration's folder where None.
    """
    if config.encoder == "bigru":
        return WordGru(num_words, config.word_width, dim)
    if config.encoder == "bert":
        return TunedTransformer(encoder or Path(config.weights), dim)
    return StateProjection(config.width, dim, config.convolutions)
