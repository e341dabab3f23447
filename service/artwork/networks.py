"""Networks: what sees a picture and what compares it with a sentence, as one release of covers needs them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from model.artwork.identity import Identity
from model.image_text.inference import Matchers, load_matchers
from model.image_text.inputs import ImageInputs
from model.image_text.matching import PairScorer, PreparedImage
from model.release import ReleaseError, verify_release
from model.vision.assembly import Choices, assemble
from model.vision.features import ImageFeatures
from model.vision.front_end import FrontEnd
from model.vision.image import Image
from model.vision.part import PartError

# In a folder of artwork releases: those of the networks that they were made with.
MATCHERS_FOLDER = "matchers"
Observe = Callable[[str, float], None]


@dataclass(frozen=True)
class Networks:
    """front_end: None where this process cannot look at pictures; blind says why."""

    matchers: Matchers
    front_end: FrontEnd | None
    blind: str | None

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
        assert self.front_end is not None
        return self.front_end.describe(image, observe)

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


def load_networks(root: Path, matcher: tuple[str, str], parts: Path | None, public_key: str | None = None) -> Networks:
    """The networks that a release in `root` names: matcher is id and content hash. Raises ReleaseError and ValueError.

    Without the parts of the right feature space a process can still search by sentence; it is blind to pictures.
    """
    release_id, content_sha256 = matcher
    path = root / MATCHERS_FOLDER / release_id
    found = verify_release(path, public_key).manifest["content_sha256"]
    if found != content_sha256:
        raise ReleaseError("manifest_mismatch", f"expected networks with content {content_sha256}, got {found}")
    matchers = load_matchers(path)
    front_end, blind = _front_end(parts, matchers.feature_space)
    return Networks(matchers, front_end, blind)


def _front_end(parts: Path | None, feature_space: str) -> tuple[FrontEnd | None, str | None]:
    if parts is None:
        return None, "REC_PARTS_DIR is not set"
    try:
        front_end = assemble(parts, Choices(with_text=True))
    except (PartError, ValueError) as error:
        return None, str(error)
    if front_end.feature_space != feature_space:
        return None, f"expected parts of the feature space {feature_space}, got {front_end.feature_space}"
    return front_end, None
