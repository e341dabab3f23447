"""The plain peer: a FastAPI `def` endpoint in front of the eager model."""

import argparse
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from loadtest.speed.peers.eager_model import EagerModel, Item, Question


class Answer(BaseModel):
    """The list."""

    items: list[Item]


def create_app(root: Path) -> FastAPI:
    """The application; requests are answered one by one, each on a thread of the pool."""
    app = FastAPI()
    model = EagerModel(root)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/recommend")
    def recommend(question: Question) -> Answer:
        (items,) = model.answer([question])
        return Answer(items=items)

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release-root", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(create_app(arguments.release_root), host="127.0.0.1", port=arguments.port, access_log=False, ws="none")
