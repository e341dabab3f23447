"""Additions: covers that were added to a running service, or taken away from it, each one file that later builds read.

<folder>/<hash of the id>.safetensors holds the vector, what the pair scorer keeps, and the picture itself, so that
another model can read it again; the rest is JSON in the file's metadata. Of a cover that was taken away it holds the id
alone. One file for each id: what was said last of a cover replaces what was said before.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model.artwork.cover import Cover
from model.artwork.identity import Identity
from model.artwork.library import Addition
from model.durable_files import claimed_directory, copy_durably, sweep

FOLDER = "additions"
SCHEMA = "1"
INCOMING = ".incoming-"
MAX_FILE_BYTES = 256 << 20
_PREPARED = "prepared."
_REMOVED = "removed"
_IMAGE = "image"
_THUMBNAIL = "thumbnail"
logger = logging.getLogger("model.artwork.additions")


@dataclass(frozen=True)
class StoredAddition:
    """An addition and the networks that made its vectors."""

    addition: Addition
    identity: Identity
    path: Path

    def image(self) -> bytes:
        """The picture as it was sent."""
        with safe_open(self.path, framework="np") as file:
            content: bytes = file.get_tensor(_IMAGE).tobytes()
        return content


class Additions:
    """The additions of one folder of artwork releases; several processes may write to it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def put(self, addition: Addition, image: bytes, identity: Identity) -> None:
        """Keep a cover, on disk for good when this returns, in place of any with its id."""
        tensors = {_PREPARED + name: np.ascontiguousarray(one) for name, one in addition.prepared.items()}
        tensors |= {"vector": addition.vector, _IMAGE: np.frombuffer(image, dtype=np.uint8)}
        tensors[_THUMBNAIL] = np.frombuffer(addition.thumbnail, dtype=np.uint8)
        facts = {"cover": _cover_json(addition.cover), "identity": identity.facts()}
        self._keep(addition.cover.artwork_id, tensors, facts)

    def remove(self, artwork_id: str) -> None:
        """Keep that a cover was taken away, on disk for good when this returns, in place of any with its id."""
        self._keep(artwork_id, {}, {_REMOVED: artwork_id})

    def __iter__(self) -> Iterator[StoredAddition]:
        """Every addition, oldest first; a damaged file is logged and passed over."""
        return (record for record in self._records() if isinstance(record, StoredAddition))

    def __contains__(self, artwork_id: str) -> bool:
        """Whether a cover was added, and not taken away since."""
        path = self._path(artwork_id)
        return path.exists() and not isinstance(_read_or_tell(path), str)

    def removed(self) -> frozenset[str]:
        """Ids of the covers that were taken away, and not added since."""
        return frozenset(record for record in self._records() if isinstance(record, str))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _keep(self, artwork_id: str, tensors: Mapping[str, np.ndarray], facts: Mapping[str, object]) -> None:
        content = save(dict(tensors), {"schema": SCHEMA, "facts": json.dumps(facts)})
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder, INCOMING)
        path = self._path(artwork_id)
        with claimed_directory(self.folder, INCOMING) as incoming:
            copy_durably(content, incoming / path.name, MAX_FILE_BYTES)
            os.replace(incoming / path.name, path)

    def _records(self) -> Iterator[StoredAddition | str]:
        """As the iteration, and the id of each cover that was taken away."""
        for path in sorted(self.folder.glob("*.safetensors"), key=lambda path: (path.stat().st_mtime_ns, path.name)):
            record = _read_or_tell(path)
            if record is not None:
                yield record

    def _path(self, artwork_id: str) -> Path:
        return self.folder / f"{hashlib.sha256(artwork_id.encode()).hexdigest()}.safetensors"


def revision_of(cover: Cover) -> str:
    """A hash of all that was said of a cover, the same whichever model looks at it."""
    said = [cover.artwork_id, cover.image_sha256, cover.title, cover.artist, _plain(cover.attributes)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _read_or_tell(path: Path) -> StoredAddition | str | None:
    try:
        return _read(path)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        logger.error("addition_unreadable", extra={"path": str(path), "reason": str(error)})
        return None


def _read(path: Path) -> StoredAddition | str:
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
        if metadata.get("schema") != SCHEMA:
            raise ValueError(f"expected an addition of schema {SCHEMA}, got {metadata.get('schema')}")
        facts = json.loads(metadata["facts"])
        if _REMOVED in facts:
            return str(facts[_REMOVED])
        names = [name for name in file.keys() if name.startswith(_PREPARED)]  # noqa: SIM118
        prepared = {name.removeprefix(_PREPARED): file.get_tensor(name) for name in names}
        vector = file.get_tensor("vector")
        # Files of an earlier version have none.
        thumbnail = file.get_tensor(_THUMBNAIL).tobytes() if _THUMBNAIL in file.keys() else b""  # noqa: SIM118
    said = facts["cover"]
    cover = Cover(**(said | {"read_text": tuple(said["read_text"])}))
    return StoredAddition(Addition(cover, vector, prepared, thumbnail), Identity.of(facts["identity"]), path)


def _cover_json(cover: Cover) -> dict[str, object]:
    return vars(cover) | {"attributes": _plain(cover.attributes), "read_text": list(cover.read_text)}


def _plain(attributes: Mapping[str, object]) -> dict[str, list[str]]:
    return {name: list(values) for name, values in attributes.items()}  # type: ignore[call-overload]
