"""The least that HTTP costs: uvicorn in front of an application that reads the body and answers with fixed bytes."""

import argparse
import asyncio
from typing import Any

import uvicorn


class FixedAnswer:
    """An ASGI application without a framework."""

    def __init__(self, answer_bytes: int) -> None:
        self.body = b'{"item_ids":"' + b"x" * max(0, answer_bytes - 15) + b'"}'
        self.headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self.body)).encode()),
        ]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.speed.transport", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--answer-bytes", type=int, default=10_000)
    arguments = parser.parse_args()
    app: Any = FixedAnswer(arguments.answer_bytes)
    config = uvicorn.Config(
        app, "127.0.0.1", arguments.port, log_config=None, access_log=False, ws="none", lifespan="off"
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
