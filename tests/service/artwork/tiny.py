"""Networks of a few numbers and the covers that they know: the whole path of a picture without a packaged network."""

import dataclasses
import hashlib
import io
import json

import numpy as np
from PIL.Image import fromarray
from safetensors.numpy import save_file

from model.artwork.cover import Cover
from model.artwork.export import LibraryContent, export_library
from model.artwork.fingerprint import fingerprint
from model.artwork.inference import Sentences
from model.artwork.search import Weights
from model.artwork.thumbnails import thumbnail
from model.image_text.inference import Matchers
from model.image_text.inputs import ImageInputs, check_feature_space
from model.image_text.matching import Explanation, PreparedImage, PreparedText
from model.release import write_release
from model.vision.front_end import FrontEnd
from model.vision.image import decode_image
from model.vision.part import PartInfo
from model.vision.regions import Regions
from model.vision.text import TextLine
from service.artwork.networks import MATCHERS_FOLDER, Networks, Sight
from service.settings import Settings

DIM, SIDE = 16, 3
COLOURS = {"red": (200, 20, 20), "green": (20, 180, 30), "blue": (30, 40, 210), "grey": (120, 120, 120)}
_LABELS = ("region", "person", "car")


class TinyRegions:
    """The nine cells of a picture, each by its mean colour."""

    info = PartInfo("detector", "tiny-cells", dim=3)

    def extract(self, image):
        cells = _cells(image.pixels)
        edges = np.linspace(0, 1, SIDE + 1, dtype=np.float32)
        boxes = [(edges[c], edges[r], edges[c + 1], edges[r + 1]) for r in range(SIDE) for c in range(SIDE)]
        number = SIDE * SIDE
        labels = tuple(_LABELS[place % 3] for place in range(number))
        return Regions(np.array(boxes), cells, labels, np.ones(number, np.float32), ("grid",) * number)


class TinyText:
    """Reads what is hidden in the last row of pixels: ASCII codes in the red channel."""

    info = PartInfo("text-reader", "tiny-text")

    def read(self, image):
        codes = image.pixels[-1, :, 0]
        text = (
            bytes(codes[codes > 0].tolist()).decode("ascii", "ignore") if (image.pixels[-1, :, 1] == 77).all() else ""
        )
        quad = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
        return [TextLine(text, 0.9, quad)] if text else []


def tiny_front_end(*_):
    return FrontEnd(regions=TinyRegions(), text=TinyText())


FEATURE_SPACE = tiny_front_end().feature_space


class TinyEmbedder:
    """Mean colour on one side, names of colours on the other, in the same three axes; words hashed into the rest."""

    model_id, dim, feature_space = "tiny-embedder-1", DIM, FEATURE_SPACE

    def encode_images(self, images):
        check_feature_space(images, self.feature_space)
        vectors = np.zeros((len(images), DIM), np.float32)
        for row, image in enumerate(images):
            vectors[row, :3] = image.regions.mean(axis=0) + 0.01
            vectors[row, 3:12] = 0.1 * image.regions.std(axis=1)
        return _unit(vectors)

    def encode_texts(self, texts):
        vectors = np.zeros((len(texts), DIM), np.float32)
        for row, text in enumerate(texts):
            if not text.split():
                raise ValueError("expected a sentence with words, got none")
            for word in text.lower().split():
                vectors[row, :3] += np.array(COLOURS.get(word, (0, 0, 0))) / 255
                vectors[row, 12 + int(hashlib.sha256(word.encode()).hexdigest(), 16) % 4] += 0.05
        return _unit(vectors)


class TinyScorer:
    """The largest agreement of any region with the sentence, so that no mean colour gives it."""

    model_id, feature_space = "tiny-scorer-1", FEATURE_SPACE

    def prepare_images(self, images):
        check_feature_space(images, self.feature_space)
        return [PreparedImage(image.regions, image.regions.mean(axis=0)) for image in images]

    def prepare_texts(self, texts):
        prepared = []
        for text in texts:
            tokens = tuple(text.lower().split())
            words = np.array([COLOURS.get(word, (9, 9, 9)) for word in tokens], np.float32) / 255
            prepared.append(PreparedText(words, words.mean(axis=0), tokens))
        return prepared

    def score(self, images, texts):
        return np.array(
            [[(image.regions @ text.words.T).max() for text in texts] for image in images], np.float32
        ).reshape(len(images), len(texts))

    def explain(self, image, text):
        weights = np.exp(image.regions @ text.words.T)
        return Explanation(
            float(self.score([image], [text])[0, 0]), text.tokens, weights / weights.sum(axis=1, keepdims=True)
        )


