"""ArtworkReleases: the library of covers in force with its networks, and what is added to it while it is served."""

import logging
import threading
from dataclasses import dataclass, replace

from model.artwork.additions import Additions
from model.artwork.inference import ArtworkRelease
from model.artwork.library import Addition, Library
from service.artwork.networks import Networks, Sight, load_networks, load_sight
from service.errors import AdditionsFullError, ArtworkNotConfiguredError, NotReadyError
from service.settings import Settings
from service.telemetry import Telemetry

logger = logging.getLogger("service.artwork.releases")


@dataclass(frozen=True)
class ServedArtwork:
    """A library and the networks that made its vectors; a request takes it once and uses nothing else."""

    artwork: ArtworkRelease
    networks: Networks

    @property
    def library(self) -> Library:
        """Covers of the release and those added since."""
        return self.artwork.library

    @property
    def release_id(self) -> str:
        """The id that answers carry."""
        return self.artwork.release_id


class ArtworkReleases:
    """What is served. Loading and adding run on other threads than the event loop's; what is in force is one value."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._served: ServedArtwork | None = None
        self._adding = threading.Lock()
        self._sight: Sight | None = None
        self.additions = None if settings.artwork_root is None else Additions(settings.artwork_root)
        self.refused: str | None = None
        telemetry.artwork_covers.set_function(lambda: 0 if self._served is None else len(self._served.library))

    @property
    def configured(self) -> bool:
        """Whether this process serves covers at all."""
        return self._settings.artwork_root is not None

    @property
    def settled(self) -> bool:
        """Whether the first release was loaded or refused, or there is none to wait for."""
        return not self.configured or self._served is not None or self.refused is not None

    @property
    def served(self) -> ServedArtwork:
        """The library in force; raises ArtworkNotConfiguredError, or NotReadyError before it is loaded."""
        if not self.configured:
            raise ArtworkNotConfiguredError("REC_ARTWORK_ROOT is not set: this process knows no covers")
        if self._served is None:
            refused = self.refused
            raise NotReadyError(f"the covers were refused: {refused}" if refused else "the covers are being loaded")
        return self._served

    @property
    def is_served(self) -> bool:
        """Whether there is a library in force."""
        return self._served is not None

    @property
    def example(self) -> Library | None:
        """The library in force for the examples of the API's document, None before there is one."""
        return None if self._served is None else self._served.library

    def load(self, release_id: str) -> ServedArtwork:
        """Verify and load a release, its networks and the additions that it lacks; raises ReleaseError, ValueError.

        MixedModelsError where the networks are not those that made its vectors.
        """
        root, key = self._settings.artwork_root, self._settings.release_public_key
        assert root is not None
        assert self.additions is not None
        artwork = ArtworkRelease.load(root / release_id, self.additions, key)
        networks = load_networks(root, artwork.matcher, self._look_through(), key)
        artwork.identity.check(networks.identity)
        if artwork.stale:
            logger.warning("additions_of_other_networks", extra={"release": release_id, "additions": artwork.stale})
        if networks.sight.blind is not None:
            logger.warning("artwork_blind", extra={"release": release_id, "reason": networks.sight.blind})
        return ServedArtwork(artwork, networks)

    def close(self) -> None:
        """Give back what looks at pictures."""
        if self._sight is not None:
            self._sight.close()

    def put_in_force(self, loaded: ServedArtwork) -> None:
        """Serve a loaded release from now on; requests under way end with the one that they began with."""
        with self._adding:
            # What was added while it was being loaded.
            library = loaded.library
            if self._served is not None and self._served.artwork.identity == loaded.artwork.identity:
                for addition in self._served.library.additions:
                    row = library.row_of(addition.cover.artwork_id)
                    if row is None or library.cover(row).revision != addition.cover.revision:
                        library = library.with_addition(addition)
            before, self._served = self._served, _with_library(loaded, library)
        if before is not None:
            self._telemetry.artwork_release.remove(before.release_id)
        self._telemetry.artwork_release.labels(loaded.release_id).set(1)
        self.refused = None
        logger.info("artwork_in_force", extra={"release": loaded.release_id, "covers": len(library)})

    def refuse(self, release_id: str | None, reason: str) -> None:
        """Say why what `current` names is not served; what is in force stays."""
        self.refused = reason
        self._telemetry.artwork_refusals.inc()
        logger.critical("artwork_refused", extra={"release": release_id, "reason": reason})

    def add(self, made_with: ServedArtwork, addition: Addition, image: bytes) -> ServedArtwork:
        """Have a cover on disk for good, then among those that can be found; what is served then.

        Raises AdditionsFullError, and NotReadyError where other networks came into force meanwhile. For a worker
        thread: it waits for the disk.
        """
        assert self.additions is not None
        with self._adding:
            now = self._served
            assert now is not None
            if now.artwork.identity != made_with.artwork.identity:
                raise NotReadyError("another release came into force while the picture was looked at; send it again")
            library = now.library.with_addition(addition)
            if len(library.additions) > self._settings.artwork_max_additions:
                limit = self._settings.artwork_max_additions
                raise AdditionsFullError(f"{limit} covers were added since the release was made; make another one")
            self.additions.put(addition, image, now.artwork.identity)
            self._served = _with_library(now, library)
            return self._served

    def _look_through(self) -> Sight:
        """The parts are loaded once; releases come and go."""
        if self._sight is None:
            self._sight = load_sight(self._settings.parts_dir)
        return self._sight


def _with_library(served: ServedArtwork, library: Library) -> ServedArtwork:
    return replace(served, artwork=replace(served.artwork, library=library))
