"""Sight: from the bytes of an upload to what was found in the picture."""

from dataclasses import dataclass

from model.vision.features import ImageFeatures
from model.vision.image import Image
from service.artwork.networks import Networks
from service.exchange import Exchange
from service.settings import Settings
from service.upload import decoded

# Below it a line that was read is noise more often than words.
MIN_READ_SCORE = 0.5


@dataclass(frozen=True)
class Seen:
    """read_text: lines that were read with some certainty."""

    image: Image
    features: ImageFeatures

    @property
    def read_text(self) -> tuple[str, ...]:
        """From top to bottom."""
        return lines_of(self.features)


def lines_of(features: ImageFeatures) -> tuple[str, ...]:
    """Lines that were read with some certainty, from top to bottom."""
    return tuple(line.text for line in features.texts or () if line.score >= MIN_READ_SCORE)


def see(networks: Networks, content: bytes, settings: Settings, exchange: Exchange) -> Seen:
    """Decode and describe a picture, each step a stage; raises the ServiceError of an image that is none."""
    with exchange.stage("decode"):
        image = decoded(content, settings)

    def observe(stage: str, duration_s: float) -> None:
        exchange.stages_ms[stage] = exchange.stages_ms.get(stage, 0.0) + 1000 * duration_s

    return Seen(image, networks.look(image, observe))
