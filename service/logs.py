"""Logs: JSON lines on stderr that hold no user id and no history."""

import hashlib
import logging
import secrets
import sys
import time
import traceback
from functools import lru_cache
from typing import Any

import orjson

# What a LogRecord has of its own; everything else was passed as `extra` and belongs into the line.
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class UserHash:
    """A keyed hash of user ids: tells the lines of one user together and nothing else."""

    def __init__(self, key: str | None = None) -> None:
        """`key`: set it to compare lines of several processes; random if None."""
        self._key = hashlib.sha256(key.encode() if key else secrets.token_bytes(32)).digest()

    def __call__(self, user_id: str) -> str:
        return hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), key=self._key, digest_size=8).hexdigest()


class JsonLines(logging.Formatter):
    """One JSON object per record: time, level, logger, event, and the fields passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        fields: dict[str, Any] = {
            "time": f"{_to_the_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        fields.update({name: value for name, value in vars(record).items() if name not in _OWN_FIELDS})
        if record.exc_info and record.exc_info[1] is not None:
            fields.update(failure_fields(record.exc_info[1]))
        return orjson.dumps(fields, default=str).decode()


@lru_cache(maxsize=2)
def _to_the_second(time_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_s))


def failure_fields(error: BaseException) -> dict[str, Any]:
    """What may be logged of an exception: its type and where it came from; its message may hold a client's data."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__qualname__,
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def configure_logs(level: str) -> None:
    """Send every logger of the process to stderr as JSON lines."""
    # Nothing of a line needs them, and to find them out costs as much as to write the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # Below this it tells every message of a WebSocket, and those are hands of people.
    logging.getLogger("uvicorn.error").setLevel(max(logging.INFO, root.level))
    # Its lines hold paths, and paths hold user ids; the exchange logs the route instead.
    logging.getLogger("uvicorn.access").disabled = True
