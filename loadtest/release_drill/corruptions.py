"""Corruptions: ways in which a published release can be broken on disk, each with the reasons that tell it."""

import json
import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path

from loadtest.release_drill.corruption import Corruption
from model.climber_pilot.inference import CONFIG_FILE
from model.manifest import MANIFEST, SIGNATURE
from model.release import write_release
from model.signature import new_key, sign_release


def _some_file(path: Path, rng: random.Random) -> Path:
    names = sorted(one.name for one in path.iterdir() if one.name not in (MANIFEST, SIGNATURE))
    chosen = path / rng.choice(names)
    chosen.chmod(0o644)
    return chosen


def _flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    place = rng.randrange(len(content))
    content[place] ^= 1 << rng.randrange(8)
    path.chmod(0o644)
    path.write_bytes(content)


def flipped_bit(path: Path, rng: random.Random) -> None:
    _flip(_some_file(path, rng), rng)


def flipped_manifest_bit(path: Path, rng: random.Random) -> None:
    _flip(path / MANIFEST, rng)


def truncated(path: Path, rng: random.Random) -> None:
    chosen = _some_file(path, rng)
    os.truncate(chosen, rng.randrange(chosen.stat().st_size))


def lengthened(path: Path, rng: random.Random) -> None:
    with _some_file(path, rng).open("ab") as file:
        file.write(rng.randbytes(rng.randint(1, 9_000)))


def garbled(path: Path, rng: random.Random) -> None:
    """A page of a file is another one's, as after a failed disk."""
    chosen = _some_file(path, rng)
    content = bytearray(chosen.read_bytes())
    page = rng.randbytes(min(4_096, len(content)))
    place = rng.randrange(len(content) - len(page) + 1)
    content[place : place + len(page)] = page
    chosen.write_bytes(content)


def swapped(path: Path, rng: random.Random) -> None:
    names = sorted(one.name for one in path.iterdir() if one.name not in (MANIFEST, SIGNATURE))
    first, second = (path / name for name in rng.sample(names, 2))
    spare = path.parent / f"{path.name}-spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)


def removed(path: Path, rng: random.Random) -> None:
    _some_file(path, rng).unlink()


def added(path: Path, rng: random.Random) -> None:
    (path / f"{rng.choice(['', '.'])}{rng.randrange(1 << 30)}.bin").write_bytes(rng.randbytes(rng.randrange(100)))


def added_folder(path: Path, rng: random.Random) -> None:
    (path / str(rng.randrange(1 << 30))).mkdir()


def linked(path: Path, rng: random.Random) -> None:
    chosen = _some_file(path, rng)
    outside = path.parent / f"{path.name}-outside"
    chosen.rename(outside)
    chosen.symlink_to(outside)


def piped(path: Path, rng: random.Random) -> None:
    chosen = _some_file(path, rng)
    chosen.unlink()
    os.mkfifo(chosen)


def made_a_folder(path: Path, rng: random.Random) -> None:
    chosen = _some_file(path, rng)
    chosen.unlink()
    chosen.mkdir()


def without_manifest(path: Path, _: random.Random) -> None:
    (path / MANIFEST).unlink()


def _edit(path: Path, text: bytes) -> None:
    (path / MANIFEST).chmod(0o644)
    (path / MANIFEST).write_bytes(text)


def cut_manifest(path: Path, rng: random.Random) -> None:
    text = (path / MANIFEST).read_bytes()
    _edit(path, text[: rng.randrange(len(text) - 2)])


def nested_manifest(path: Path, rng: random.Random) -> None:
    _edit(path, b"[" * rng.randint(10_000, 100_000))


def endless_manifest(path: Path, rng: random.Random) -> None:
    _edit(path, b"{}" + b" " * ((4 << 20) + rng.randrange(1_000)))


def infinite_manifest(path: Path, rng: random.Random) -> None:
    _edit(path, b'{"schema_version": %s}' % rng.choice([b"NaN", b"Infinity", b"-Infinity"]))


def newer_manifest(path: Path, rng: random.Random) -> None:
    manifest = json.loads((path / MANIFEST).read_bytes())
    _edit(path, json.dumps(manifest | {"schema_version": rng.randint(2, 99)}).encode())


