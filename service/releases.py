"""Releases: the release in force and those kept for a rollback, and the one model thread.

python -m service.releases rollback|list|current: see release_commands.py.
"""

import sys

if __name__ == "__main__":
    # Before torch: a rollback does not wait for it.
    from service.release_commands import main

    sys.exit(main())

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch

from model.catalogue import Catalogue
from model.climber_pilot.inference import Retriever
from model.condition import Condition
from service.compliance import Compliance
from service.errors import NotReadyError, RecommenderNotConfiguredError
from service.instructions import InstructionCache
from service.item_json import ItemJson
from service.settings import Settings
from service.telemetry import Telemetry

Result = TypeVar("Result")
logger = logging.getLogger("service.releases")


@dataclass(frozen=True)
class ServedRelease:
    """Everything that belongs to one release; a request takes it once and uses nothing else."""

    retriever: Retriever
    policy: Condition
    standing_attributes: tuple[str, ...]

    @property
    def catalogue(self) -> Catalogue:
        """The items of the release."""
        return self.retriever.catalogue

    @property
    def release_id(self) -> str:
        """The id that answers carry."""
        return self.retriever.release.release_id

    @cached_property
    def instructions(self) -> InstructionCache:
        """Instructions that were parsed for this release."""
        return InstructionCache(self.catalogue)

    @cached_property
    def value_counts(self) -> np.ndarray:
        """int64 [num_values]: how many items have each value."""
        return np.bincount(self.catalogue.value_ids, minlength=self.catalogue.num_values)

    @cached_property
    def compliance(self) -> Compliance:
        """Checks every item before it is shown."""
        return Compliance(self.catalogue)

    @cached_property
    def item_json(self) -> ItemJson:
        """The items as answers write them."""
        return ItemJson(self.catalogue)

    def prepare(self) -> None:
        """Make now what the first request would have to make."""
        for name in ("instructions", "value_counts", "compliance", "item_json"):
            getattr(self, name)


@dataclass(frozen=True)
class RefusedRelease:
    """A release that `current` names and that is not served. reason: a stable code; message: the whole story."""

    release_id: str | None
    reason: str
    message: str


class Releases:
    """The release in force, and those before it that are still loaded. Owns the model thread: everything the model does
    runs there, one call at a time."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._max_kept = settings.keep_previous
        self._configured = settings.release_root is not None
        self._telemetry = telemetry
        self._executor = ThreadPoolExecutor(1, "model", initializer=torch.set_num_threads, initargs=(1,))
        self._served: ServedRelease | None = None
        self._kept: list[ServedRelease] = []
        self.refused: RefusedRelease | None = None

    @property
    def is_served(self) -> bool:
        """Whether there is a release in force."""
        return self._served is not None

    @property
    def served(self) -> ServedRelease:
        """The release in force; raises NotReadyError before it is warmed up and where it was refused."""
        if self._served is None:
            if not self._configured:
                raise RecommenderNotConfiguredError("REC_RELEASE_ROOT is not set: this process recommends nothing")
            refused = self.refused
            reason = f"the release was refused: {refused.message}" if refused else "the release is being loaded"
            raise NotReadyError(reason)
        return self._served

    @property
    def failure(self) -> str | None:
        """Why nothing is served; None where something is, or will be."""
        return self.refused.message if self.refused is not None and self._served is None else None

    @property
    def kept(self) -> list[str]:
        """Ids of the earlier releases that are loaded still, newest first."""
        return [served.release_id for served in self._kept]

    def loaded(self, release_id: str) -> ServedRelease | None:
        """A release that is in force or was so before and is still loaded."""
        known = [] if self._served is None else [self._served, *self._kept]
        return next((served for served in known if served.release_id == release_id), None)

    def put_in_force(self, served: ServedRelease) -> list[ServedRelease]:
        """Serve a loaded release from now on; requests under way end with the one they began with.

        Returns what is not kept any more.
        """
        before = self._served
        if before is not None:
            self._telemetry.release.remove(before.release_id)
        self._served, self.refused = served, None
        self._telemetry.ready.set(1)
        self._telemetry.release.labels(served.release_id).set(1)
        fields = {"release": served.release_id, "items": len(served.catalogue)}
        logger.info("release_in_force", extra=fields | ({"before": before.release_id} if before else {}))
        return self.keep([] if before is None or before is served else [before])

    def keep(self, newest: list[ServedRelease]) -> list[ServedRelease]:
        """Keep releases loaded for a rollback; returns those that are too many."""
        kept = [one for one in (*newest, *self._kept) if one is not self._served]
        self._kept = kept[: self._max_kept]
        return kept[self._max_kept :]

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function on the model thread. A call cancelled before its turn never runs."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    def submit(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function on the model thread and hear nothing of it; cheaper than `run`, for one that reports back."""
        self._executor.submit(function, *arguments)

    def close(self) -> None:
        """Let the model thread end; what waits for it is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)
