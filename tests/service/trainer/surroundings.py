"""What a sidecar works between: the service's store, a folder of releases, its own folder."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.trainer.settings import SHARED, TrainerSettings
from tests.service.running import RedisServer

DAY_S = 86_400


@dataclass(frozen=True)
class Surroundings:
    """Settings are small: a test's log is short and its hit rates are chance."""

    redis_server: RedisServer
    root: Path
    work_dir: Path

    def settings(self, **changes: Any) -> TrainerSettings:
        """Settings of a sidecar here."""
        small = {"items_interval_s": 0.0, "max_hit_rate_loss": 1.0, "metrics_port": 0, "nice": 0}
        shared = {"release_root": self.root, "redis_url": self.redis_server.url, "work_dir": self.work_dir}
        return TrainerSettings(**{**shared, **small, **changes})

    def environment(self, **changes: str) -> dict[str, str]:
        """The same as variables, for a process."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith("REC_")}
        small = {"ITEMS_INTERVAL_S": "0", "MAX_HIT_RATE_LOSS": "1", "METRICS_PORT": "0", "NICE": "0"}
        own = {
            f"{'REC_' if name.lower() in SHARED else 'REC_TRAINER_'}{name}": value
            for name, value in ({**small, "WORK_DIR": str(self.work_dir), **changes}).items()
        }
        return {**bare, "REC_RELEASE_ROOT": str(self.root), "REC_REDIS_URL": self.redis_server.url, **own}

    def run_once(self, **changes: str) -> subprocess.CompletedProcess[str]:
        """python -m service.trainer --once."""
        command = [sys.executable, "-m", "service.trainer", "--once"]
        return subprocess.run(command, env=self.environment(**changes), capture_output=True, text=True, timeout=400)


def fields_of(event_id: str, user_id: str, item_id: str, event_time_s: int, **changes: str) -> dict[str, str]:
    """An event as the service streams it."""
    fields = {"kind": "event", "event_id": event_id, "user_id": user_id, "item_id": item_id}
    return {**fields, "event_time_s": str(event_time_s), "type": "play", "request_id": "", **changes}
