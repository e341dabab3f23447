"""Peer: another way to serve the same weights - how it is started, asked and read."""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.speed.servers import Servers, free_port

ROOT_VARIABLE = "SPEED_RELEASE_ROOT"
HERE = "loadtest.speed.peers"


@dataclass(frozen=True)
class Peer:
    """package: what must be installed; command: {root} and {port} are filled in.

    batched: whether a body and an answer are lists of one.
    """

    name: str
    package: str
    command: Sequence[str]
    ready_path: str
    batched: bool = False

    @property
    def installed(self) -> bool:
        """Whether its package can be imported here."""
        return importlib.util.find_spec(self.package) is not None

    def start(self, servers: Servers, root: Path) -> str:
        """Start it on a free loopback port and wait until it answers; its address."""
        port = free_port()
        command = [part.format(root=root, port=port) for part in self.command]
        environment = {ROOT_VARIABLE: str(root), "BENTOML_DO_NOT_TRACK": "true", "OMP_WAIT_POLICY": "PASSIVE"}
        return servers.start_http(self.name, [sys.executable, "-m", *command], environment, port, self.ready_path)

    def body(self, question: dict[str, Any]) -> dict[str, Any]:
        """A question as this peer takes it."""
        return {"questions": [question]} if self.batched else question

    def item_ids(self, answer: Any) -> list[str]:
        """The list in its answer, best first."""
        return [item["item_id"] for item in (answer[0] if self.batched else answer)["items"]]


def own(module: str) -> list[str]:
    """The command of a server in this package."""
    return [f"{HERE}.{module}", "--release-root", "{root}", "--port", "{port}"]


PEERS = (
    Peer("plain FastAPI", "fastapi", own("plain_fastapi"), "/health"),
    Peer("LitServe", "litserve", own("litserve_server"), "/health"),
    Peer(
        "BentoML",
        "bentoml",
        ["bentoml", "serve", f"{HERE}.bentoml_server:Recommender", "--host", "127.0.0.1", "--port", "{port}"],
        "/readyz",
        batched=True,
    ),
)
