"""TrainerSettings: every knob of the sidecar, REC_TRAINER_ variables and those it shares with the service."""

import json
import os
import socket
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.settings import TRAINER_PREFIX, Settings, SettingsError

SHARED = ("release_root", "release_public_key", "redis_url", "log_level")
"""One variable each for the service and the sidecar: they mean the same to both."""


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