def climbing_manifest(path: Path, rng: random.Random) -> None:
    """It names a file outside the release."""
    manifest = json.loads((path / MANIFEST).read_bytes())
    name = rng.choice(["../current", "/etc/passwd", "a/b", ".hidden", "x" * 129, MANIFEST])
    manifest["files"][name] = manifest["files"].pop(CONFIG_FILE)
    _edit(path, json.dumps(manifest).encode())


def boastful_manifest(path: Path, rng: random.Random) -> None:
    """Facts that the publisher did not state."""
    manifest = json.loads((path / MANIFEST).read_bytes())
    manifest["facts"]["metrics"] = {"hr@10": rng.random()}
    _edit(path, json.dumps(manifest).encode())


def another_manifest(path: Path, rng: random.Random) -> None:
    """That of a release which is as whole."""
    other = write_release(path.parent / "others", {"file": rng.randbytes(10)}, {})
    _edit(path, (other.path / MANIFEST).read_bytes())


def renamed(path: Path, rng: random.Random) -> Path:
    return path.rename(path.with_name(f"20300101T000000Z-{rng.randrange(1 << 32):08x}"))


def linked_whole(path: Path, _: random.Random) -> None:
    outside = path.parent / f"{path.name}-outside"
    path.rename(outside)
    path.symlink_to(outside)


def vanished(path: Path, _: random.Random) -> None:
    shutil.rmtree(path)


def unsigned(path: Path, _: random.Random) -> None:
    (path / SIGNATURE).unlink()


def forged(path: Path, rng: random.Random) -> None:
    (path / SIGNATURE).chmod(0o644)
    (path / SIGNATURE).write_bytes(rng.choice([b"", rng.randbytes(64), b"QUJD", b"\xff" * 9_000]))


def signed_by_another(path: Path, rng: random.Random) -> None:
    key = path.parent / f"{rng.randrange(1 << 60)}.key"
    new_key(key)
    sign_release(path, key)


CORRUPTIONS: Mapping[str, Corruption] = {
    "flipped_bit": Corruption(flipped_bit, frozenset({"hash_mismatch"})),
    "truncated": Corruption(truncated, frozenset({"size_mismatch"})),
    "lengthened": Corruption(lengthened, frozenset({"size_mismatch"})),
    "garbled": Corruption(garbled, frozenset({"hash_mismatch"})),
    "swapped": Corruption(swapped, frozenset({"size_mismatch", "hash_mismatch"})),
    "removed": Corruption(removed, frozenset({"missing_file"})),
    "added": Corruption(added, frozenset({"unknown_file"})),
    "added_folder": Corruption(added_folder, frozenset({"unknown_file"})),
    "linked": Corruption(linked, frozenset({"symlink"})),
    "piped": Corruption(piped, frozenset({"not_a_file"})),
    "made_a_folder": Corruption(made_a_folder, frozenset({"not_a_file"})),
    "without_manifest": Corruption(without_manifest, frozenset({"missing_manifest"})),
    "flipped_manifest_bit": Corruption(
        flipped_manifest_bit,
        frozenset({"bad_manifest", "manifest_mismatch", "schema_version", "bad_name", "wrong_directory"}),
    ),
    "cut_manifest": Corruption(cut_manifest, frozenset({"bad_manifest"})),
    "nested_manifest": Corruption(nested_manifest, frozenset({"bad_manifest"})),
    "endless_manifest": Corruption(endless_manifest, frozenset({"bad_manifest"})),
    "infinite_manifest": Corruption(infinite_manifest, frozenset({"bad_manifest"})),
    "newer_manifest": Corruption(newer_manifest, frozenset({"schema_version"})),
    "climbing_manifest": Corruption(climbing_manifest, frozenset({"bad_name"})),
    "boastful_manifest": Corruption(boastful_manifest, frozenset({"manifest_mismatch"})),
    "another_manifest": Corruption(another_manifest, frozenset({"wrong_directory"})),
    "renamed": Corruption(renamed, frozenset({"wrong_directory"})),
    "linked_whole": Corruption(linked_whole, frozenset({"symlink"})),
    "vanished": Corruption(vanished, frozenset({"missing_release"})),
    "unsigned": Corruption(unsigned, frozenset({"unsigned"}), signed=True),
    "forged": Corruption(forged, frozenset({"bad_signature"}), signed=True),
    "signed_by_another": Corruption(signed_by_another, frozenset({"bad_signature"}), signed=True),
    "tampered_and_signed": Corruption(boastful_manifest, frozenset({"bad_signature"}), signed=True),
}
