"""fetch: download a data set from its publisher, verify it, keep what is read of it. Only ever run by a person."""

import hashlib
import json
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from model.datasets.publications import Publication
from model.datasets.report import DatasetError

RECORD_FILE = "fetched.json"
CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60


def fetch(name: str, publications: Sequence[Publication], data_dir: Path) -> list[Path]:
    """Bring a data set's files to data_dir/name; returns their paths.

    Files that an earlier fetch left and that are unchanged are not downloaded again. A broken download is resumed where
    a hash is pinned to judge the result by, else started over. Every file appears whole or not at all. fetched.json
    records address, hash and time; where no hash is pinned, a later download that differs from the recorded one is
    refused (trust on first use; delete the record to trust anew).

    Raises DatasetError where the publisher cannot be reached, a hash differs or an archive lacks a file.
    """
    folder = data_dir / name
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[Path] = []
    for publication in publications:
        record = _read_record(folder)
        if not _is_complete(publication, record.get(publication.address), folder):
            record[publication.address] = _fetch_one(publication, record.get(publication.address), folder)
            _write_record(folder, record)
        kept += [folder / member for member in publication.kept]
    return kept


def _fetch_one(publication: Publication, recorded: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    part = folder / f"{publication.file_name}.part"
    _download(publication, part)
    sha256 = digest_of(part, "sha256")
    algorithm, wanted = _wanted_digest(publication, recorded)
    got = sha256 if algorithm == "sha256" else digest_of(part, algorithm)
    if wanted is not None and got != wanted:
        part.unlink()
        known = "published" if publication.digest else "first fetched"
        raise DatasetError(
            f"{publication.address} is not the file that was {known}: expected {algorithm} {wanted}, got {got}; "
            "the download was deleted"
        )
    downloaded_bytes = part.stat().st_size
    if publication.members:
        try:
            _unpack(part, publication, folder)
        finally:
            part.unlink()
    else:
        os.replace(part, folder / publication.file_name)
    files = {member: digest_of(folder / member, "sha256") for member in publication.kept}
    fetched_at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"sha256": sha256, "bytes": downloaded_bytes, "fetched_at": fetched_at, "files": files}


def _wanted_digest(publication: Publication, recorded: dict[str, Any] | None) -> tuple[str, str | None]:
    if publication.digest:
        algorithm, _, wanted = publication.digest.partition(":")
        return algorithm, wanted
    return "sha256", recorded["sha256"] if recorded else None


def _is_complete(publication: Publication, recorded: dict[str, Any] | None, folder: Path) -> bool:
    if recorded is None:
        return False
    paths = [folder / member for member in publication.kept]
    return all(path.is_file() and digest_of(path, "sha256") == recorded["files"].get(path.name) for path in paths)


def _download(publication: Publication, part: Path) -> None:
    """Append to what is there of the download, or write it anew where the server or the missing hash demands it."""
    have_bytes = part.stat().st_size if publication.digest and part.is_file() else 0
    request = Request(publication.address, headers={"Range": f"bytes={have_bytes}-"} if have_bytes else {})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            resumed = answer.status == 206
            length = answer.headers.get("Content-Length")
            expected_bytes = int(length) + (have_bytes if resumed else 0) if length else None
            with part.open("ab" if resumed else "wb") as file:
                _copy(answer, file, publication.file_name, have_bytes if resumed else 0, expected_bytes)
    except (URLError, OSError) as error:
        # 416: nothing is left to download; the hash says whether what is there is the file.
        if getattr(error, "code", None) == 416 and have_bytes:
            return
        raise DatasetError(f"{publication.address} could not be downloaded: {error}") from error
    if expected_bytes is not None and part.stat().st_size != expected_bytes:
        raise DatasetError(f"{publication.address} broke off at {part.stat().st_size} of {expected_bytes} bytes")


def _copy(answer: IO[bytes], file: IO[bytes], label: str, have_bytes: int, expected_bytes: int | None) -> None:
    with tqdm(desc=label, initial=have_bytes, total=expected_bytes, unit="B", unit_scale=True) as bar:
        while chunk := answer.read(CHUNK_BYTES):
            file.write(chunk)
            bar.update(len(chunk))


def _unpack(archive: Path, publication: Publication, folder: Path) -> None:
    """Write the wanted members, whatever folder they are in; nothing else of the archive touches the disk."""
    with _members(archive, publication.file_name) as members:
        for wanted in publication.members:
            found = next((name for name in members if name.rsplit("/", 1)[-1] == wanted), None)
            if found is None:
                raise DatasetError(f"expected {wanted} in {publication.file_name}, got {', '.join(members)}")
            part = folder / f"{wanted}.part"
            with members.open(found) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK_BYTES)
            os.replace(part, folder / wanted)


class _Archive:
    """The regular files of a zip or tar, by name."""

    def __init__(self, archive: zipfile.ZipFile | tarfile.TarFile) -> None:
        self._archive = archive
        if isinstance(archive, zipfile.ZipFile):
            self._names = [info.filename for info in archive.infolist() if not info.is_dir()]
        else:
            self._names = [member.name for member in archive.getmembers() if member.isfile()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def open(self, name: str) -> IO[bytes]:
        if isinstance(self._archive, zipfile.ZipFile):
            return self._archive.open(name)
        file = self._archive.extractfile(name)
        assert file is not None  # regular files only, see __init__
        return file


@contextmanager
def _members(archive: Path, file_name: str) -> Iterator[_Archive]:
    try:
        if file_name.endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                yield _Archive(opened)
        else:
            with tarfile.open(archive) as opened_tar:
                yield _Archive(opened_tar)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise DatasetError(f"{file_name} is no readable archive: {error}") from error


def digest_of(path: Path, algorithm: str) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _write_record(folder: Path, record: dict[str, Any]) -> None:
    part = folder / f"{RECORD_FILE}.part"
    part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    os.replace(part, folder / RECORD_FILE)
