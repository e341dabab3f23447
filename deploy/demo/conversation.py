"""Conversation: the requests the demo makes of the running service, each shown as the curl that repeats it."""

import json
import shlex
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 30
# Far above what a warm service needs: the demo shows the model, not the fallback, on a machine that is busy training.
DEADLINE_MS = 5_000

Answer = dict[str, Any]


class RefusedError(RuntimeError):
    """The service answered with a problem document; the message carries it."""


def call(address: str, path: str, body: dict[str, Any]) -> Answer:
    """POST a JSON body and read the JSON answer; raises RefusedError for any status but 200."""
    request = urllib.request.Request(
        address + path, json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            document: Answer = json.load(answer)
            return document
    except urllib.error.HTTPError as error:
        raise RefusedError(f"POST {path}: {error.code} {error.read().decode(errors='replace')}") from error


def curl(address: str, path: str, body: dict[str, Any]) -> str:
    """The shell command that makes the same request."""
    return f"curl -s {address}{path} -H 'content-type: application/json' \\\n  -d {shlex.quote(json.dumps(body))}"


def render(answer: Answer) -> str:
    """The answer as JSON, one item a line."""
    lines = []
    for key, value in answer.items():
        text = json.dumps(value, ensure_ascii=False)
        if key == "groups" and value:
            text = "[\n" + ",\n".join(_render_group(group) for group in value) + "\n  ]"
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _render_group(group: Answer) -> str:
    head = "".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}, " for k, v in group.items() if k != "items")
    items = ",\n".join("      " + json.dumps(item, ensure_ascii=False) for item in group["items"])
    return f"    {{{head}" + '"items": [\n' + items + "\n    ]}"
