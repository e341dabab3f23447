"""Small libraries of made-up covers: vectors of unit length, two attributes, some text read off."""

import numpy as np

from model.artwork.additions import revision_of
from model.artwork.cover import Cover
from model.artwork.identity import Identity
from model.artwork.library import Addition, Library
from model.artwork.segment import Segment
from model.artwork.styles import Styles

GENRES = ("jazz", "pop", "rock")
WORDS = ("blue", "train", "kind", "of", "night", "river", "gold", "dust", "moon", "safari")
IDENTITY = Identity("tiny-embedder", "tiny-scorer", "tiny/v1", 8)


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def made_up_covers(number, seed=0, prefix="cover"):
    """Covers, vectors [V, 8] and prepared tensors; fingerprints are far apart."""
    rng = np.random.default_rng(seed)
    covers = []
    for row in range(number):
        cover = Cover(
            artwork_id=f"{prefix}-{row}",
            fingerprint=int(rng.integers(2**63)),
            image_sha256=f"{seed:032x}{row:032x}",
            title=f"Album {row}",
            artist=None if row % 3 else f"Artist {row % 5}",
            attributes={"genre": (GENRES[row % 3],), "mood": tuple(rng.choice(["calm", "loud"], rng.integers(3)))},
            read_text=tuple(" ".join(rng.choice(WORDS, 2)) for _ in range(row % 3)),
        )
        covers.append(cover)
    vectors = unit(rng.normal(size=(number, IDENTITY.dim)))
    return covers, vectors, {"regions": rng.normal(size=(number, 3, 4)).astype(np.float16)}


def made_up_library(number=40, seed=0, additions=()):
    covers, vectors, prepared = made_up_covers(number, seed)
    covers = [replaced(cover, picture=cover.image_sha256) for cover in covers]
    styles = Styles.fit(vectors, 4)
    return Library(Segment.build(covers, styles.names(vectors), vectors, prepared), styles, additions)


def made_up_addition(artwork_id, seed=1, **changes):
    (cover,), vectors, prepared = made_up_covers(1, seed)
    cover = replaced(cover, **({"artwork_id": artwork_id, "picture": cover.image_sha256} | changes))
    cover = replaced(cover, revision=revision_of(cover))
    return Addition(cover, vectors[0], {name: array[0] for name, array in prepared.items()})


def replaced(cover, **changes):
    return Cover(**(vars(cover) | changes))
