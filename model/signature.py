"""Signature: who published a release - ed25519 over the bytes of its manifest, which names the hash of every file.

python -m model.signature keygen --key KEY        writes a private key, prints the public one
python -m model.signature sign --key KEY RELEASE  signs a release that is there
"""

import argparse
import base64
import binascii
import os
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from model.durable_files import claimed_directory, copy_durably, locked, sync_directory
from model.manifest import INCOMING, SIGNATURE, ReleaseError, manifest_bytes, open_plain

KEY_BYTES, SIGNATURE_BYTES = 32, 64


def new_key(path: Path) -> str:
    """Write a private key, PEM, that its owner alone can read, and return the public key, base64; never overwrites."""
    key = Ed25519PrivateKey.generate()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return _public(key)


def public_key_of(path: Path) -> str:
    """The public key, base64, of a private one."""
    return _public(_private(path))


def signature_of(manifest: bytes, key: Path) -> bytes:
    """The content of a release's signature file; ValueError where `key` is no ed25519 private key."""
    return base64.b64encode(_private(key).sign(manifest)) + b"\n"


def check_signature(path: Path, manifest: bytes, public_key: str) -> None:
    """Raise ReleaseError, `unsigned` or `bad_signature`, unless the owner of public_key signed this manifest."""
    if not os.path.lexists(path / SIGNATURE):
        raise ReleaseError("unsigned", f"expected {SIGNATURE} in {path}, got none")
    with open_plain(path / SIGNATURE) as file:
        text = file.read(4 * SIGNATURE_BYTES)
    try:
        signature = base64.b64decode(text.strip(), validate=True)
        Ed25519PublicKey.from_public_bytes(decoded_key(public_key)).verify(signature, manifest)
    except (InvalidSignature, binascii.Error):
        message = f"expected a signature of {path.name} by the owner of {public_key}, got another or none"
        raise ReleaseError("bad_signature", message) from None


def decoded_key(public_key: str) -> bytes:
    """The 32 bytes of a public key; ValueError where it is none."""
    try:
        decoded = base64.b64decode(public_key, validate=True)
    except ValueError:
        decoded = b""
    if len(decoded) != KEY_BYTES:
        raise ValueError(f"expected {KEY_BYTES} bytes in base64, as keygen prints them, got {public_key!r:.80}")
    return decoded


def sign_release(path: Path, key: Path) -> None:
    """Sign a release that is there, or sign it anew, in one step."""
    signature = signature_of(manifest_bytes(path), key)
    with locked(path.parent), claimed_directory(path.parent, INCOMING) as folder:
        copy_durably(signature, folder / SIGNATURE, len(signature))
        os.replace(folder / SIGNATURE, path / SIGNATURE)
        sync_directory(path)


def _private(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"expected an ed25519 private key in {path}, got {type(key).__name__}")
    return key


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def main(argv: list[str] | None = None) -> int:
    """keygen or sign; 2 where it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m model.signature", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("keygen", help="write a private key, print the public one").add_argument(
        "--key", type=Path, required=True, help="new file for the private key"
    )
    sign = commands.add_parser("sign", help="sign a release that is there")
    sign.add_argument("--key", type=Path, required=True, help="private key")
    sign.add_argument("release", type=Path, help="its directory")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "keygen":
            sys.stdout.write(f"{new_key(arguments.key)}\n")
        else:
            sign_release(arguments.release, arguments.key)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
