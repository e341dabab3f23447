"""Release: a published, verified, immutable model - a directory of plain files under a manifest that names each hash.

<root>/<release_id>/ holds the files and manifest.json, and manifest.sig where it is signed. <root>/current is a text
file: its first line names the release in force, the next ones those that were in force before it, newest first - one
file, replaced in one step, so that what is in force and what a rollback goes back to cannot contradict each other.
A directory becomes a release by one rename, after everything in it is on disk: what is torn never has a release's name.
Weights are safetensors and tables parquet, so that reading a release runs no code that came with it.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.durable_files import claimed_directory, copy_durably, locked, sweep, sync_directory
from model.manifest import (
    CURRENT,
    INCOMING,
    MANIFEST,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    RELEASE_ID,
    SIGNATURE,
    ReleaseError,
    build_manifest,
    check_name,
    manifest_bytes,
    open_plain,
    parse_manifest,
)
from model.signature import check_signature, signature_of

MAX_EARLIER = 32
MAX_CURRENT_BYTES = 4_096


@dataclass(frozen=True)
class Release:
    """manifest: schema_version, release_id, created_at, content_sha256, files {name: {sha256, bytes}}, facts."""

    path: Path
    release_id: str
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Pointer:
    """What `current` says. earlier: the releases that were in force before, newest first."""

    release_id: str
    earlier: tuple[str, ...] = ()


def write_release(
    root: Path, files: Mapping[str, Path | bytes], facts: Mapping[str, object], signing_key: Path | None = None
) -> Release:
    """Publish files (name -> where to copy it from, or its content) under a new id; `current` stays as it is.

    facts: JSON, by convention kind, dataset, simulated, data_revision, git_revision, metrics. Raises ReleaseError for a
    name that is not a plain file name, ValueError for facts that are not JSON. A killed writer leaves a dot-directory
    that nothing reads and the next writer removes. signing_key: a private key of model.signature.
    """
    for name in files:
        check_name(name)
    if not 0 < len(files) <= MAX_FILES:
        raise ValueError(f"expected 1 to {MAX_FILES} files, got {len(files)}")
    root.mkdir(parents=True, exist_ok=True)
    sweep(root, INCOMING)
    with claimed_directory(root, INCOMING) as incoming:
        entries = {
            name: copy_durably(source, incoming / name, MAX_FILE_BYTES) for name, source in sorted(files.items())
        }
        manifest = build_manifest(entries, facts)
        text = json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"
        if signing_key is not None:
            copy_durably(signature_of(text, signing_key), incoming / SIGNATURE, MAX_FILE_BYTES)
        copy_durably(text, incoming / MANIFEST, MAX_MANIFEST_BYTES)
        incoming.chmod(0o755)
        sync_directory(incoming)
        target = root / manifest["release_id"]
        if not target.exists():
            incoming.rename(target)
            sync_directory(root)
    release = verify_release(target)
    if release.manifest != manifest:
        raise ReleaseError("id_taken", f"expected {target} to be free, got another release there")
    return release


def verify_release(path: Path, public_key: str | None = None) -> Release:
    """Read the manifest and hash every file; whatever does not match is a ReleaseError.

    public_key: who must have signed it, base64; None takes anybody's.
    """
    text = manifest_bytes(path)
    if public_key is not None:
        check_signature(path, text, public_key)
    manifest = parse_manifest(text)
    if manifest["release_id"] != path.resolve().name:
        raise ReleaseError("wrong_directory", f"expected directory {manifest['release_id']}, got {path.resolve().name}")
    present = {entry.name for entry in os.scandir(path)} - {MANIFEST, SIGNATURE}
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


def set_current(root: Path, release_id: str, public_key: str | None = None, *, replacing: str | None = None) -> None:
    """Put a release in force, in one step for every reader; one that does not verify is refused.

    Asked for the release that is in force already, it writes the file anew: services look at it again.
    replacing: what must be in force until then; ReleaseError `overtaken` where somebody has put another there.
    """
    if not RELEASE_ID.fullmatch(release_id):
        raise ReleaseError("bad_current", f"expected a release id, got {release_id!r}")
    with _locked(root):
        verify_release(root / release_id, public_key)
        before = _current_or_none(root)
        if replacing is not None and (before is None or before.release_id != replacing):
            got = "nothing" if before is None else before.release_id
            raise ReleaseError("overtaken", f"expected {replacing} in force, to be replaced by {release_id}, got {got}")
        earlier = () if before is None else (before.release_id, *before.earlier)
        _write_current(root, Pointer(release_id, tuple(one for one in earlier if one != release_id)))


def roll_back(root: Path, public_key: str | None = None) -> Pointer:
    """Put the release in force again that was so before the present one, and forget the present one; what is now so.

    Earlier releases that are gone or do not verify are passed over. ReleaseError `no_earlier` where none is left.
    """
    with _locked(root):
        now = read_current(root)
        reasons = []
        for place, release_id in enumerate(now.earlier):
            try:
                verify_release(root / release_id, public_key)
            except (ReleaseError, OSError) as error:
                reasons.append(str(error))
                continue
            pointer = Pointer(release_id, now.earlier[place + 1 :])
            _write_current(root, pointer)
            return pointer
    raise ReleaseError("no_earlier", f"expected a release before {now.release_id}, got none: {'; '.join(reasons)}")


def forget_earlier(root: Path, keep: int) -> list[str]:
    """Remove the releases that were in force before, all but the `keep` newest of them; their ids.

    What was never in force stays: somebody may be about to put it there. A process that has one of them loaded keeps
    its files until it lets go of them.
    """
    with _locked(root):
        pointer = read_current(root)
        too_old = pointer.earlier[keep:]
        if not too_old:
            return []
        _write_current(root, Pointer(pointer.release_id, pointer.earlier[:keep]))
        for release_id in too_old:
            remove_release(root, release_id)
        return list(too_old)


def remove_release(root: Path, release_id: str) -> None:
    """Remove a release that nothing names, in one step for every reader; one that is not there is none."""
    with claimed_directory(root, INCOMING) as folder, suppress(FileNotFoundError):
        (root / release_id).rename(folder / release_id)


def read_current(root: Path) -> Pointer:
    """Which release is in force and which were so before; none of them verified, or even looked for."""
    try:
        with (root / CURRENT).open("rb") as file:
            lines = file.read(MAX_CURRENT_BYTES).decode("ascii", "replace").splitlines() or [""]
    except OSError:
        raise ReleaseError("no_current", f"expected a file {root / CURRENT}, got none") from None
    for line in lines:
        if not RELEASE_ID.fullmatch(line):
            raise ReleaseError("bad_current", f"expected release ids in {root / CURRENT}, got {line[:64]!r}")
    return Pointer(lines[0], tuple(lines[1:]))


def current_release(root: Path) -> Path:
    """The directory of the release in force, not verified yet."""
    path = root / read_current(root).release_id
    if not path.is_dir():
        raise ReleaseError("missing_release", f"expected a directory {path}, got none")
    return path


def sweep_root(root: Path) -> list[Path]:
    """Remove what killed writers have left in a folder of releases."""
    return sweep(root, INCOMING)


def _locked(root: Path) -> AbstractContextManager[None]:
    if not root.is_dir():
        raise ReleaseError("missing_release", f"expected a folder of releases at {root}, got none")
    return locked(root)


def _current_or_none(root: Path) -> Pointer | None:
    try:
        return read_current(root)
    except ReleaseError:
        return None


def _write_current(root: Path, pointer: Pointer) -> None:
    text = "\n".join((pointer.release_id, *pointer.earlier[:MAX_EARLIER])) + "\n"
    with claimed_directory(root, INCOMING) as folder:
        copy_durably(text.encode(), folder / CURRENT, MAX_CURRENT_BYTES)
        os.replace(folder / CURRENT, root / CURRENT)
    sync_directory(root)


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
