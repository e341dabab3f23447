"""Settings: every deployment knob, read from REC_ environment variables and checked at start."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model.signature import decoded_key
from service.concurrency import LOWEST_LIMIT
from service.experiment import Experiment

PREFIX = "REC_"
# Read by the training commands and the demo; harmless in a shell that also starts the service.
FOREIGN_NAMES = frozenset({"REC_DATA_DIR", "REC_MEDIA_DATA_DIR"})
# Of the sidecar, which checks them itself.
TRAINER_PREFIX = "REC_TRAINER_"


def _from_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


# NoDecode: read here, so that unreadable JSON is one fault among the others.
Where = Annotated[dict[str, dict[str, list[str]]], NoDecode, BeforeValidator(_from_json)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_from_json)]
Trial = Annotated[Experiment | None, NoDecode, BeforeValidator(_from_json)]


class SettingsError(ValueError):
    """The environment does not describe a service; the message lists every fault."""


class Settings(BaseSettings):
    """What an operator can set, one REC_ variable each; frozen after start."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    release_root: Path | None = Field(
        None, description="directory of releases; its file `current` names the one to serve; unset: no recommendations"
    )
    release_poll_ms: int = Field(1_000, ge=10, description="how often each process looks which release is in force")
    release_public_key: str | None = Field(None, description="who must have signed a release; base64, from keygen")
    keep_previous: int = Field(1, ge=0, le=16, description="earlier releases kept loaded, for a rollback")
    gate_requests: int = Field(256, ge=0, le=10_000, description="recent requests to try a new release on; 0: no gate")
    gate_max_quality_loss: float = Field(0.1, ge=0, le=1, description="share of the gain on held-back events")
    gate_max_score_drift: float = Field(6.0, ge=0, description="common change of scores, in deviations of the changes")
    gate_min_coverage: float = Field(0.7, ge=0, le=1, description="different items in the lists, of as many as before")
    gate_min_shared_items: float = Field(0.8, ge=0, le=1, description="share of the items that must still be there")
    gate_max_value_loss: float = Field(0.002, ge=0, le=1, description="share of an attribute whose values vanish")

    redis_url: str = Field("redis://127.0.0.1:6379/0", description="redis://, rediss:// or unix:// address")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where the network runs; the search is on the CPU")
    runtime: Literal["auto", "fastest", "numpy", "eager", "compiled", "onnx", "onnx-int8", "bfloat16"] = Field(
        "auto", description="what reads histories; auto: the fastest exact one; fastest: lossy ones that pass count too"
    )
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=256, description="processes; more than one also take the ports after the first")
    policy: Where = Field(default_factory=dict, description='always enforced, e.g. {"explicit": {"none": ["yes"]}}')

    max_body_bytes: int = Field(1 << 20, ge=1024)
    body_timeout_ms: int = Field(10_000, ge=1, description="how long a client may take to send its body")
    max_concurrent_requests: int = Field(64, ge=1, description="most at once per process; the limit in force adapts")
    min_concurrent_requests: int = Field(LOWEST_LIMIT, ge=1, description="below which that limit never falls")
    max_k: int = Field(500, ge=1, le=10_000)
    max_instructions: int = Field(16, ge=1, le=256)
    max_history_events: int = Field(10_000, ge=1, description="events in the history of one request body")
    max_ingest_events: int = Field(1_000, ge=1, le=2_000, description="events in one POST /events")
    max_ingest_items: int = Field(1_000, ge=1, le=10_000, description="items in one POST /items")
    max_event_future_s: int = Field(300, ge=0, description="clock difference granted to event times")

    default_deadline_ms: int = Field(500, ge=1)
    max_deadline_ms: int = Field(10_000, ge=1)
    fallback_reserve_ms: int = Field(10, ge=0, description="time kept for the fallback when the model is late")

    redis_timeout_ms: int = Field(250, ge=1, description="longest wait for a read of the history store")
    ingest_timeout_ms: int = Field(2_000, ge=1, description="longest wait for a write to the history store")
    stored_history_events: int = Field(1_000, ge=1, le=5_000, description="events kept per user, the newest")
    event_id_ttl_s: int = Field(7 * 86_400, ge=1, description="how long a repeated event id is recognised")
    event_stream_events: int = Field(1_000_000, ge=1, description="events kept for the trainer, about")
    standing_window_events: int = Field(50, ge=1, le=500)
    standing_attributes: Names = Field((), description='e.g. ["genre"]; empty: whatever instructions are tuned on')
    standing_top_p: int = Field(4, ge=1, le=16)

    experiment: Trial = Field(None, description='{"name": ..., "arms": [{"name": ..., "share": ...}, ...]}')
    exposure_share: float | None = Field(
        None, ge=0, le=1, description="of users, whose exposures are logged; unset: all in an experiment, else none"
    )
    exposure_stream_requests: int = Field(200_000, ge=1, description="requests kept in the exposure log, about")
    exposure_retention_s: int = Field(30 * 86_400, ge=60, description="how long an exposure is kept at most")
    exposure_queue: int = Field(2_000, ge=1, description="requests that wait to be logged; dropped beyond")

    state_cache_bytes: int = Field(512 << 20, ge=0, description="memory for user states, per process; 0: none kept")
    max_batch: int = Field(16, ge=1, le=1_024, description="most requests in one call of the model")
    inline_ms: float = Field(3, ge=0, description="kept states: model calls up to this long skip the model thread")
    max_queue: int = Field(256, ge=1, description="requests that wait for the model; answered with 503 beyond")

    artwork_root: Path | None = Field(None, description="directory of artwork releases; unset: no covers")
    parts_dir: Path | None = Field(None, description="networks that look at pictures; unset: covers by sentence alone")
    artwork_threads: int = Field(1, ge=1, le=64, description="threads for pictures and sentences")
    artwork_max_waiting: int = Field(16, ge=0, description="requests that wait for one; answered with 503 beyond")
    artwork_max_k: int = Field(100, ge=1, le=1_000)
    artwork_rerank_covers: int = Field(50, ge=1, le=1_000, description="candidates that are ranked again")
    artwork_max_additions: int = Field(10_000, ge=0, description="covers added since the release was made")
    max_image_bytes: int = Field(10 << 20, ge=1024)
    max_image_pixels: int = Field(25_000_000, ge=1024, description="told by the header, before decompression")
    hands_root: Path | None = Field(None, description="directory of hand-pose releases; unset: no hand control")
    hands_tracker_dir: Path | None = Field(None, description="files of a hand tracker for browsers; unset: no camera")
    max_map_items: int = Field(4_000, ge=1, le=20_000, description="on the map: popular items, or a sample of covers")

    faces_root: Path | None = Field(None, description="releases of what reads action units; unset: no faces are read")
    cover_faces_root: Path | None = Field(None, description="releases of the faces on covers, from the batch")
    face_description_root: Path | None = Field(
        None, description="releases of what describes parts of faces; unset: nothing is described"
    )
    face_description_weights: Path | None = Field(
        None, description="folder of an adapted Qwen2.5-VL to describe with instead; extra vlm"
    )
    cover_images: Path | None = Field(None, description="folder of pictures named by cover id; unset: uploads alone")
    listener_faces: bool = Field(False, description="take action units of listeners who agreed; off: refuse them")
    listener_session_ttl_s: int = Field(1_800, ge=1, description="a session unheard of for so long is deleted")
    listener_max_sessions: int = Field(10_000, ge=1, description="sessions in memory; the oldest is deleted beyond")
    consent_ttl_s: int = Field(30 * 86_400, ge=1, description="how long a consent holds")

    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_hash_key: SecretStr | None = Field(None, description="key of the user hashes in logs; random if unset")

    @field_validator("release_public_key")
    @classmethod
    def _is_a_key(cls, public_key: str | None) -> str | None:
        if public_key is not None:
            decoded_key(public_key)
        return public_key

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        if self.face_description_weights is not None and self.face_description_root is None:
            raise ValueError("expected face_description_root beside face_description_weights")
        if self.default_deadline_ms > self.max_deadline_ms:
            raise ValueError("expected default_deadline_ms to be at most max_deadline_ms")
        if self.standing_top_p > self.max_instructions:
            raise ValueError("expected standing_top_p to be at most max_instructions")
        if self.workers > 1 and not 0 < self.port <= 65535 - 2 * self.workers:
            raise ValueError("expected a fixed port with 2 * workers ports after it for more than one worker")
        return self


def load_settings() -> Settings:
    """The settings of this process's environment; raises SettingsError that names every fault at once."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    given = {name for name in os.environ if name.upper().startswith(PREFIX)}
    given = {name for name in given if not name.upper().startswith(TRAINER_PREFIX)}
    faults = [f"{name}: no such setting" for name in sorted(given - known - FOREIGN_NAMES)]
    if not {"REC_RELEASE_ROOT", "REC_ARTWORK_ROOT"} & {name.upper() for name in given}:
        faults.append(
            "REC_RELEASE_ROOT: expected this, REC_ARTWORK_ROOT or both, got neither: there is nothing to serve"
        )
    settings = None
    try:
        settings = Settings()  # type: ignore[call-arg]  # the environment has the rest
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            name = PREFIX + ".".join(str(part) for part in fault["loc"]).upper() if fault["loc"] else "settings"
            faults.append(f"{name}: {fault['msg']}")
    if faults or settings is None:
        raise SettingsError("\n".join(faults))
    return settings