def tiny_matchers(*_):
    return Matchers(TinyEmbedder(), TinyScorer(), 0.5, FEATURE_SPACE)


def matchers_without_scorer(*_):
    return Matchers(TinyEmbedder(), None, 0.0, FEATURE_SPACE)


def picture(colour, seed=0, text="", size=48, kind="PNG"):
    """A noisy picture of a colour as a file; text: what TinyText shall read (PNG alone keeps it)."""
    rng = np.random.default_rng(seed)
    pixels = np.clip(np.array(COLOURS[colour]) + rng.normal(0, 25, (size, size, 3)), 0, 255)
    # Coarse patches, so that fingerprints differ.
    patches = rng.normal(0, 30, (8, 9, 1)).repeat(size // 8, axis=0).repeat(-(-size // 9), axis=1)[:size, :size]
    pixels[: len(patches)] += patches
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    if text:
        pixels[-1] = 0
        pixels[-1, :, 1] = 77
        pixels[-1, : len(text), 0] = np.frombuffer(text.encode("ascii"), np.uint8)
    out = io.BytesIO()
    fromarray(pixels).save(out, kind)
    return out.getvalue()


def tiny_covers(number=24):
    """Covers and their pictures, the colours in turn."""
    names = list(COLOURS)
    made = []
    for row in range(number):
        colour = names[row % 4]
        content = picture(colour, row, text=f"ALBUM {row} {colour}" if row % 3 == 0 else "")
        image = decode_image(content)
        cover = Cover(
            artwork_id=f"cover-{row}",
            fingerprint=fingerprint(image.pixels),
            image_sha256=image.sha256,
            title=f"Album {row}",
            artist=f"Artist {row % 5}",
            attributes={"genre": (("jazz", "rock", "pop")[row % 3],), "colour": (colour,)},
        )
        made.append((cover, image))
    return made


def write_tiny_root(
    root,
    *,
    scorer=True,
    number=24,
    sentences=("a red picture", "a blue picture", "green and grey"),
    pictures=True,
):
    """A folder of artwork releases with one of the tiny covers in force."""
    matchers = tiny_matchers() if scorer else matchers_without_scorer()
    matcher_release = write_release(
        root / MATCHERS_FOLDER, {"tiny.json": json.dumps({"scorer": scorer}).encode()}, {"kind": "image-text"}
    )
    networks = Networks(matchers, Sight(tiny_front_end(), None))
    covers, vectors, prepared, thumbnails = [], [], [], []
    for cover, image in tiny_covers(number):
        features = networks.look(image, lambda *_: None)
        inputs = ImageInputs.from_features(features)
        covers.append(dataclasses.replace(cover, read_text=tuple(line.text for line in features.texts)))
        vectors.append(networks.vector(inputs))
        prepared.append(networks.prepare(inputs))
        thumbnails.append(thumbnail(image.pixels) if pictures else b"")
    file = None
    if scorer:
        file = root / "prepared.safetensors"
        save_file({name: np.stack([one[name] for one in prepared]) for name in prepared[0]}, file)
    content = LibraryContent(
        covers,
        np.stack(vectors),
        networks.identity,
        (matcher_release.release_id, matcher_release.manifest["content_sha256"]),
        file,
        Weights(pair=0.5, text=4.0),
        None,
        Sentences(sentences, matchers.embedder.encode_texts(sentences)) if sentences else None,
        thumbnails if pictures else (),
    )
    release = export_library(content, root)
    if file is not None:
        file.unlink()
    return release


def tiny_settings(root, **changes):
    patient = {"default_deadline_ms": 9_000, "parts_dir": root, "artwork_threads": 2}
    return Settings(artwork_root=root, **(patient | changes))


def _cells(pixels):
    height, width = (side // SIDE for side in pixels.shape[:2])
    cropped = pixels[: height * SIDE, : width * SIDE].astype(np.float32) / 255
    return cropped.reshape(SIDE, height, SIDE, width, 3).mean(axis=(1, 3)).reshape(-1, 3)


def _unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
