import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.manifest import _content_sha256
from model.release import Release, ReleaseError, verify_release, write_release


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return write_release(tmp_path, {"weights.safetensors": bytes(2048), "config.json": b"{}"}, {"simulated": "nothing"})


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ReleaseError) as caught:
        call()
    return caught.value.code


def edit_manifest(release: Release, change: Callable[[dict[str, Any]], object], *, reseal: bool = False) -> Path:
    """Change the manifest; reseal: as one would who knows how the hash and the id are made."""
    manifest = json.loads((release.path / "manifest.json").read_text())
    change(manifest)
    path = release.path
    if reseal:
        sha256 = _content_sha256(manifest)
        manifest |= {"content_sha256": sha256, "release_id": f"{manifest['release_id'][:17]}{sha256[:8]}"}
        path = release.path.rename(release.path.with_name(manifest["release_id"]))
    (path / "manifest.json").chmod(0o644)
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


@pytest.mark.parametrize("version", [0, 2, "1", True, None])
def test_another_schema_version_is_refused_before_anything_else(release: Release, version: object) -> None:
    edit_manifest(release, lambda manifest: manifest.update(schema_version=version, files={"../x": 1}))
    assert code_of(lambda: verify_release(release.path)) == "schema_version"


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["facts"].update(simulated="everything"),
        lambda manifest: manifest.update(created_at="2020-01-01T00:00:00Z"),
        lambda manifest: manifest["files"]["config.json"].update(bytes=3),
        lambda manifest: manifest.update(content_sha256="0" * 64),
        lambda manifest: manifest.update(release_id="20200101T000000Z-00000000"),
    ],
)
def test_an_edited_manifest_does_not_match_its_own_hash(release: Release, change: Callable[[dict], Any]) -> None:
    edit_manifest(release, change)
    assert code_of(lambda: verify_release(release.path)) == "manifest_mismatch"


ENTRY = {"sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda manifest: manifest["files"].update({"../secret": ENTRY}), "bad_name"),
        (lambda manifest: manifest["files"].update({"/etc/passwd": ENTRY}), "bad_name"),
        (lambda manifest: manifest["files"].update({"sub/file": ENTRY}), "bad_name"),
        (lambda manifest: manifest["files"].update({"..": ENTRY}), "bad_name"),
        (lambda manifest: manifest["files"].update({"": ENTRY}), "bad_name"),
        (lambda manifest: manifest["files"].update({"a\n": ENTRY}), "bad_name"),
        (lambda manifest: manifest["files"].update({"x" * 129: ENTRY}), "bad_name"),
        (lambda manifest: manifest["files"].update({"manifest.json": ENTRY}), "bad_name"),
        (lambda manifest: manifest["files"]["config.json"].update(bytes=-1), "bad_manifest"),
        (lambda manifest: manifest["files"]["config.json"].update(bytes=1 << 60), "bad_manifest"),
        (lambda manifest: manifest["files"]["config.json"].update(bytes=True), "bad_manifest"),
        (lambda manifest: manifest["files"]["config.json"].update(bytes=2.0), "bad_manifest"),
        (lambda manifest: manifest["files"]["config.json"].update(sha256="F" * 64), "bad_manifest"),
        (lambda manifest: manifest["files"]["config.json"].update(sha256=None), "bad_manifest"),
        (lambda manifest: manifest["files"]["config.json"].update(url="x"), "bad_manifest"),
        (lambda manifest: manifest["files"].update({"config.json": []}), "bad_manifest"),
        (lambda manifest: manifest["files"].clear(), "bad_manifest"),
        (lambda manifest: manifest["files"].update({f"f{n}": ENTRY for n in range(300)}), "bad_manifest"),
        (lambda manifest: manifest.update(note="x"), "bad_manifest"),
        (lambda manifest: manifest.update(created_at=7), "bad_manifest"),
        (lambda manifest: manifest["files"]["config.json"].update(sha256="0" * 64), "hash_mismatch"),
        (lambda manifest: manifest["files"].update({"more.bin": ENTRY}), "missing_file"),
        (lambda manifest: manifest["files"].pop("config.json"), "unknown_file"),
    ],
)
def test_a_resealed_manifest_is_still_judged(release: Release, change: Callable[[dict], Any], code: str) -> None:
    path = edit_manifest(release, change, reseal=True)
    assert code_of(lambda: verify_release(path)) == code


def test_a_field_left_out_is_a_bad_manifest(release: Release) -> None:
    edit_manifest(release, lambda manifest: manifest.pop("facts"))
    assert code_of(lambda: verify_release(release.path)) == "bad_manifest"
