"""Describer: a face and a box -> what is in the box, as probabilities and as a text.

Shapes: B faces, R boxes a face, L words, S told slots, D width.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.face_description.attention import DecoderBlock, EncoderBlock, KeysValues
from model.face_description.config import NetworkConfig
from model.face_description.data import Faces
from model.face_description.labels import BANDS, EMOTIONS
from model.face_description.region_path import CROP_PX, GRID, BoxCode, CropStem, centres_inside, roi_align
from model.face_description.regions import UNITS
from model.face_description.stem import MAP_CHANNELS, Maps
from model.face_description.told import STATES

_MAP_PX = 28
_TOKEN_CHANNELS = MAP_CHANNELS[0] * 16 + MAP_CHANNELS[1] * 4 + MAP_CHANNELS[2]


class FaceView(NamedTuple):
    """What is seen of B faces whatever the box. tokens [B, 49, D], maps [B, C, 28, 28], landmarks [B, 68, 2].

    logits [B, 23]: units, emotion and age as a linear map of the whole face has them.
    """

    tokens: Tensor
    maps: Tensor
    landmarks: Tensor
    logits: Tensor


class Findings(NamedTuple):
    """Logits for R boxes of B faces.

    presence [B, R, 6]: is the unit active in the face. sight [B, R, 7]: can the box show the unit, and the age.
    emotion [B, R, 7], age [B, R, 10].
    """

    presence: Tensor
    sight: Tensor
    emotion: Tensor
    age: Tensor

    def claims(self) -> Tensor:
        """Probability that a unit is there and can be seen in the box, [B, R, 6]."""
        return self.presence.sigmoid() * self.sight[..., : len(UNITS)].sigmoid()


class DescriberNetwork(nn.Module):
    """The trained part, on top of the frozen stem's maps.

    Deviates: face tokens are merged from the stem's three maps before the blocks, not after, because a pretrained stem
    has related neighbours already; the heads add what a box shows to what a linear map reads off the whole face, cell
    by cell, because a mean over cells forgets where a brow or a lip is; and the decoder is told what the heads decided,
    because a threshold chosen on validation then bounds false claims in the text as in the labels.
    """

    def __init__(self, config: NetworkConfig, num_words: int) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.to_maps = nn.ModuleList(nn.Conv2d(channels, config.map_channels, 1) for channels in MAP_CHANNELS)
        self.to_tokens = nn.Sequential(nn.LayerNorm(_TOKEN_CHANNELS), nn.Linear(_TOKEN_CHANNELS, width))
        self.face_places = nn.Parameter(torch.randn(GRID * GRID, width) * 0.02)
        self.whole_norm, self.whole_dropout = nn.LayerNorm(width), nn.Dropout(config.whole_dropout)
        self.to_whole = nn.Linear(GRID * GRID * width, len(UNITS) + len(EMOTIONS) + len(BANDS))
        self.face_blocks = nn.ModuleList(
            EncoderBlock(width, config.num_heads, config.dropout) for _ in range(config.face_blocks)
        )
        self.face_norm = nn.LayerNorm(width)
        self.region_projection = nn.Sequential(nn.LayerNorm(config.map_channels), nn.Linear(config.map_channels, width))
        self.region_places = nn.Parameter(torch.randn(GRID * GRID, width) * 0.02)
        self.region_block = EncoderBlock(width, config.num_heads, config.dropout)
        self.region_norm = nn.LayerNorm(width)
        self.crop_stem, self.box_code = CropStem(width), BoxCode(width)
        self.inside = nn.Parameter(torch.randn(width) * 0.02)
        self.dropout = nn.Dropout(config.dropout)
        self.to_landmarks = nn.Linear(GRID * GRID * width, 136)
        nn.init.zeros_(self.to_landmarks.weight)
        self.to_presence = _head(2 * width + 136, width, len(UNITS), config.dropout)
        self.to_sight = _head(width + 136, width, len(UNITS) + 1, config.dropout)
        self.to_emotion = _head(2 * width + 136, width, len(EMOTIONS), config.dropout)
        self.to_age = _head(2 * width, width, len(BANDS), config.dropout)
        self.told_codes = nn.ModuleList(nn.Embedding(states, width) for states in STATES)
        self.memory_norm = nn.LayerNorm(width)
        self.word_vectors = nn.Embedding(num_words, width)
        self.word_places = nn.Parameter(torch.randn(config.max_words, width) * 0.02)
        nn.init.normal_(self.word_vectors.weight, std=0.05)
        self.decoder = nn.ModuleList(
            DecoderBlock(width, config.num_heads, config.dropout) for _ in range(config.decoder_blocks)
        )
        self.text_norm = nn.LayerNorm(width)

    def start_from(self, landmarks: Tensor) -> None:
        """Begin with the mean [68, 2] of the training faces as every face's landmarks."""
        with torch.no_grad():
            self.to_landmarks.bias.copy_(landmarks.flatten() - 0.5)

    def see(self, maps: Maps) -> FaceView:
        """Read faces, once for all boxes."""
        merged = torch.cat(
            [functional.pixel_unshuffle(maps.fine, 4), functional.pixel_unshuffle(maps.middle, 2), maps.coarse], dim=1
        )
        tokens = self.dropout(self.to_tokens(merged.flatten(2).transpose(1, 2)) + self.face_places)
        # Before the blocks mix the cells: units are a matter of place.
        whole = self.whole_norm(tokens).flatten(1)
        landmarks = self.to_landmarks(whole).unflatten(1, (68, 2)) + 0.5
        for block in self.face_blocks:
            tokens = block(tokens)
        tokens = self.face_norm(tokens)
        scaled = [
            functional.interpolate(project(one), (_MAP_PX, _MAP_PX), mode="nearest")
            for project, one in zip(self.to_maps, maps, strict=True)
        ]
        maps_of_all = scaled[0] + scaled[1] + scaled[2]
        return FaceView(tokens, maps_of_all, landmarks, self.to_whole(self.whole_dropout(whole)))

    def look(self, view: FaceView, pixels: Tensor, boxes: Tensor) -> Tensor:
        """Region tokens [B, R, 49, D] of boxes [B, R, 4] on windows [B, 1, 224, 224]."""
        boxes = self._known(boxes)
        region = roi_align(view.maps, boxes, GRID).flatten(3).transpose(2, 3)
        tokens = self.region_projection(region) + self.region_places
        if self.config.use_crop:
            crops = roi_align(pixels, boxes, CROP_PX)
            tokens = tokens + self.crop_stem(crops.flatten(0, 1)).unflatten(0, boxes.shape[:2])
        if self.config.use_box:
            tokens = tokens + self.box_code(boxes)[:, :, None]
        return self.region_norm(self.region_block(self.dropout(tokens).flatten(0, 1))).unflatten(0, boxes.shape[:2])

    def judge(self, view: FaceView, regions: Tensor, boxes: Tensor) -> Findings:
        """What the heads find in boxes [B, R, 4]: the mean of the region tokens beside that of the face."""
        region = regions.mean(2)
        face = view.tokens.mean(1)[:, None].expand_as(region)
        seen = torch.cat([face, region], dim=-1)
        landmarks = view.landmarks.detach()[:, None]
        points = 4 * (landmarks.expand(-1, region.shape[1], -1, -1).flatten(2) - 0.5)
        units, emotion, age = view.logits[:, None].split((len(UNITS), len(EMOTIONS), len(BANDS)), dim=-1)
        return Findings(
            presence=units + self.to_presence(torch.cat([seen, points], dim=-1)),
            sight=self.to_sight(torch.cat([region, _placed(landmarks, self._known(boxes))], dim=-1)),
            emotion=emotion + self.to_emotion(torch.cat([seen, points], dim=-1)),
            age=age + self.to_age(seen),
        )

    def memory(self, view: FaceView, regions: Tensor, boxes: Tensor) -> Tensor:
        """What the decoder may look at: face tokens, marked where they lie in the box, and region tokens.

        regions [B, 49, D] and boxes [B, 4] of one box a face -> [B, 98, D].
        """
        face = view.tokens
        if self.config.use_box:
            face = face + centres_inside(boxes[:, None], GRID)[:, 0, :, None] * self.inside
        return torch.cat([face, regions], dim=1)

    def prompt(self, memory: Tensor, codes: Tensor) -> list[KeysValues]:
        """Keys and values of the memory and the told codes [B, S], a pair for each block."""
        told = torch.stack([table(codes[:, slot]) for slot, table in enumerate(self.told_codes)], dim=1)
        context = self.memory_norm(torch.cat([memory, told], dim=1))
        return [block.cross_attention.read(context) for block in self.decoder]  # type: ignore[operator, union-attr]

    def write(self, tokens: Tensor, prompt: list[KeysValues]) -> Tensor:
        """Logits [B, L, V] of the word after each place of texts [B, L]."""
        hidden = self.word_vectors(tokens) + self.word_places[: tokens.shape[1]]
        for block, memory in zip(self.decoder, prompt, strict=True):
            hidden = block(hidden, memory)
        return self._logits(hidden)

    def step(
        self, token: Tensor, place: Tensor, past: list[KeysValues], prompt: list[KeysValues]
    ) -> tuple[Tensor, list[KeysValues]]:
        """Logits [B, V] after the words [B] at a place [1], and what to keep for the next step."""
        hidden = (self.word_vectors(token) + self.word_places[place])[:, None]
        kept = []
        for block, before, memory in zip(self.decoder, past, prompt, strict=True):
            hidden, now = block.step(hidden, before, memory)  # type: ignore[operator]
            kept.append(now)
        return self._logits(hidden)[:, 0], kept

    def forward(self, faces: Faces, boxes: Tensor, codes: Tensor, tokens: Tensor) -> tuple[FaceView, Findings, Tensor]:
        """What a training step needs; the texts belong to the first box of each face."""
        view = self.see(faces.maps)
        regions = self.look(view, faces.pixels, boxes)
        memory = self.memory(view, regions[:, 0], boxes[:, 0])
        return view, self.judge(view, regions, boxes), self.write(tokens, self.prompt(memory, codes))

    def _known(self, boxes: Tensor) -> Tensor:
        """The boxes, or the whole window for each where the box is not to be known."""
        if self.config.use_box:
            return boxes
        return torch.tensor([0.0, 0.0, 1.0, 1.0], device=boxes.device).expand_as(boxes)

    def _logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(self.text_norm(hidden), self.word_vectors.weight)


def _placed(landmarks: Tensor, boxes: Tensor) -> Tensor:
    """Where landmarks [B, 1, 68, 2] lie in boxes [B, R, 4], -1 to 1 inside; far outside is one place: [B, R, 136]."""
    corners, sides = boxes[..., None, :2], boxes[..., None, 2:] - boxes[..., None, :2]
    return (2 * (landmarks - corners) / sides - 1).clamp(-3, 3).flatten(2)


def _head(inputs: int, width: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(inputs), nn.Linear(inputs, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, outputs)
    )
