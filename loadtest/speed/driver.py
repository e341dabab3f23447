"""Driver: keeps requests under way on kept-alive connections, in a process of its own, and says what came back.

A closed loop: the next request is sent when an answer has arrived, so it measures cost and capacity; latencies under a
load that does not wait are the business of loadtest.open_loop. It parses no body: what it costs must not disturb.
"""

import argparse
import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

END_OF_HEADERS = b"\r\n\r\n"
RECEIVE_BYTES = 1 << 18
PATIENCE_S = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TIMING = re.compile(rb"\r\nserver-timing: *([^\r]*)", re.IGNORECASE)


@dataclass
class Outcome:
    """What a run saw; stages_ms: mean of every Server-Timing stage; faults: what went wrong, with counts."""

    answers: int = 0
    seconds: float = 0.0
    answer_bytes: int = 0
    latencies_ms: dict[str, float] = field(default_factory=dict)
    stages_ms: dict[str, float] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)


class _Connection:
    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.needed = 0
        self.sent_s = 0.0

    def send(self, request: bytes) -> None:
        self.received.clear()
        self.needed = 0
        self.sent_s = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has arrived; True once the answer is whole. Raises ConnectionError where the server hung up."""
        chunk = self.socket.recv(RECEIVE_BYTES)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self.received += chunk
        if not self.needed:
            end = self.received.find(END_OF_HEADERS)
            if end < 0:
                return False
            length = _LENGTH.search(self.received, 0, end)
            if length is None:
                raise ConnectionError("expected an answer with content-length, got none")
            self.needed = end + len(END_OF_HEADERS) + int(length[1])
        return len(self.received) >= self.needed


def drive(
    address: tuple[str, int],
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    count: int | None = None,
    expected: bytes = b"",
    start: int = 0,
) -> Outcome:
    """Send requests in turn from number `start` on until the time or the count is reached.

    expected: bytes that every good answer holds. Raises OSError where the server stops answering.
    """
    outcome, latencies, timings = Outcome(), [], []
    faults: Counter[str] = Counter()
    limit = sys.maxsize if count is None else count
    sent = 0
    with selectors.DefaultSelector() as selector, ExitStack() as open_sockets:
        pool = []
        for _ in range(min(connections, limit)):
            pool.append(_Connection(address))
            open_sockets.enter_context(pool[-1].socket)
        began_s = time.perf_counter()
        for connection in pool:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(requests[(start + sent) % len(requests)])
            sent += 1
        waiting = len(pool)
        while waiting:
            ready = selector.select(PATIENCE_S)
            if not ready:
                raise TimeoutError(f"expected an answer within {PATIENCE_S:g} s, got none")
            for key, _ in ready:
                connection = key.data
                if not connection.receive():
                    continue
                now_s = time.perf_counter()
                latencies.append(now_s - connection.sent_s)
                timings += _TIMING.findall(connection.received)
                outcome.answer_bytes += len(connection.received)
                fault = _fault(connection.received, expected)
                if fault:
                    faults[fault] += 1
                if now_s - began_s < seconds and sent < limit:
                    connection.send(requests[(start + sent) % len(requests)])
                    sent += 1
                else:
                    waiting -= 1
        outcome.seconds = time.perf_counter() - began_s
    outcome.answers, outcome.faults = len(latencies), dict(faults)
    outcome.answer_bytes //= max(1, len(latencies))
    outcome.latencies_ms = _percentiles(latencies)
    outcome.stages_ms = _mean_stages(timings)
    return outcome


def http_request(address: tuple[str, int], path: str, body: bytes, headers: Sequence[str] = ()) -> bytes:
    """A POST as it goes over the wire."""
    head = [
        f"POST {path} HTTP/1.1",
        f"host: {address[0]}:{address[1]}",
        f"content-length: {len(body)}",
        "content-type: application/json",
        *headers,
    ]
    return "\r\n".join(head).encode() + END_OF_HEADERS + body


def _fault(answer: bytearray, expected: bytes) -> str:
    status = bytes(answer[9:12])
    if status != b"200":
        return f"status {status.decode('ascii', 'replace')}"
    return "" if expected in answer else f"an answer without {expected.decode()}"


def _percentiles(latencies_s: list[float]) -> dict[str, float]:
    ordered = sorted(latencies_s)
    return {
        f"p{share}": round(1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 3)
        for share in (50, 90, 99)
        if ordered
    }


def _mean_stages(timings: Sequence[bytes]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for header in timings:
        for entry in header.decode("ascii", "replace").split(","):
            name, _, spent_ms = entry.strip().partition(";dur=")
            if spent_ms:
                sums[name] = sums.get(name, 0.0) + float(spent_ms)
    return {name: round(total_ms / len(timings), 4) for name, total_ms in sums.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.speed.driver", description=__doc__)
    parser.add_argument("--url", required=True, help="http://HOST:PORT/PATH that every request is posted to")
    parser.add_argument("--bodies", type=Path, required=True, help="file with one JSON body a line")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--count", type=int, help="stop after that many requests")
    parser.add_argument("--start", type=int, default=0, help="number of the first body")
    parser.add_argument("--header", action="append", default=[], help='sent with every request, e.g. "accept: a/b"')
    parser.add_argument("--expect", default="", help="text that every good answer holds")
    arguments = parser.parse_args(argv)
    parts = urlsplit(arguments.url)
    try:
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError(f"expected an address like http://127.0.0.1:8000/recommend, got {arguments.url!r}")
        address = (parts.hostname, parts.port)
        bodies = arguments.bodies.read_bytes().splitlines()
        if not bodies or arguments.connections < 1:
            raise ValueError("expected at least one body and one connection")
        outcome = drive(
            address,
            [http_request(address, parts.path, body, arguments.header) for body in bodies],
            connections=arguments.connections,
            seconds=arguments.seconds,
            count=arguments.count,
            expected=arguments.expect.encode(),
            start=arguments.start,
        )
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
