"""ArtworkReleases: the library of covers in force with its networks, and what is added to it while it is served."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from model.artwork.additions import Additions
from model.artwork.inference import ArtworkRelease
from model.artwork.library import Addition, Library
from service.artwork.networks import Networks, Sight, load_networks, load_sight
from service.errors import AdditionsFullError, ArtworkNotConfiguredError, NotReadyError
from service.followed import Followed
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


class ArtworkReleases(Followed[ServedArtwork]):
    """What is served. Loading and adding run on other threads than the event loop's; what is in force is one value."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        missing = ArtworkNotConfiguredError("REC_ARTWORK_ROOT is not set: this process knows no covers")
        super().__init__("artwork", settings.artwork_root, self._loaded, missing, settings.release_poll_ms, telemetry)
        self._settings = settings
        self._sight: Sight | None = None
        self.additions = None if settings.artwork_root is None else Additions(settings.artwork_root)
        telemetry.artwork_covers.set_function(lambda: len(self.served.library) if self.is_served else 0)

    @property
    def example(self) -> Library | None:
        """The library in force for the examples of the API's document, None before there is one."""
        return self.served.library if self.is_served else None

    def close(self) -> None:
        """Leave what is being loaded, and give back what looks at pictures."""
        super().close()
        if self._sight is not None:
            self._sight.close()

    def succeed(self, before: ServedArtwork, loaded: ServedArtwork) -> ServedArtwork:
        """A release with what was added while it was being loaded, where the same networks made both.

        And without what was taken away since, here or in another process.
        """
        assert self.additions is not None
        library = loaded.library
        if before.artwork.identity == loaded.artwork.identity:
            for addition in before.library.additions:
                row = library.row_of(addition.cover.artwork_id)
                if row is None or library.cover(row).revision != addition.cover.revision:
                    library = library.with_addition(addition)
        removed = self.additions.removed()
        return _with_library(loaded, library if removed == library.removed else library.without(removed))

    def add(self, made_with: ServedArtwork, addition: Addition, image: bytes) -> ServedArtwork:
        """Have a cover on disk for good, then among those that can be found; what is served then.

        Raises AdditionsFullError, and NotReadyError where other networks came into force meanwhile. For a worker
        thread: it waits for the disk.
        """
        additions = self.additions
        assert additions is not None

        def added(now: ServedArtwork) -> ServedArtwork:
            if now.artwork.identity != made_with.artwork.identity:
                raise NotReadyError("another release came into force while the picture was looked at; send it again")
            library = now.library.with_addition(addition)
            if len(library.additions) > self._settings.artwork_max_additions:
                limit = self._settings.artwork_max_additions
                raise AdditionsFullError(f"{limit} covers were added since the release was made; make another one")
            additions.put(addition, image, now.artwork.identity)
            return _with_library(now, library)

        return self.change(added)

    def remove(self, artwork_id: str) -> tuple[ServedArtwork, bool]:
        """Have it on disk for good that a cover is gone, then gone from what can be found.

        What is served then, and whether there was such a cover. ArtworkNotConfiguredError and NotReadyError where
        nothing is served. For a worker thread: it waits for the disk.
        """
        additions = self.additions
        known = False

        def removed(now: ServedArtwork) -> ServedArtwork:
            nonlocal known
            assert additions is not None  # where covers are served
            # Another process may have added it.
            known = now.library.row_of(artwork_id) is not None or artwork_id in additions
            if not known:
                return now
            additions.remove(artwork_id)
            return _with_library(now, now.library.without({artwork_id}))

        return self.change(removed), known

    def _loaded(self, path: Path) -> ServedArtwork:
        """A release, its networks and the additions that it lacks; raises ReleaseError, ValueError.

        MixedModelsError where the networks are not those that made its vectors.
        """
        assert self.additions is not None
        key = self._settings.release_public_key
        artwork = ArtworkRelease.load(path, self.additions, key, self.additions.removed())
        networks = load_networks(path.parent, artwork.matcher, self._look_through(), key)
        artwork.identity.check(networks.identity)
        if artwork.stale:
            fields = {"release": artwork.release_id, "additions": artwork.stale}
            logger.warning("additions_of_other_networks", extra=fields)
        if networks.sight.blind is not None:
            logger.warning("artwork_blind", extra={"release": artwork.release_id, "reason": networks.sight.blind})
        return ServedArtwork(artwork, networks)

    def _look_through(self) -> Sight:
        """The parts are loaded once; releases come and go."""
        if self._sight is None:
            self._sight = load_sight(self._settings.parts_dir)
        return self._sight


def _with_library(served: ServedArtwork, library: Library) -> ServedArtwork:
    return replace(served, artwork=replace(served.artwork, library=library))
