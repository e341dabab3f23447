"""Verdicts: whether the services serve what was put in force; what they refuse goes out of force again.

Else the next training and the next items would be built upon a release that nobody serves.
"""

import json
import logging
import time
import urllib.error
import urllib.request
from typing import Any

from model.manifest import ReleaseError
from model.release import read_current, roll_back
from service.trainer.publication import Publication
from service.trainer.settings import TrainerSettings

TIMEOUT_S = 2.0
logger = logging.getLogger("service.trainer.verdicts")


class Verdicts:
    """One release at a time: the newest of ours."""

    def __init__(self, settings: TrainerSettings, publication: Publication) -> None:
        self._settings = settings
        self._publication = publication
        self._awaited: str | None = None
        self._until_s = 0.0
        self.refusals = 0

    @property
    def awaited(self) -> str | None:
        """The release that some service has not said anything about yet."""
        return self._awaited

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
        states = [_ready(url) for url in self._settings.service_urls]
        for url, state in zip(self._settings.service_urls, states, strict=True):
            refused = (state or {}).get("refused") or {}
            if refused.get("release") == release_id:
                logger.error("refused", extra={"release": release_id, "service": url, "reason": refused["message"]})
                self._awaited = None
                self.refusals += 1
                return release_id if self._take_back(release_id) else None
        if all(state is not None and state["release"] == release_id for state in states):
            logger.info("served", extra={"release": release_id})
            self._awaited = None
        elif time.monotonic() > self._until_s:
            silent = [url for url, state in zip(self._settings.service_urls, states, strict=True) if state is None]
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
    return state if isinstance(state, dict) and "release" in state else None
