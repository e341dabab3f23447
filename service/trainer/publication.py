"""Publication: what a sidecar puts in force, and what of its own it clears away."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from model.durable_files import locked
from model.manifest import RELEASE_ID, ReleaseError, read_manifest
from model.release import (
    Release,
    forget_earlier,
    read_current,
    remove_release,
    set_current,
    sweep_root,
    verify_release,
    write_release,
)
from service.trainer.cycle import CycleOverError
from service.trainer.settings import TrainerSettings

TRAINED_FROM = "grown_from"
"""Fact of a release made for new items: the id of the release whose training it has."""
CYCLE = "cycle"
"""Fact of a release: the cycle that made it."""
logger = logging.getLogger("service.trainer.publication")


class Publication:
    """A folder of releases, for the sidecar and the processes of its jobs; one at a time changes what is in force."""

    def __init__(self, settings: TrainerSettings, root: Path | None = None) -> None:
        """root: where it is not that of the recommender's releases."""
        self._settings = settings
        self.root = root or settings.release_root

    def turn(self) -> AbstractContextManager[None]:
        """Between reading what is in force and replacing it, no other of ours may do so."""
        return locked(self._settings.work_dir)

    def in_force(self) -> Release:
        """The verified release in force; raises ReleaseError."""
        return verify_release(self.root / read_current(self.root).release_id, self._settings.release_public_key)

    def publish(self, files: Mapping[str, Path], facts: Mapping[str, Any], replacing: Release) -> Release:
        """Write a release and put it in force; ReleaseError `overtaken` where another one came in between."""
        release = write_release(self.root, dict(files), facts, self._settings.signing_key)
        return self.put_in_force(release, replacing.release_id)

    def made(self, cycle: str, write: Callable[[], Release]) -> Release:
        """The release of a cycle: what a killed process has written, else what `write` writes now."""
        return self.find(CYCLE, cycle) or write()

    def turn_to(self, release_id: str, before: str | None) -> None:
        """Have the release of a cycle served in the place of what was in force when it began, None: nothing.

        CycleOverError `overtaken` where somebody has put another one there.
        """
        in_force = current_id(self.root)
        if in_force == release_id:  # by a killed process
            self.sweep()
            return
        try:
            if in_force != before:
                raise ReleaseError("overtaken", f"expected {before} in force, got {in_force}")
            self.put_in_force(verify_release(self.root / release_id), before)
        except ReleaseError as error:
            if error.code != "overtaken":
                raise
            remove_release(self.root, release_id)
            raise CycleOverError(error.code) from None

    def sweep(self) -> None:
        """Remove what killed writers have left."""
        if self.root.is_dir():
            sweep_root(self.root)

    def put_in_force(self, release: Release, replacing: str | None) -> Release:
        """Have a written release served, and remove what nobody goes back to."""
        self.sweep()
        set_current(self.root, release.release_id, replacing=replacing)
        forgotten = forget_earlier(self.root, self._settings.keep_releases)
        pointer = read_current(self.root)
        for release_id, facts in self.written():
            # Written by a killed process, or refused: either can be made again.
            if TRAINED_FROM in facts and release_id not in (pointer.release_id, *pointer.earlier):
                remove_release(self.root, release_id)
                forgotten.append(release_id)
        logger.info("put_in_force", extra={"release": release.release_id, "forgotten": forgotten})
        return release

    def find(self, fact: str, value: str) -> Release | None:
        """The trained release with this fact: one that a killed process has written, and maybe put in force."""
        for release_id, facts in self.written():
            if facts.get(fact) == value and TRAINED_FROM not in facts:
                return verify_release(self.root / release_id)
        return None

    def written(self) -> list[tuple[str, dict[str, Any]]]:
        """Every release in the folder: its id and what it says of itself."""
        found = []
        for path in self.root.iterdir() if self.root.is_dir() else ():
            if RELEASE_ID.fullmatch(path.name):
                with suppress(ReleaseError):
                    found.append((path.name, read_manifest(path)["facts"]))
        return found


def current_id(root: Path | None) -> str | None:
    """The release in force in a folder, None where there is none."""
    try:
        return None if root is None else read_current(root).release_id
    except ReleaseError:
        return None


def training_of(release: Release) -> str:
    """The id of the release whose training this one has."""
    return str(release.manifest["facts"].get(TRAINED_FROM, release.release_id))
