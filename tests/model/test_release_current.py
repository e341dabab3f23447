import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model import release as release_file
from model.release import (
    Pointer,
    Release,
    ReleaseError,
    current_release,
    forget_earlier,
    read_current,
    roll_back,
    set_current,
    write_release,
)

FILES: dict[str, Path | bytes] = {"weights.safetensors": bytes(range(256)) * 8, "config.json": b"{}"}
FACTS = {"kind": "climber-pilot"}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return write_release(tmp_path, FILES, FACTS)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ReleaseError) as caught:
        call()
    return caught.value.code


def flip_a_bit(release: Release) -> None:
    path = release.path / "weights.safetensors"
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[1000] ^= 0x10
    path.write_bytes(content)


def test_current_names_the_release_in_force(release: Release) -> None:
    root = release.path.parent
    assert code_of(lambda: current_release(root)) == "no_current"
    set_current(root, release.release_id)
    assert current_release(root) == release.path
    second = write_release(root, FILES, FACTS | {"kind": "second"})
    assert current_release(root) == release.path
    set_current(root, second.release_id)
    assert current_release(root) == second.path
    assert sorted(entry.name for entry in root.iterdir()) == sorted([release.release_id, second.release_id, "current"])


def test_current_stays_when_the_next_release_is_refused(release: Release) -> None:
    root = release.path.parent
    set_current(root, release.release_id)
    broken = write_release(root, FILES, FACTS | {"kind": "second"})
    flip_a_bit(broken)
    assert code_of(lambda: set_current(root, broken.release_id)) == "hash_mismatch"
    assert code_of(lambda: set_current(root, "20300101T000000Z-00000000")) == "missing_release"
    for nonsense in ("", "..", "../" + release.release_id, release.release_id + "\n", "current"):
        assert code_of(lambda name=nonsense: set_current(root, name)) == "bad_current"
    assert current_release(root) == release.path


def test_switching_current_is_one_step(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    root = release.path.parent
    second = write_release(root, FILES, FACTS | {"kind": "second"})
    set_current(root, release.release_id)
    replace = os.replace
    seen: list[Path] = []

    def watched(source: str, target: Path) -> None:
        # The last moment before the switch and the first one after it: both times a whole release is in force.
        seen.append(current_release(root))
        replace(source, target)
        seen.append(current_release(root))

    monkeypatch.setattr(os, "replace", watched)
    set_current(root, second.release_id)
    assert seen == [release.path, second.path]

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        set_current(root, release.release_id)
    assert current_release(root) == second.path
    assert not list(root.glob(".current-*"))


@pytest.mark.parametrize("content", [b"", b"..\n", b"/etc\n", b"\xff\xfe", b"a" * 999, b"20261124T213000Z-1a2b3c4d/"])
def test_an_unreadable_current_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "current").write_bytes(content)
    assert code_of(lambda: current_release(tmp_path)) == "bad_current"


def test_current_of_a_removed_release_is_refused(release: Release) -> None:
    set_current(release.path.parent, release.release_id)
    shutil.rmtree(release.path)
    assert code_of(lambda: current_release(release.path.parent)) == "missing_release"


def publish(root: Path, name: str) -> str:
    release = write_release(root, FILES, FACTS | {"kind": name})
    set_current(root, release.release_id)
    return release.release_id


def test_a_rollback_goes_back_one_release_at_a_time(tmp_path: Path) -> None:
    first, second, third = (publish(tmp_path, name) for name in ("first", "second", "third"))
    assert read_current(tmp_path) == Pointer(third, (second, first))
    assert roll_back(tmp_path) == Pointer(second, (first,))
    assert roll_back(tmp_path) == read_current(tmp_path) == Pointer(first)
    assert code_of(lambda: roll_back(tmp_path)) == "no_earlier"
    assert read_current(tmp_path) == Pointer(first)
    set_current(tmp_path, third)
    set_current(tmp_path, third)
    assert read_current(tmp_path) == Pointer(third, (first,))


def test_a_rollback_passes_over_what_is_gone_or_broken(tmp_path: Path) -> None:
    first, second, third, fourth = (publish(tmp_path, name) for name in ("first", "second", "third", "fourth"))
    shutil.rmtree(tmp_path / third)
    flip_a_bit(Release(tmp_path / second, second, {}))
    assert roll_back(tmp_path) == Pointer(first)
    set_current(tmp_path, fourth)
    assert read_current(tmp_path).earlier == (first,)


def test_what_was_in_force_is_remembered_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_file, "MAX_EARLIER", 2)
    first, second, third, fourth = (publish(tmp_path, name) for name in ("first", "second", "third", "fourth"))
    assert first not in (tmp_path / "current").read_text()
    assert read_current(tmp_path) == Pointer(fourth, (third, second))


def test_a_torn_current_names_nothing(release: Release) -> None:
    root = release.path.parent
    (root / "current").write_text(f"{release.release_id}\n{release.release_id[:10]}\n")
    assert code_of(lambda: read_current(root)) == "bad_current"


def test_a_folder_that_is_not_there_has_no_current(tmp_path: Path) -> None:
    assert code_of(lambda: roll_back(tmp_path / "nowhere")) == "missing_release"
    assert code_of(lambda: roll_back(tmp_path)) == "no_current"


def test_what_was_overtaken_does_not_come_in_force(release: Release) -> None:
    root = release.path.parent
    other = write_release(root, FILES, FACTS | {"kind": "other"})
    assert code_of(lambda: set_current(root, other.release_id, replacing=release.release_id)) == "overtaken"
    set_current(root, release.release_id)
    set_current(root, other.release_id, replacing=release.release_id)
    assert code_of(lambda: set_current(root, release.release_id, replacing=release.release_id)) == "overtaken"
    assert read_current(root) == Pointer(other.release_id, (release.release_id,))


def test_releases_of_long_ago_are_forgotten_and_others_are_not(release: Release) -> None:
    root = release.path.parent
    ids = [write_release(root, FILES, FACTS | {"kind": str(number)}).release_id for number in range(4)]
    for release_id in ids:
        set_current(root, release_id)
    assert forget_earlier(root, 3) == []
    assert forget_earlier(root, 1) == [ids[1], ids[0]]
    assert read_current(root) == Pointer(ids[3], (ids[2],))
    # The first was never in force.
    assert {path.name for path in root.iterdir()} == {"current", release.release_id, ids[2], ids[3]}
    assert roll_back(root) == Pointer(ids[2])
