"""Release: a published, verified, immutable model - a directory of plain files under a manifest that names each hash.

<root>/<release_id>/ holds the files and manifest.json; <root>/current is a text file that names the release in force.
A directory becomes a release by one rename, after everything in it is on disk: what is torn never has a release's name.
Weights are safetensors and tables parquet, so that reading a release runs no code that came with it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from model.manifest import (
    CURRENT,
    MANIFEST,
    MAX_FILE_BYTES,
    MAX_FILES,
    RELEASE_ID,
    ReleaseError,
    build_manifest,
    check_name,
    open_plain,
    read_manifest,
)

INCOMING = ".incoming-"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Release:
    """manifest: schema_version, release_id, created_at, content_sha256, files {name: {sha256, bytes}}, facts."""

    path: Path
    release_id: str
    manifest: dict[str, Any]


def write_release(root: Path, files: Mapping[str, Path | bytes], facts: Mapping[str, object]) -> Release:
    """Publish files (name -> where to copy it from, or its content) under a new id; `current` stays as it is.

    facts: JSON, by convention kind, dataset, simulated, data_revision, git_revision, metrics. Raises ReleaseError for a
    name that is not a plain file name, ValueError for facts that are not JSON. A killed writer leaves a dot-directory
    that nothing reads.
    """
    for name in files:
        check_name(name)
    if not 0 < len(files) <= MAX_FILES:
        raise ValueError(f"expected 1 to {MAX_FILES} files, got {len(files)}")
    root.mkdir(parents=True, exist_ok=True)
    incoming = Path(tempfile.mkdtemp(prefix=INCOMING, dir=root))
    try:
        entries = {name: _copy(source, incoming / name) for name, source in sorted(files.items())}
        manifest = build_manifest(entries, facts)
        _copy(json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n", incoming / MANIFEST)
        incoming.chmod(0o755)
        _sync_directory(incoming)
        target = root / manifest["release_id"]
        if not target.exists():
            incoming.rename(target)
            _sync_directory(root)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    release = verify_release(target)
    if release.manifest != manifest:
        raise ReleaseError("id_taken", f"expected {target} to be free, got another release there")
    return release


def verify_release(path: Path) -> Release:
    """Read the manifest and hash every file; whatever does not match is a ReleaseError."""
    manifest = read_manifest(path)
    if manifest["release_id"] != path.resolve().name:
        raise ReleaseError("wrong_directory", f"expected directory {manifest['release_id']}, got {path.resolve().name}")
    present = {entry.name for entry in os.scandir(path)} - {MANIFEST}
    listed = set(manifest["files"])
    if present - listed:
        raise ReleaseError("unknown_file", f"expected only files of the manifest, got {sorted(present - listed)[:5]}")
    if listed - present:
        raise ReleaseError(
            "missing_file", f"expected every file of the manifest, missing {sorted(listed - present)[:5]}"
        )
    for name, entry in manifest["files"].items():
        with open_plain(path / name) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes != entry["bytes"]:
                raise ReleaseError("size_mismatch", f"expected {name} of {entry['bytes']} bytes, got {size_bytes}")
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 != entry["sha256"]:
            raise ReleaseError("hash_mismatch", f"expected {name} with sha256 {entry['sha256']}, got {sha256}")
    return Release(path, manifest["release_id"], manifest)


def set_current(root: Path, release_id: str) -> None:
    """Put a release in force, in one step for every reader; one that does not verify is refused."""
    if not RELEASE_ID.fullmatch(release_id):
        raise ReleaseError("bad_current", f"expected a release id, got {release_id!r}")
    verify_release(root / release_id)
    handle, name = tempfile.mkstemp(prefix=".current-", dir=root)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(f"{release_id}\n".encode())
            _sync_file(file, mode=0o644)
        os.replace(name, root / CURRENT)
    finally:
        Path(name).unlink(missing_ok=True)
    _sync_directory(root)


def current_release(root: Path) -> Path:
    """The directory of the release in force, not verified yet."""
    try:
        with (root / CURRENT).open("rb") as file:
            release_id = file.read(256).decode("ascii", "replace").strip()
    except FileNotFoundError:
        raise ReleaseError("no_current", f"expected a file {root / CURRENT}, got none") from None
    if not RELEASE_ID.fullmatch(release_id):
        raise ReleaseError("bad_current", f"expected a release id in {root / CURRENT}, got {release_id[:64]!r}")
    if not (root / release_id).is_dir():
        raise ReleaseError("missing_release", f"expected a directory {root / release_id}, got none")
    return root / release_id


def git_revision() -> str:
    """The commit of this source tree, "+dirty" where tracked files differ from it; "unknown" outside a checkout."""
    here = Path(__file__).resolve()

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()

    try:
        # An installed copy may lie inside the checkout of something else: only a tracked file tells this product's.
        git("ls-files", "--error-unmatch", "--", here.name)
        revision = git("rev-parse", "HEAD")
        return f"{revision}+dirty" if git("status", "--porcelain", "--untracked-files=no") else revision
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _copy(source: Path | bytes, target: Path) -> dict[str, Any]:
    """Write a file of the release to disk for good; its manifest entry."""
    sha256 = hashlib.sha256()
    size_bytes = 0
    with target.open("xb") as file:
        for chunk in _chunks(source):
            file.write(chunk)
            sha256.update(chunk)
            size_bytes += len(chunk)
            if size_bytes > MAX_FILE_BYTES:
                raise ValueError(f"expected at most {MAX_FILE_BYTES} bytes in {target.name}, got more")
        _sync_file(file, mode=0o444)
    return {"sha256": sha256.hexdigest(), "bytes": size_bytes}


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _sync_file(file: BinaryIO, mode: int) -> None:
    file.flush()
    os.fchmod(file.fileno(), mode)
    os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
