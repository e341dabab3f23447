"""Agreement: whether two servers give the same lists to the same questions."""

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

TIMEOUT_S = 60.0
LEAST = 0.99


def agreement(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> float:
    """Share of list positions that hold the same item; a position that only one of two lists has is a difference."""
    pairs = list(zip(ours, theirs, strict=True))
    same = sum(a == b for one, other in pairs for a, b in zip(one, other, strict=False))
    places = sum(max(len(one), len(other)) for one, other in pairs)
    return same / places if places else 0.0


def ask(url: str, body: Any) -> Any:
    """The answer to one POST; raises OSError where it is refused."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return json.load(answer)
