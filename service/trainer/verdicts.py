"""Verdicts: whether the services serve what was put in force; what they refuse goes out of force again.

Else the next training and the next items would be built upon a release that nobody serves.
"""

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from model.manifest import ReleaseError
from model.release import read_current, roll_back
from service.trainer.publication import Publication, current_id
from service.trainer.settings import TrainerSettings

TIMEOUT_S = 2.0
logger = logging.getLogger("service.trainer.verdicts")


class Stand(NamedTuple):
    """What a service says of one kind of release. served, refused: ids; message: why it was refused."""

    served: str | None
    refused: str | None
    message: str | None


StandOf = Callable[[Mapping[str, Any]], Stand | None]
"""The document of /health/ready -> where the service stands; None where it serves nothing of the kind."""


def of_recommender(ready: Mapping[str, Any]) -> Stand | None:
    """On releases of the recommender."""
    if "release" not in ready:
        return None
    refused = ready.get("refused") or {}
    return Stand(ready["release"], refused.get("release"), refused.get("message"))


def of_covers(ready: Mapping[str, Any]) -> Stand | None:
    """On releases of covers."""
    covers = ready.get("artwork")
    return None if covers is None else Stand(covers["release"], covers["refused_release"], covers["refused"])


class Verdicts:
    """On one folder of releases; one at a time: the newest."""

    def __init__(self, settings: TrainerSettings, publication: Publication, stand_of: StandOf = of_recommender) -> None:
        self._settings = settings
        self._publication = publication
        self._stand_of = stand_of
        self._in_force: str | None = None
        self._awaited: str | None = None
        self._until_s = 0.0
        self.refusals = 0

    @property
    def awaited(self) -> str | None:
        """The release that some service has not said anything about yet."""
        return self._awaited

    def follow(self) -> str | None:
        """Ask about each release that comes in force, whoever put it there; as `look`."""
        release_id = current_id(self._publication.root)
        if release_id is None:
            return None
        if release_id != self._in_force:
            if self._in_force is not None:
                self.wait_for(release_id)
            self._in_force = release_id
        refused = self.look()
        if refused is not None:
            self._in_force = current_id(self._publication.root)
        return refused

    def wait_for(self, release_id: str) -> None:
        """Ask from now on what the services make of a release."""
        if self._settings.service_urls:
            self._awaited = release_id
            self._until_s = time.monotonic() + self._settings.verdict_timeout_s

    def look(self) -> str | None:
        """Ask; the release, where one service has refused it and it is out of force for that."""
        release_id = self._awaited
        if release_id is None:
            return None
        ready = {url: _ready(url) for url in self._settings.service_urls}
        silent = [url for url, document in ready.items() if document is None]
        told = {url: self._stand_of(document) for url, document in ready.items() if document is not None}
        stands = {url: stand for url, stand in told.items() if stand is not None}
        for url, stand in stands.items():
            if stand.refused == release_id:
                logger.error("refused", extra={"release": release_id, "service": url, "reason": stand.message})
                self._awaited = None
                self.refusals += 1
                return release_id if self._take_back(release_id) else None
        if not silent and all(stand.served == release_id for stand in stands.values()):
            logger.info("served", extra={"release": release_id})
            self._awaited = None
        elif time.monotonic() > self._until_s:
            logger.error("verdict_missing", extra={"release": release_id, "silent": silent})
            self._awaited = None
        return None

    def _take_back(self, release_id: str) -> bool:
        with self._publication.turn():
            root = self._publication.root
            if read_current(root).release_id != release_id:
                return False  # overtaken meanwhile
            try:
                pointer = roll_back(root, self._settings.release_public_key)
            except ReleaseError as error:
                logger.error("not_rolled_back", extra={"release": release_id, "reason": error.code})
                return False
        logger.info("rolled_back", extra={"release": pointer.release_id, "before": release_id})
        return True


def _ready(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health/ready", timeout=TIMEOUT_S) as answer:
            state = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return state if isinstance(state, dict) and "status" in state else None
