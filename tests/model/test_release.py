import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from model import durable_files
from model import manifest as manifest_file
from model import release as release_file
from model.release import (
    Release,
    ReleaseError,
    git_revision,
    set_current,
    verify_release,
    write_release,
)

FACTS = {"kind": "climber-pilot", "simulated": "nothing", "metrics": {"hr@10": 0.1}}
FILES: dict[str, Path | bytes] = {"weights.safetensors": bytes(range(256)) * 8, "config.json": b"{}", "empty.bin": b""}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return write_release(tmp_path / "releases", FILES, FACTS)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ReleaseError) as caught:
        call()
    return caught.value.code


def writable(path: Path) -> Path:
    path.chmod(0o644)
    return path


def test_what_is_written_is_read_back(release: Release, tmp_path: Path) -> None:
    again = verify_release(release.path)
    assert again == release
    assert again.release_id == release.path.name == again.manifest["release_id"]
    assert again.manifest["schema_version"] == 1
    assert again.manifest["facts"] == FACTS
    assert {name: entry["bytes"] for name, entry in again.manifest["files"].items()} == {
        "weights.safetensors": 2048,
        "config.json": 2,
        "empty.bin": 0,
    }
    assert {
        entry.name: entry.read_bytes() for entry in release.path.iterdir() if entry.name != "manifest.json"
    } == FILES
    created = datetime.strptime(again.manifest["created_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - created).total_seconds()) < 3600
    assert again.release_id == f"{created:%Y%m%dT%H%M%SZ}-{again.manifest['content_sha256'][:8]}"
    assert [entry.name for entry in (tmp_path / "releases").iterdir()] == [release.release_id]


def test_files_are_copied_from_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_files, "CHUNK_BYTES", 10)
    source = tmp_path / "vectors.npy"
    source.write_bytes(os.urandom(95))
    release = write_release(tmp_path / "releases", {"vectors.bin": source}, {})
    assert (release.path / "vectors.bin").read_bytes() == source.read_bytes()
    assert not (release.path / "vectors.bin").is_symlink()
    assert (release.path / "vectors.bin").stat().st_mode & 0o222 == 0


def flip_a_bit(release: Release) -> None:
    path = writable(release.path / "weights.safetensors")
    content = bytearray(path.read_bytes())
    content[1000] ^= 0x10
    path.write_bytes(content)


def swap_files(release: Release) -> None:
    first, second = release.path / "config.json", release.path / "weights.safetensors"
    spare = release.path / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)


def replace_by_link(release: Release, name: str) -> None:
    outside = release.path.parent / f"outside-{name}"
    (release.path / name).rename(outside)
    (release.path / name).symlink_to(outside)


def replace_by_pipe(release: Release) -> None:
    (release.path / "config.json").unlink()
    os.mkfifo(release.path / "config.json")


@pytest.mark.parametrize(
    ("corrupt", "code"),
    [
        (flip_a_bit, "hash_mismatch"),
        (lambda r: os.truncate(writable(r.path / "weights.safetensors"), 2047), "size_mismatch"),
        (lambda r: os.truncate(writable(r.path / "weights.safetensors"), 2049), "size_mismatch"),
        (swap_files, "size_mismatch"),
        (lambda r: (r.path / "config.json").unlink(), "missing_file"),
        (lambda r: (r.path / "extra.bin").write_bytes(b""), "unknown_file"),
        (lambda r: (r.path / ".hidden").write_bytes(b""), "unknown_file"),
        (lambda r: (r.path / "folder").mkdir(), "unknown_file"),
        (lambda r: replace_by_link(r, "config.json"), "symlink"),
        (lambda r: replace_by_link(r, "manifest.json"), "symlink"),
        (replace_by_pipe, "not_a_file"),
        (lambda r: (r.path / "manifest.json").unlink(), "missing_manifest"),
        (lambda r: writable(r.path / "manifest.json").write_text("{"), "bad_manifest"),
        (lambda r: writable(r.path / "manifest.json").write_text("[]"), "bad_manifest"),
        (lambda r: writable(r.path / "manifest.json").write_bytes(b"\xff\xfe"), "bad_manifest"),
        (lambda r: writable(r.path / "manifest.json").write_text("[" * 100_000), "bad_manifest"),
        (lambda r: writable(r.path / "manifest.json").write_text('{"schema_version": NaN}'), "bad_manifest"),
        (lambda r: writable(r.path / "manifest.json").write_text("{}" + " " * (4 << 20)), "bad_manifest"),
        (lambda r: writable(r.path / "manifest.json").write_text("{}"), "schema_version"),
        (lambda r: shutil.rmtree(r.path), "missing_release"),
    ],
)
def test_every_corruption_is_refused_by_name(release: Release, corrupt: Callable[[Release], Any], code: str) -> None:
    corrupt(release)
    assert code_of(lambda: verify_release(release.path)) == code


