"""Manifest: what a release says of itself - each file's hash and size, the facts it was made from, its own hash."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
CURRENT = "current"
INCOMING = ".incoming-"
MAX_FILES = 256
MAX_FILE_BYTES = 64 << 30
MAX_MANIFEST_BYTES = 4 << 20
MAX_FACTS_BYTES = 1 << 20
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
RELEASE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
SHA256 = re.compile(r"[0-9a-f]{64}")


class ReleaseError(ValueError):
    """A directory that is no release, with a stable `code`.

    no_current, bad_current: nothing, or nothing readable, is in force.
    missing_release, missing_manifest, missing_file: it is not all there.
    bad_manifest, schema_version, bad_name, manifest_mismatch, wrong_directory: the manifest is not to be believed.
    unknown_file, not_a_file, symlink, size_mismatch, hash_mismatch: a file is not the one that was published.
    unsigned, bad_signature: a publisher is expected, and he did not sign this manifest.
    id_taken: another release has this id. no_earlier: there is nothing to roll back to.
    overtaken: another release is in force than the one that was to be replaced.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def build_manifest(entries: dict[str, dict[str, Any]], facts: Mapping[str, object]) -> dict[str, Any]:
    """The manifest of a new release, dated now; ValueError for facts that are not JSON."""
    now = datetime.now(UTC).replace(microsecond=0)
    content = {
        "schema_version": SCHEMA_VERSION,
        "created_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "files": entries,
        # Through JSON and back: the manifest in memory is the one that a reader will see.
        "facts": json.loads(_as_json(facts)),
    }
    sha256 = _content_sha256(content)
    return content | {"content_sha256": sha256, "release_id": f"{now.strftime('%Y%m%dT%H%M%SZ')}-{sha256[:8]}"}


def _content_sha256(manifest: Mapping[str, Any]) -> str:
    """Over all that the manifest says except its own hash and the id made from it."""
    content = {name: manifest[name] for name in ("schema_version", "created_at", "files", "facts")}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def manifest_bytes(path: Path) -> bytes:
    """The manifest of a release directory as it lies there; ReleaseError where there is none."""
    if path.is_symlink():
        raise ReleaseError("symlink", f"expected a directory at {path}, got a symbolic link")
    if not path.is_dir():
        raise ReleaseError("missing_release", f"expected a directory at {path}, got none")
    if not os.path.lexists(path / MANIFEST):
        raise ReleaseError("missing_manifest", f"expected {MANIFEST} in {path}, got none")
    with open_plain(path / MANIFEST) as file:
        text = file.read(MAX_MANIFEST_BYTES + 1)
    if len(text) > MAX_MANIFEST_BYTES:
        raise ReleaseError("bad_manifest", f"expected at most {MAX_MANIFEST_BYTES} bytes of manifest, got more")
    return text


def parse_manifest(text: bytes) -> dict[str, Any]:
    """The checked manifest; ReleaseError where it cannot be taken at its word."""
    try:
        manifest = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ReleaseError("bad_manifest", f"expected JSON, got {error}") from None
    _check_manifest(manifest)
    return manifest


def read_manifest(path: Path) -> dict[str, Any]:
    """The checked manifest of a release directory; ReleaseError where there is none to be believed."""
    return parse_manifest(manifest_bytes(path))


def _check_manifest(manifest: Any) -> None:
    if not isinstance(manifest, dict):
        raise ReleaseError("bad_manifest", f"expected a JSON object, got {type(manifest).__name__}")
    version = manifest.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise ReleaseError("schema_version", f"expected schema version {SCHEMA_VERSION}, got {version!r}")
    kinds = {"release_id": str, "created_at": str, "content_sha256": str, "files": dict, "facts": dict}
    wrong = sorted(name for name, kind in kinds.items() if not isinstance(manifest.get(name), kind))
    unknown = sorted(set(manifest) - set(kinds) - {"schema_version"})
    if wrong or unknown:
        raise ReleaseError("bad_manifest", f"expected fields {sorted(kinds)}, wrong {wrong}, unknown {unknown[:5]}")
    if not 0 < len(manifest["files"]) <= MAX_FILES:
        raise ReleaseError("bad_manifest", f"expected 1 to {MAX_FILES} files, got {len(manifest['files'])}")
    for name, entry in manifest["files"].items():
        check_name(name)
        _check_entry(name, entry)
    sha256 = _content_sha256(manifest)
    if manifest["content_sha256"] != sha256 or not manifest["release_id"].endswith(f"-{sha256[:8]}"):
        raise ReleaseError("manifest_mismatch", f"expected a manifest with sha256 {sha256}, got another claim")


def check_name(name: str) -> None:
    """Refuse what is not a plain file name: no directories, no dot-files, not the manifest's own name."""
    if not FILE_NAME.fullmatch(name) or name in (MANIFEST, SIGNATURE, CURRENT):
        raise ReleaseError("bad_name", f"expected a plain file name ({FILE_NAME.pattern}), got {name[:200]!r}")


def _check_entry(name: str, entry: Any) -> None:
    if not isinstance(entry, dict) or set(entry) != {"sha256", "bytes"}:
        raise ReleaseError("bad_manifest", f"expected sha256 and bytes of {name}, got {str(entry)[:200]}")
    sha256, size_bytes = entry["sha256"], entry["bytes"]
    if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
        raise ReleaseError("bad_manifest", f"expected 64 hex digits as sha256 of {name}, got {str(sha256)[:100]!r}")
    if type(size_bytes) is not int or not 0 <= size_bytes <= MAX_FILE_BYTES:
        raise ReleaseError("bad_manifest", f"expected 0 to {MAX_FILE_BYTES} bytes for {name}, got {size_bytes!r}")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"the number {text}, which JSON does not have")


def _as_json(facts: Mapping[str, object]) -> str:
    try:
        text = json.dumps(dict(facts), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected facts that are JSON, got {error}") from None
    if len(text) > MAX_FACTS_BYTES:
        raise ValueError(f"expected at most {MAX_FACTS_BYTES} bytes of facts, got {len(text)}")
    return text


@contextmanager
def open_plain(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file for reading; a link, directory, device or pipe is refused without waiting on it."""
    if path.is_symlink():
        raise ReleaseError("symlink", f"expected a plain file {path.name}, got a symbolic link")
    if not path.is_file():
        raise ReleaseError("not_a_file", f"expected a plain file {path.name}, got something else")
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        yield file
