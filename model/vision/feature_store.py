"""Feature store: the features of images kept by the hash of their file, one folder for each feature space.

<root>/<space>/space.json says which parts the space stands for; <root>/<space>/<2 hex digits>/<sha256>.safetensors is
one image. A record is there as a whole or not at all, so a run that was stopped goes on where it was.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from model.durable_files import claimed_directory, copy_durably, locked, sweep
from model.vision.features import FeatureSpaceError, ImageFeatures, check_feature_space
from model.vision.record import features_of, record_bytes

SPACE_FILE = "space.json"
INCOMING = ".incoming-"
MAX_RECORD_BYTES = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FeatureStore:
    """Records of one feature space. Raises FeatureSpaceError where features of another one would enter or leave."""

    def __init__(self, root: Path, feature_space: str) -> None:
        self.feature_space = check_feature_space(feature_space)
        self.folder = root / _folder_name(feature_space)

    def create(self, parts: Mapping[str, str], hashes: Mapping[str, str] | None = None) -> None:
        """Have the folder there for records that these parts (role -> name) make, out of files with these hashes.

        A part that was trained anew under its old name makes other features: it is refused like any other.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder, INCOMING)
        with locked(self.folder):
            if not (self.folder / SPACE_FILE).exists():
                content = {"feature_space": self.feature_space, "parts": dict(parts), "sha256": dict(hashes or {})}
                self._put(self.folder / SPACE_FILE, json.dumps(content, indent=2).encode())
        found = self._space()
        for name, given in (("parts", dict(parts)), ("sha256", dict(hashes or {}))):
            if found.get(name) != given:
                raise FeatureSpaceError(f"{self.feature_space} with {name} {found.get(name)}", f"{name} {given}")

    def parts(self) -> dict[str, str]:
        """Role -> name of the parts that the records were made with."""
        return dict(self._space()["parts"])

    def put(self, features: ImageFeatures) -> None:
        """Keep an image's features, on disk for good when this returns."""
        if features.feature_space != self.feature_space:
            raise FeatureSpaceError(self.feature_space, features.feature_space)
        path = self._path(features.sha256)
        path.parent.mkdir(exist_ok=True)
        self._put(path, record_bytes(features))

    def get(self, sha256: str) -> ImageFeatures:
        """An image's features; KeyError where there are none, ValueError where the record is damaged."""
        path = self._path(sha256)
        if not path.is_file():
            raise KeyError(sha256)
        try:
            with safe_open(path, framework="np") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                features = features_of(tensors, file.metadata() or {})
        except (SafetensorError, KeyError, TypeError) as error:
            raise ValueError(f"expected the features of an image in {path.name}, got {error}") from None
        if features.feature_space != self.feature_space:
            raise FeatureSpaceError(self.feature_space, features.feature_space)
        return features

    def __contains__(self, sha256: str) -> bool:
        return self._path(sha256).is_file()

    def __iter__(self) -> Iterator[str]:
        """The sha256 of every image, in order."""
        return (path.stem for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*.safetensors")))

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("[0-9a-f][0-9a-f]/*.safetensors"))

    def _space(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / SPACE_FILE).read_text())
        if content["feature_space"] != self.feature_space:
            raise FeatureSpaceError(self.feature_space, str(content["feature_space"]))
        return content

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"expected a sha256 of 64 hex digits, got {sha256!r:.80}")
        return self.folder / sha256[:2] / f"{sha256}.safetensors"

    def _put(self, path: Path, content: bytes) -> None:
        with claimed_directory(self.folder, INCOMING) as incoming:
            copy_durably(content, incoming / path.name, MAX_RECORD_BYTES)
            os.replace(incoming / path.name, path)


def feature_spaces(root: Path) -> list[str]:
    """The feature spaces that a store holds."""
    return sorted(json.loads(path.read_text())["feature_space"] for path in root.glob(f"*/{SPACE_FILE}"))


def _folder_name(feature_space: str) -> str:
    return feature_space.replace("/", "@")