def test_two_files_of_one_size_swapped_are_told_apart(tmp_path: Path) -> None:
    release = write_release(tmp_path, {"config.json": b"[1]", "weights.safetensors": b"[2]"}, {})
    swap_files(release)
    assert code_of(lambda: verify_release(release.path)) == "hash_mismatch"


def test_a_renamed_or_linked_directory_is_another_release(release: Release) -> None:
    link = release.path.with_name("20300101T000000Z-00000000")
    link.symlink_to(release.path)
    assert code_of(lambda: verify_release(link)) == "symlink"
    link.unlink()
    renamed = release.path.rename(link)
    assert code_of(lambda: verify_release(renamed)) == "wrong_directory"


@pytest.mark.parametrize("name", ["../up", "/abs", "a/b", "", ".hidden", "manifest.json", "current", "x" * 129, "a b"])
def test_only_plain_names_are_written(tmp_path: Path, name: str) -> None:
    assert code_of(lambda: write_release(tmp_path / "releases", {name: b""}, {})) == "bad_name"
    assert not (tmp_path / "releases").exists()


@pytest.mark.parametrize(
    "facts", [{"metrics": float("nan")}, {"path": Path("x")}, {"big": "x" * (1 << 20)}, {"set": {1}}, {"b": b""}]
)
def test_facts_that_are_not_json_publish_nothing(tmp_path: Path, facts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"facts"):
        write_release(tmp_path, FILES, facts)
    assert list(tmp_path.iterdir()) == []


def test_no_files_and_too_large_files_publish_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="1 to 256 files"):
        write_release(tmp_path, {}, {})
    monkeypatch.setattr(release_file, "MAX_FILE_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100 bytes in weights"):
        write_release(tmp_path, FILES, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", ["open", "fsync", "rename"])
def test_an_interrupted_write_leaves_no_release(
    release: Release, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    root = release.path.parent

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    files = dict(FILES)
    if failing == "open":
        files["zzz.bin"] = root / "absent"
    elif failing == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match=r"disk full|absent"):
        write_release(root, files, {"kind": "other"})
    assert [entry.name for entry in root.iterdir()] == [release.release_id]


def test_a_killed_writer_leaves_nothing_that_passes_for_a_release(release: Release) -> None:
    torn = release.path.with_name(".incoming-abc")
    shutil.copytree(release.path, torn)
    assert code_of(lambda: verify_release(torn)) == "wrong_directory"
    (torn / "manifest.json").unlink()
    assert code_of(lambda: verify_release(torn)) == "missing_manifest"
    assert code_of(lambda: set_current(release.path.parent, torn.name)) == "bad_current"


def freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2026, 11, 24, 21, 30, tzinfo=tz)

    monkeypatch.setattr(manifest_file, "datetime", Frozen)


def test_the_id_is_the_time_and_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze(monkeypatch)
    first = write_release(tmp_path, FILES, FACTS)
    same = write_release(tmp_path, FILES, FACTS)
    other = write_release(tmp_path, FILES, FACTS | {"kind": "other"})
    assert first.release_id.startswith("20261124T213000Z-")
    assert first == same
    assert other.release_id.startswith("20261124T213000Z-")
    assert other.release_id != first.release_id


def test_a_published_release_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze(monkeypatch)
    release = write_release(tmp_path, FILES, FACTS)
    flip_a_bit(release)
    torn = (release.path / "weights.safetensors").read_bytes()
    assert code_of(lambda: write_release(tmp_path, FILES, FACTS)) == "hash_mismatch"
    assert (release.path / "weights.safetensors").read_bytes() == torn


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_git_revision_tells_a_changed_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "release.py"
    source.write_text("first\n")
    monkeypatch.setattr(release_file, "__file__", str(source))
    assert git_revision() == "unknown"
    git(tmp_path, "init", "--quiet")
    assert git_revision() == "unknown"
    git(tmp_path, "add", "release.py")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    revision = git(tmp_path, "rev-parse", "HEAD")
    assert git_revision() == revision
    source.write_text("second\n")
    assert git_revision() == f"{revision}+dirty"
    monkeypatch.setenv("PATH", "")
    assert git_revision() == "unknown"
