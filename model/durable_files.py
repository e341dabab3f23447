"""Durable files: written to disk for good, in directories that are swept away when their writer has died."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

CHUNK_BYTES = 1 << 20


def copy_durably(source: Path | bytes, target: Path, max_bytes: int) -> dict[str, Any]:
    """Write a new read-only file to disk for good: {sha256, bytes} of it; ValueError above max_bytes."""
    sha256 = hashlib.sha256()
    size_bytes = 0
    with target.open("xb") as file:
        for chunk in _chunks(source):
            file.write(chunk)
            sha256.update(chunk)
            size_bytes += len(chunk)
            if size_bytes > max_bytes:
                raise ValueError(f"expected at most {max_bytes} bytes in {target.name}, got more")
        sync_file(file, mode=0o444)
    return {"sha256": sha256.hexdigest(), "bytes": size_bytes}


def replace_durably(path: Path, content: bytes) -> None:
    """Put a file in the place of another in one step, on disk for good; a killed writer leaves the old one."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        sync_file(file, mode=0o644)
    os.replace(part, path)
    sync_directory(path.parent)


def sync_file(file: BinaryIO, mode: int) -> None:
    """Have a file's content and mode on disk."""
    file.flush()
    os.fchmod(file.fileno(), mode)
    os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Have a directory's entries on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(directory: Path, *, wait: bool = True) -> Iterator[None]:
    """Be the only one in here, of all processes; the kernel lets go of what a killed one held.

    wait: False raises BlockingIOError where another one is here.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


@contextmanager
def claimed_directory(parent: Path, prefix: str) -> Iterator[Path]:
    """A new directory to write in; what is left of it at the end is removed, after a kill by the next `sweep`."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(handle, fcntl.LOCK_EX)
        if path.exists():
            break
        os.close(handle)  # swept between its making and the lock
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def sweep(parent: Path, prefix: str) -> list[Path]:
    """Remove directories that `claimed_directory` of dead processes has left; which ones.

    A living writer holds a lock on its directory, which dies with it: no age has to be guessed.
    """
    swept = []
    for path in sorted(parent.glob(f"{prefix}*")):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
            swept.append(path)
        except OSError:
            continue
        finally:
            os.close(handle)
    return swept


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
