"""LitServe in front of the eager model: one worker that takes up to 16 waiting requests as a batch."""

import argparse
from pathlib import Path
from typing import Any

import litserve

from loadtest.speed.peers.eager_model import EagerModel, Item, Question

MAX_BATCH = 16
BATCH_TIMEOUT_S = 0.002


class RecommenderAPI(litserve.LitAPI):
    """Runs in LitServe's worker process; the server process parses and answers."""

    def __init__(self, root: Path) -> None:
        super().__init__(max_batch_size=MAX_BATCH, batch_timeout=BATCH_TIMEOUT_S, api_path="/recommend")
        self.root = root

    def setup(self, device: Any) -> None:  # noqa: ARG002 - the signature is LitServe's
        """Load the model once per worker."""
        self.model = EagerModel(self.root)

    def decode_request(self, request: dict[str, Any], **_: Any) -> Question:
        """The body, checked."""
        return Question.model_validate(request)

    def batch(self, inputs: list[Question]) -> list[Question]:
        """Questions go as they are."""
        return inputs

    def predict(self, questions: list[Question], **_: Any) -> list[list[Item]]:
        """One pass for all of them."""
        return self.model.answer(questions)

    def unbatch(self, output: list[list[Item]]) -> list[list[Item]]:
        """One list per question."""
        return output

    def encode_response(self, output: list[Item], **_: Any) -> dict[str, Any]:
        """The list as JSON."""
        return {"items": [item.model_dump() for item in output]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release-root", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    server = litserve.LitServer(RecommenderAPI(arguments.release_root), accelerator="cpu", fast_queue=True)
    server.run(
        host="127.0.0.1", port=arguments.port, num_api_servers=1, generate_client_file=False, log_level="warning"
    )
