"""Target: the address of the service under test, the bytes that a request to it is made of, and single questions."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

import orjson

COLUMNS_TYPE = "application/vnd.climber-pilot.columns+json"
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Target:
    """Where requests go. prefix: what stands before every path."""

    host: str
    port: int
    prefix: str = ""

    @classmethod
    def of(cls, url: str) -> "Target":
        """Read an address; raises ValueError where it is not http://."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"expected an address like http://127.0.0.1:8000, got {url!r}")
        return cls(parts.hostname, parts.port or 80, parts.path.rstrip("/"))

    def message(self, path: str, body: bytes, user_id: str, accept: str = "application/json") -> bytes:
        """A whole POST request, ready to be written; a balancer may read whose it is from a header."""
        head = (
            f"POST {self.prefix}{path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\naccept: {accept}\r\n"
            f"x-rec-user: {user_id}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def ask(self, path: str, body: Any = None) -> Any:
        """The JSON answer to one GET, or one POST of body; raises ValueError where there is none with status 200."""
        connection = HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        try:
            method, content = ("GET", None) if body is None else ("POST", orjson.dumps(body))
            connection.request(method, self.prefix + path, content, {"content-type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            raise ValueError(f"expected a service at {self.host}:{self.port}, got {type(error).__name__}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(f"expected status 200 from {path}, got {response.status}: {answer[:300]!r}")
        return orjson.loads(answer)


def number_of(user_id: str, targets: Sequence[Target]) -> int:
    """Which of several workers a user always goes to."""
    return zlib.crc32(user_id.encode()) % len(targets)
