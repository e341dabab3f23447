"""LibraryBuild: the release of covers, built anew where matchers, covers or what was added to a service have changed.

Stages: look, build, publish. A release of covers names the networks that made its vectors, so that a service turns to
both in one step.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.artwork.additions import Additions
from model.release import remove_release, verify_release
from service.artwork.build import Plan, write
from service.artwork.networks import MATCHERS_FOLDER
from service.trainer.cycle import CycleOverError, Stage, check_changed
from service.trainer.journal import Journal
from service.trainer.listing import listing
from service.trainer.publication import CYCLE, Publication, current_id
from service.trainer.settings import TrainerSettings

STAGES = ("look", "build", "publish")


class LibraryBuild:
    """One cycle's stages. What was seen in a picture is kept in the feature store, so no kill costs more than one."""

    def __init__(self, settings: TrainerSettings) -> None:
        assert settings.artwork_root is not None
        assert settings.matcher_root is not None
        self._settings = settings
        self._matcher_root = settings.matcher_root
        self._publication = Publication(settings, settings.artwork_root)

    def stages(self) -> dict[str, Stage]:
        """Name -> what to do, in order."""
        return {name: getattr(self, name) for name in STAGES}

    def look(self, _: Path, journal: Journal) -> Mapping[str, Any]:
        """Which matchers are in force, and which covers there are."""
        settings, root = self._settings, self._publication.root
        matcher = current_id(self._matcher_root)
        if matcher is None:
            raise CycleOverError("no_matchers", matcher=None)
        places = (settings.library_table, settings.library_sentences, settings.library_queries, settings.library_images)
        seen = {"matcher": matcher, "covers": listing(*places, Additions(root).folder)}
        check_changed(journal, **seen)
        return {**seen, "base": current_id(root), "named": sorted(self._named())}

    def build(self, _: Path, journal: Journal) -> Mapping[str, Any]:
        """The release, not in force yet."""
        # Services refuse networks that nobody has signed, as they do releases.
        verify_release(self._matcher_root / journal.facts["matcher"], self._settings.release_public_key)
        release = self._publication.made(journal.cycle, lambda: write(self._plan(journal))[0])
        return {"release": release.release_id, "refused": release.manifest["facts"]["refused"]}

    def publish(self, _: Path, journal: Journal) -> Mapping[str, Any]:
        """In force; copies of networks go with the last release that names them."""
        self._publication.turn_to(journal.facts["release"], journal.facts["base"])
        for unnamed in set(journal.facts["named"]) - self._named():
            remove_release(self._publication.root / MATCHERS_FOLDER, unnamed)
        return {}

    def _plan(self, journal: Journal) -> Plan:
        settings = self._settings
        assert settings.library_table is not None
        assert settings.library_images is not None
        assert settings.library_features is not None
        return Plan(
            table=settings.library_table,
            images=settings.library_images,
            root=self._publication.root,
            matcher=self._matcher_root / journal.facts["matcher"],
            features=settings.library_features,
            parts=settings.parts_dir,
            sentences=settings.library_sentences,
            queries=settings.library_queries,
            signing_key=settings.signing_key,
            origin={CYCLE: journal.cycle},
        )

    def _named(self) -> set[str]:
        """The networks that releases of covers name."""
        return {facts["matcher"]["release_id"] for _, facts in self._publication.written() if "matcher" in facts}
