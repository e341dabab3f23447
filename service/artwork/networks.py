"""Networks: what sees a picture and what compares it with a sentence, as one release of covers needs them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from model.artwork.identity import Identity
from model.artwork.library import Library
from model.artwork.search import PairScores
from model.image_text.inference import Matchers, load_matchers
from model.image_text.inputs import ImageInputs
from model.image_text.matching import PairScorer, PreparedImage, PreparedText
from model.release import ReleaseError, verify_release
from model.vision.assembly import Choices, assemble
from model.vision.features import ImageFeatures
from model.vision.front_end import FrontEnd
from model.vision.image import Image
from model.vision.part import PartError
from service.artwork.sentences import KnownSentences

# In a folder of artwork releases: those of the networks that they were made with.
MATCHERS_FOLDER = "matchers"
Observe = Callable[[str, float], None]


@dataclass(frozen=True)
class Networks:
    """matchers: trained to compare; sight: what they were trained to see through."""

    matchers: Matchers
    sight: "Sight"

    @cached_property
    def query_vectors(self) -> KnownSentences[np.ndarray]:
        """Sentence -> float32 [d], norm 1; ValueError where it has no words."""
        return KnownSentences(lambda sentence: self.matchers.embedder.encode_texts([sentence])[0])

    @cached_property
    def prepared_texts(self) -> KnownSentences[PreparedText]:
        """Sentence -> what the pair scorer makes of it."""
        return KnownSentences(lambda sentence: self.scorer.prepare_texts([sentence])[0])

    @property
    def identity(self) -> Identity:
        """What the vectors of these networks are stored under."""
        scorer = self.matchers.scorer
        return Identity(
            self.matchers.embedder.model_id,
            None if scorer is None else scorer.model_id,
            self.matchers.feature_space,
            self.matchers.embedder.dim,
        )

    @property
    def parts(self) -> dict[str, str]:
        """Role -> model of the networks that compare."""
        scorer = self.matchers.scorer
        return {"embedder": self.matchers.embedder.model_id} | ({} if scorer is None else {"scorer": scorer.model_id})

    @property
    def scorer(self) -> PairScorer:
        """The pair scorer, where there is one."""
        assert self.matchers.scorer is not None
        return self.matchers.scorer

    def look(self, image: Image, observe: Observe) -> ImageFeatures:
        """All that is found in a picture; observe(stage, seconds) hears how long each part took."""
        assert self.sight.front_end is not None
        with self.sight.one_at_a_time:
            return self.sight.front_end.describe(image, observe)

    def vector(self, inputs: ImageInputs) -> np.ndarray:
        """float32 [d], norm 1."""
        return np.asarray(self.matchers.embedder.encode_images([inputs])[0])

    def prepare(self, inputs: ImageInputs) -> dict[str, np.ndarray]:
        """What the pair scorer keeps of a picture, by field; empty without one."""
        if self.matchers.scorer is None:
            return {}
        return tensors_of(self.matchers.scorer.prepare_images([inputs])[0])


def tensors_of(image: PreparedImage) -> dict[str, np.ndarray]:
    """A prepared image as a library keeps it: float16 loses nothing that a ranking would show, and half the memory."""
    return {one.name: np.asarray(getattr(image, one.name), dtype=np.float16) for one in fields(image)}


def prepared_images(tensors: Sequence[dict[str, np.ndarray]]) -> list[PreparedImage]:
    """What `tensors_of` was made of."""
    return [PreparedImage(**one) for one in tensors]


@dataclass(frozen=True)
class Sight:
    """What this process looks at pictures with; front_end None where it cannot, and why. One picture at a time."""

    front_end: FrontEnd | None
    blind: str | None
    one_at_a_time: Lock = field(default_factory=Lock)

    def close(self) -> None:
        """Give back what the parts hold."""
        if self.front_end is not None:
            self.front_end.close()


def load_sight(parts: Path | None, reads: bool = True) -> Sight:
    """The front end of a folder of parts. reads: also the text on a picture, which costs more than all else."""
    if parts is None:
        return Sight(None, "REC_PARTS_DIR is not set")
    try:
        return Sight(assemble(parts, Choices(with_text=reads)), None)
    except (PartError, ValueError, ImportError) as error:
        return Sight(None, str(error))


def load_networks(root: Path, matcher: tuple[str, str], sight: Sight, public_key: str | None = None) -> Networks:
    """The networks that a release in `root` names: matcher is id and content hash. Raises ReleaseError and ValueError.

    Without the parts of the right feature space a process can still search by sentence; it is blind to pictures.
    """
    release_id, content_sha256 = matcher
    path = root / MATCHERS_FOLDER / release_id
    found = verify_release(path, public_key).manifest["content_sha256"]
    if found != content_sha256:
        raise ReleaseError("manifest_mismatch", f"expected networks with content {content_sha256}, got {found}")
    matchers = load_matchers(path)
    front_end = sight.front_end
    if front_end is not None and front_end.feature_space != matchers.feature_space:
        blind = f"expected parts of the feature space {matchers.feature_space}, got {front_end.feature_space}"
        sight = Sight(None, blind)
    return Networks(matchers, sight)


def pair_scores_of(networks: Networks, library: Library) -> Callable[[str], PairScores]:
    """Sentence -> the pair scorer's scores of covers of a library."""

    def of_sentence(sentence: str) -> PairScores:
        text = [networks.prepared_texts.of(sentence)]

        def scores(rows: np.ndarray) -> np.ndarray:
            images = prepared_images([library.prepared(row) for row in rows.tolist()])
            return np.asarray(networks.scorer.score(images, text))[:, 0]

        return scores

    return of_sentence
