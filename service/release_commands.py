"""python -m service.releases rollback|list|current: what an operator does to a folder of releases.

Running services follow within REC_RELEASE_POLL_MS; they keep the release before the present one loaded.
"""

import argparse
import os
import sys
from pathlib import Path

from model.manifest import RELEASE_ID, ReleaseError, read_manifest
from model.release import read_current, roll_back, set_current


def main(argv: list[str] | None = None) -> int:
    """Do one of the commands; 2 where it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m service.releases", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    helps = {
        "rollback": "put the release before the present one in force again",
        "current": "print the release in force, or with an id put that one in force",
        "list": "print every release: id, when it was made, in force or rank among those before",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--root", type=Path, default=_default_root(), help="folder of releases; REC_RELEASE_ROOT")
        if name == "current":
            command.add_argument("release", nargs="?", help="id of the release to put in force")
    arguments = parser.parse_args(argv)
    if arguments.root is None:
        parser.error("expected --root or REC_RELEASE_ROOT")
    try:
        sys.stdout.write(_done(arguments))
    except (ReleaseError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _done(arguments: argparse.Namespace) -> str:
    root: Path = arguments.root
    public_key = os.environ.get("REC_RELEASE_PUBLIC_KEY") or None
    if arguments.command == "rollback":
        before = read_current(root).release_id
        return f"{before} -> {roll_back(root, public_key).release_id}\n"
    if arguments.command == "list":
        return "".join(f"{line}\n" for line in _listed(root))
    if arguments.release is not None:
        set_current(root, arguments.release, public_key)
    return f"{read_current(root).release_id}\n"


def _listed(root: Path) -> list[str]:
    """Newest first."""
    try:
        pointer = read_current(root)
        place = {pointer.release_id: "in force"} | {one: f"-{age}" for age, one in enumerate(pointer.earlier, 1)}
    except ReleaseError as error:
        place = {"": str(error)}
    lines = []
    for path in sorted(root.iterdir(), reverse=True):
        if not RELEASE_ID.fullmatch(path.name):
            continue
        try:
            made = read_manifest(path)["created_at"]
        except ReleaseError as error:
            made = error.code
        lines.append(f"{path.name}  {made}  {place.get(path.name, '')}".rstrip())
    return lines


def _default_root() -> Path | None:
    root = os.environ.get("REC_RELEASE_ROOT")
    return Path(root) if root else None
