import base64
import stat
from pathlib import Path

import pytest

from model.climber_pilot.export import export_release
from model.release import Release, ReleaseError, roll_back, set_current, verify_release, write_release
from model.signature import decoded_key, main, new_key, public_key_of, sign_release

FILES: dict[str, Path | bytes] = {"weights.safetensors": b"weights"}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    new_key(tmp_path / "key.pem")
    return tmp_path / "key.pem"


@pytest.fixture
def release(tmp_path: Path, key: Path) -> Release:
    return write_release(tmp_path / "releases", FILES, {}, signing_key=key)


def refusal(path: Path, public_key: str) -> str:
    with pytest.raises(ReleaseError) as caught:
        verify_release(path, public_key)
    return caught.value.code


def test_a_signed_release_is_its_publishers(release: Release, key: Path, tmp_path: Path) -> None:
    assert verify_release(release.path, public_key_of(key)) == release
    assert verify_release(release.path) == release
    assert refusal(release.path, new_key(tmp_path / "other.pem")) == "bad_signature"


def test_an_unsigned_release_is_refused_where_a_publisher_is_expected(key: Path, tmp_path: Path) -> None:
    release = write_release(tmp_path / "releases", FILES, {})
    assert refusal(release.path, public_key_of(key)) == "unsigned"
    with pytest.raises(ReleaseError, match="unsigned"):
        set_current(release.path.parent, release.release_id, public_key_of(key))
    sign_release(release.path, key)
    assert verify_release(release.path, public_key_of(key)) == release
    assert [one.name for one in release.path.parent.iterdir()] == [release.release_id]


@pytest.mark.parametrize(
    "content", [b"", b"not base64!", base64.b64encode(bytes(64)), base64.b64encode(bytes(10)), b"\xff" * 500]
)
def test_a_forged_signature_is_refused(release: Release, key: Path, content: bytes) -> None:
    signature = release.path / "manifest.sig"
    signature.chmod(0o644)
    signature.write_bytes(content)
    assert refusal(release.path, public_key_of(key)) == "bad_signature"


def test_the_signature_of_another_release_is_refused(release: Release, key: Path) -> None:
    other = write_release(release.path.parent, FILES, {"kind": "other"}, signing_key=key)
    (other.path / "manifest.sig").replace(release.path / "manifest.sig")
    assert refusal(release.path, public_key_of(key)) == "bad_signature"


def test_a_changed_manifest_is_refused_before_it_is_read(release: Release, key: Path) -> None:
    manifest = release.path / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_bytes(b"[" * 1000)
    assert refusal(release.path, public_key_of(key)) == "bad_signature"


def test_a_signature_that_is_a_link_is_refused(release: Release, key: Path, tmp_path: Path) -> None:
    (release.path / "manifest.sig").rename(tmp_path / "outside")
    (release.path / "manifest.sig").symlink_to(tmp_path / "outside")
    assert refusal(release.path, public_key_of(key)) == "symlink"


def test_a_rollback_passes_over_what_is_not_signed(release: Release, key: Path) -> None:
    root = release.path.parent
    for name in ("unsigned", "newest"):
        set_current(root, release.release_id)
        other = write_release(root, FILES, {"kind": name}, signing_key=key if name == "newest" else None)
        set_current(root, other.release_id)
    assert roll_back(root, public_key_of(key)).release_id == release.release_id


def test_keys_are_made_once_and_private(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "key.pem"
    assert main(["keygen", "--key", str(path)]) == 0
    public_key = capsys.readouterr().out.strip()
    assert public_key == public_key_of(path)
    assert len(decoded_key(public_key)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert main(["keygen", "--key", str(path)]) == 2
    assert path.read_bytes() == before
    release = write_release(tmp_path / "releases", FILES, {})
    assert main(["sign", "--key", str(path), str(release.path)]) == 0
    verify_release(release.path, public_key)
    path.write_bytes(b"no key")
    assert main(["sign", "--key", str(path), str(release.path)]) == 2


@pytest.mark.parametrize("text", ["", "x", base64.b64encode(bytes(31)).decode(), "€" * 44])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected 32 bytes in base64"):
        decoded_key(text)


def test_an_export_can_be_signed(music_checkpoint: Path, key: Path, tmp_path: Path) -> None:
    release = export_release(music_checkpoint, tmp_path / "signed", graphs=False, signing_key=key)
    verify_release(release.path, public_key_of(key))
