"""TrainerSettings: every knob of the sidecar, REC_TRAINER_ variables and those it shares with the service."""

import json
import os
import socket
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.settings import TRAINER_PREFIX, Settings, SettingsError

SHARED = (
    *("release_root", "release_public_key", "redis_url", "log_level"),
    *("artwork_root", "parts_dir", "faces_root", "cover_faces_root", "cover_images"),
)
"""One variable each for the service and the sidecar: they mean the same to both."""
MATCHERS = ("matcher_pairs", "matcher_features", "matcher_configs")
LIBRARY = ("library_table", "library_images", "library_features")
TOGETHER = (
    (MATCHERS, (*MATCHERS, "matcher_root")),
    ((*LIBRARY, "library_sentences", "library_queries"), (*LIBRARY, "matcher_root", "artwork_root")),
    (("cover_faces_interval_s",), ("cover_images", "faces_root", "cover_faces_root")),
)
"""Who sets one of the first has to set all of the second: else the job that they are for could not run."""


def _shared(name: str, *, required: bool = False) -> Any:
    """The service's own field, under the service's variable; required: here, where the service can do without."""
    known = Settings.model_fields[name]
    alias = AliasChoices(f"REC_{name.upper()}", name)
    return Field(... if required or known.is_required() else known.get_default(), validation_alias=alias)


def _from_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_from_json)]


class TrainerSettings(BaseSettings):
    """What an operator can set of the sidecar; frozen after start."""

    model_config = SettingsConfigDict(
        env_prefix=TRAINER_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, populate_by_name=True
    )

    release_root: Path = _shared("release_root", required=True)
    release_public_key: str | None = _shared("release_public_key")
    redis_url: str = _shared("redis_url")
    log_level: str = _shared("log_level")
    artwork_root: Path | None = _shared("artwork_root")
    parts_dir: Path | None = _shared("parts_dir")
    faces_root: Path | None = _shared("faces_root")
    cover_faces_root: Path | None = _shared("cover_faces_root")
    cover_images: Path | None = _shared("cover_images")

    work_dir: Path = Field(description="the archive of events and what is under way; one sidecar per folder")
    signing_key: Path | None = Field(None, description="private key that releases are signed with; unset: unsigned")
    consumer: str = Field(default_factory=socket.gethostname, description="name in the stream's consumer group")

    flush_events: int = Field(10_000, ge=1, le=1_000_000, description="events that are written to the archive at once")
    flush_interval_s: float = Field(10, gt=0, description="longest time that an event waits for the archive")
    claim_idle_s: float = Field(60, ge=1, description="after which another consumer's unfinished events are taken over")
    items_interval_s: float = Field(5, ge=0, description="shortest time between two releases made for new items")

    interval_s: float = Field(86_400, ge=0, description="time from one training to the next")
    min_events: int = Field(1_000, ge=1, description="new events that a training waits for")
    window_days: float = Field(30, gt=0, description="days of events, back from the newest, that are trained on")
    event_types: Names = Field(("play",), description="types of events that are trained on")
    pretrain_epochs: int = Field(3, ge=1, description="epochs of TAMIP")
    finetune_epochs: int = Field(1, ge=1, description="epochs of CGSA")
    learning_rate_share: float = Field(0.5, gt=0, le=1, description="of the learning rates of the release's training")
    max_hit_rate_loss: float = Field(
        0.1, ge=0, le=1, description="share of HR@50 on the newest events that may be lost"
    )
    max_attempts: int = Field(10, ge=1, description="failures or kills within one stage before a training is given up")
    nice: int = Field(10, ge=0, le=19, description="how far a training steps back for other processes")

    matcher_root: Path | None = Field(None, description="releases of matchers, those in force to be compared with")
    matcher_pairs: Path | None = Field(None, description="pairs to train matchers on; unset: none are trained")
    matcher_features: Path | None = Field(None, description="feature store that has the pairs' images")
    matcher_configs: Names = Field((), description="TOML files of the ensemble's members, as JSON")
    matcher_interval_s: float = Field(604_800, ge=0, description="time from one training of matchers to the next")

    library_table: Path | None = Field(None, description="covers to build a library of; unset: none is built")
    library_images: Path | None = Field(None, description="their pictures")
    library_features: Path | None = Field(None, description="feature store of their pictures; what it lacks is added")
    library_sentences: Path | None = Field(None, description="what POST /artwork/match may find")
    library_queries: Path | None = Field(None, description="queries that choose the weights of the fusion")
    library_interval_s: float = Field(
        3_600, ge=0, description="how often covers are looked through for changes; new matchers are seen at once"
    )

    cover_faces_interval_s: float | None = Field(
        None, ge=0, description="how often pictures are looked through for new faces; unset: no faces are read"
    )

    keep_releases: int = Field(4, ge=1, le=32, description="earlier releases kept on disk")
    service_urls: Names = Field((), description='services whose verdict counts, e.g. ["http://service:8001"]')
    verdict_timeout_s: float = Field(120, gt=0, description="how long their verdict on a release is waited for")
    metrics_host: str = Field("127.0.0.1", description="address of the metrics")
    metrics_port: int = Field(8500, ge=0, le=65535, description="port of the metrics, Prometheus text; 0: none")

    @model_validator(mode="after")
    def _signs_where_it_must(self) -> Self:
        if self.release_public_key is not None and self.signing_key is None:
            raise ValueError("expected signing_key where release_public_key refuses what nobody has signed")
        return self

    @model_validator(mode="after")
    def _jobs_have_what_they_need(self) -> Self:
        wanted = [pair for pair in TOGETHER if any(getattr(self, name) not in (None, ()) for name in pair[0])]
        lacking = {name for _, needed in wanted for name in needed if getattr(self, name) in (None, ())}
        if lacking:
            raise ValueError(f"expected {', '.join(map(variable_of, sorted(lacking)))} beside what is set of its job")
        if self.matcher_root is not None and self.matcher_pairs is None and self.library_table is None:
            raise ValueError(f"expected settings of a job that uses {variable_of('matcher_root')}, got none")
        return self

    def at_once(self) -> "TrainerSettings":
        """These, with no interval to be waited for."""
        eager: dict[str, float] = dict.fromkeys(("interval_s", "matcher_interval_s", "library_interval_s"), 0.0)
        if self.cover_faces_interval_s is not None:
            eager["cover_faces_interval_s"] = 0.0
        return self.model_copy(update={**eager, "min_events": 1})


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"REC_{name.upper()}" if name in SHARED else f"{TRAINER_PREFIX}{name.upper()}"


def load_trainer_settings() -> TrainerSettings:
    """The settings of this process's environment; raises SettingsError that names every fault at once."""
    known = {variable_of(name) for name in TrainerSettings.model_fields}
    given = {name for name in os.environ if name.upper().startswith(TRAINER_PREFIX)}
    faults = [f"{name}: no such setting" for name in sorted(given - known)]
    settings = None
    try:
        settings = TrainerSettings()  # type: ignore[call-arg]  # the environment has the rest
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            name = str(fault["loc"][0]) if fault["loc"] else "settings"
            faults.append(f"{name if name.startswith('REC_') else variable_of(name)}: {fault['msg']}")
    if faults or settings is None:
        raise SettingsError("\n".join(faults))
    return settings
