"""ItemReleases: a release with the posted items in it, made of the one in force without training."""

import logging
import time

import polars as pl
from redis import Redis

from model.climber_pilot.growth import grown_files, release_files
from model.climber_pilot.inference import CATALOGUE_FILE
from model.durable_files import claimed_directory, sweep
from model.release import Release, read_current
from service.trainer.item_table import posted_items, with_posted
from service.trainer.publication import TRAINED_FROM, Publication, training_of
from service.trainer.settings import TrainerSettings

SCRATCH = ".growth-"
logger = logging.getLogger("service.trainer.item_releases")


class ItemReleases:
    """Made where something was posted, and where a release has come in force that may lack what was posted before."""

    def __init__(self, settings: TrainerSettings, redis: Redis, publication: Publication) -> None:
        self._interval_s = settings.items_interval_s
        self._scratch = settings.work_dir
        self._redis = redis
        self._publication = publication
        self._last_s = float("-inf")
        self._seen: str | None = None
        self._made: tuple[str, str, object] | None = None
        self._refused: tuple[str, object] | None = None

    def due(self, posted: bool) -> bool:
        """Whether to look at the items; posted: since the last look somebody has posted some."""
        if time.monotonic() - self._last_s < self._interval_s:
            return False
        return posted or read_current(self._publication.root).release_id != self._seen

    def make(self) -> Release | None:
        """Put a release with everything posted in force; None where the one in force has it all.

        Raises ReleaseError where nothing fit to be built on is in force.
        """
        self._last_s = started_s = time.monotonic()
        sweep(self._scratch, SCRATCH)
        posted = posted_items(self._redis)
        with self._publication.turn():
            base = self._publication.in_force()
            self._seen = base.release_id
            items = pl.read_parquet(base.path / CATALOGUE_FILE)
            wanted = with_posted(items, posted)
            # What the services have refused once they would refuse again.
            if wanted is items or self._refused == (training_of(base), posted):
                return None
            facts = base.manifest["facts"]
            with claimed_directory(self._scratch, SCRATCH) as scratch:
                files = grown_files(release_files(base), wanted, scratch, facts.get("towers", 1))
                grown = {**facts, TRAINED_FROM: training_of(base), "items": len(wanted)}
                release = self._publication.publish(files, grown, base)
        self._seen = release.release_id
        self._made = (release.release_id, training_of(base), posted)
        seconds = round(time.monotonic() - started_s, 2)
        logger.info("items_in_force", extra={"items": len(wanted), "new": len(wanted) - len(items), "seconds": seconds})
        return release

    def refused(self, release_id: str) -> None:
        """The services do not serve this release; it is not made again of the same."""
        if self._made is not None and self._made[0] == release_id:
            self._refused = self._made[1:]
