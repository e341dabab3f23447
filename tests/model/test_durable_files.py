import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from model.durable_files import claimed_directory, copy_durably, locked, replace_durably, sweep

WRITER = """
import sys, time
from pathlib import Path
from model.durable_files import claimed_directory
with claimed_directory(Path(sys.argv[1]), ".incoming-") as folder:
    (folder / "half").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_living_writer_is_left_alone_and_a_killed_one_swept(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        folder = Path(writer.stdout.readline().strip())
        assert sweep(tmp_path, ".incoming-") == []
        assert (folder / "half").exists()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert (folder / "half").exists()
    assert sweep(tmp_path, ".incoming-") == [folder]
    assert list(tmp_path.iterdir()) == []


def test_only_directories_of_that_prefix_are_swept(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / ".incoming-file").write_bytes(b"")
    (tmp_path / ".incoming-link").symlink_to(tmp_path / "release")
    assert sweep(tmp_path, ".incoming-") == []
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_is_left_of_a_claim(tmp_path: Path) -> None:
    def fail() -> None:
        with claimed_directory(tmp_path, ".incoming-") as folder:
            (folder / "half").write_bytes(b"")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_was_swept_before_its_lock_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept = []
    open_directory = os.open

    def sweep_first(path: Path, *arguments: int) -> int:
        if not swept:
            swept.append(path)
            Path(path).rmdir()
        return open_directory(path, *arguments)

    monkeypatch.setattr(os, "open", sweep_first)
    with claimed_directory(tmp_path, ".incoming-") as folder:
        monkeypatch.undo()
        assert folder.is_dir()
        assert swept
        assert swept[0] != folder


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    command = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"

    def taken() -> bool:
        return subprocess.run([sys.executable, "-c", command, tmp_path], capture_output=True).returncode != 0

    with locked(tmp_path):
        assert taken()
    assert not taken()


def test_a_copy_is_whole_and_read_only(tmp_path: Path) -> None:
    entry = copy_durably(b"content", tmp_path / "file", 7)
    assert entry["bytes"] == 7
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o444
    with pytest.raises(ValueError, match="at most 6 bytes"):
        copy_durably(b"content", tmp_path / "other", 6)


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_durably(path, b"one")
    handle = path.open("rb")
    replace_durably(path, b"two")
    assert (handle.read(), path.read_bytes()) == (b"one", b"two")
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]
    handle.close()


def test_who_does_not_wait_for_a_lock_is_told(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(BlockingIOError), locked(tmp_path, wait=False):
        pass
    with locked(tmp_path, wait=False):
        pass
