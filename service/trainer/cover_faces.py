"""CoverReading: the faces of all covers, read anew where pictures or the reader have changed.

Stages: look, read, publish. A picture is read once by a reader: the release in force and the shards of a killed cycle
have it by its hash.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from model.cover_faces.build import sweep_work, write_profiles
from model.face_au.inference import FaceAuReader
from model.release import Release
from model.vision.face_landmarker import FaceLandmarker
from model.vision.faces import FaceFinder
from service.trainer.cycle import CycleOverError, Stage, check_changed
from service.trainer.journal import Journal
from service.trainer.listing import listing
from service.trainer.publication import CYCLE, Publication, current_id
from service.trainer.settings import TrainerSettings

STAGES = ("look", "read", "publish")


class CoverReading:
    """One cycle's stages."""

    def __init__(
        self, settings: TrainerSettings, finder: Callable[[], AbstractContextManager[FaceFinder]] = FaceLandmarker
    ) -> None:
        """finder: what finds faces, made where there is something to read."""
        assert settings.cover_images is not None
        assert settings.faces_root is not None
        assert settings.cover_faces_root is not None
        self._settings = settings
        self._images = settings.cover_images
        self._readers = settings.faces_root
        self._finder = finder
        self._publication = Publication(settings, settings.cover_faces_root)

    def stages(self) -> dict[str, Stage]:
        """Name -> what to do, in order."""
        return {name: getattr(self, name) for name in STAGES}

    def look(self, _: Path, journal: Journal) -> Mapping[str, Any]:
        """Which reader is in force, and which pictures there are."""
        reader = current_id(self._readers)
        if reader is None:
            raise CycleOverError("no_reader", reader=None)
        seen = {"reader": reader, "pictures": listing(self._images)}
        check_changed(journal, **seen)
        return {**seen, "base": current_id(self._publication.root)}

    def read(self, _: Path, journal: Journal) -> Mapping[str, Any]:
        """The release, not in force yet."""
        release = self._publication.made(journal.cycle, lambda: self._write(journal))
        facts = release.manifest["facts"]
        counts = {name: facts[name] for name in ("covers", "unreadable", "with_faces", "with_readable_faces")}
        return {"release": release.release_id, **counts}

    def publish(self, _: Path, journal: Journal) -> Mapping[str, Any]:
        """In force, unless somebody has put another one there meanwhile."""
        self._publication.turn_to(journal.facts["release"], journal.facts["base"])
        sweep_work(self._publication.root, journal.facts["reader"])
        return {}

    def _write(self, journal: Journal) -> Release:
        settings = self._settings
        reader = FaceAuReader(self._readers / journal.facts["reader"], settings.release_public_key)
        with self._finder() as finder:
            return write_profiles(
                self._images, self._publication.root, reader, finder, settings.signing_key, {CYCLE: journal.cycle}
            )
