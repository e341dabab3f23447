"""ArtworkWatch: follows `current` in the folder of artwork releases."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from model.release import ReleaseError, read_current
from service.artwork.releases import ArtworkReleases, ServedArtwork
from service.courtesy import courtesy
from service.logs import failure_fields
from service.settings import Settings

logger = logging.getLogger("service.artwork.watch")


class ArtworkWatch:
    """What is in force is served on, whatever happens to what shall replace it; a refused release is not tried again
    before `current` names another. Covers have no gate: there are no recent requests to judge a library by.
    """

    def __init__(self, root: Path, settings: Settings, releases: ArtworkReleases) -> None:
        self._root = root
        self._poll_s = settings.release_poll_ms / 1000
        self._releases = releases
        self._seen: str | None = None
        self._executor = ThreadPoolExecutor(1, "artwork-load", initializer=torch.set_num_threads, initargs=(1,))

    async def follow(self) -> None:
        """Look at `current` until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            await self.look()

    async def look(self) -> None:
        """Turn to what `current` names now, if it is another release than before."""
        loop = asyncio.get_running_loop()
        release_id: str | None = None
        try:
            release_id = (await loop.run_in_executor(self._executor, read_current, self._root)).release_id
            if release_id == self._seen:
                return
            self._seen = release_id
            loaded = await loop.run_in_executor(self._executor, self._load, release_id)
            await loop.run_in_executor(self._executor, self._releases.put_in_force, loaded)
        except Exception as error:
            # Whatever it is, the watch goes on: else no later release would ever be seen.
            if release_id is None and self._releases.refused is not None:
                return  # told already, and every poll would tell it again
            reason = str(error) if isinstance(error, ValueError | OSError) else type(error).__qualname__
            self._releases.refuse(release_id, reason)
            if not isinstance(error, ReleaseError):
                logger.error("artwork_load_failed", extra=failure_fields(error))

    def close(self) -> None:
        """Leave what is being loaded."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _load(self, release_id: str) -> ServedArtwork:
        with courtesy:
            return self._releases.load(release_id)
