"""Part: one network or table of the front end, with what it is, where it is from and what it must look like."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

MAX_MANIFEST_BYTES = 1 << 20
KINDS = (
    *("detector", "backbone", "person-mask", "relation-head", "face-landmarker", "hand-landmarker"),
    *("text-reader", "bottomup", "panoptic", "relations-json", "image-text-embedder", "faces"),
)


class PartError(ValueError):
    """A part that cannot be used, with a stable `code`.

    missing_file, bad_manifest, wrong_kind, missing_package: nothing usable is there. hash_mismatch: the file is not the
    one of the manifest. bad_network: it cannot be loaded or run. missing_output, wrong_shape: a role of the part is not
    there, or not as it must be. too_slow: a run takes longer than the manifest allows.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True)
class PartInfo:
    """What a result says of the part that made it.

    name: stands in the feature space, so a part whose numbers mean something else needs another one. dim: width of its
    vectors, 0 where it makes none. label_space: where its labels are from, such as coco80. sha256: of its file.
    """

    kind: str
    name: str
    version: str = "1"
    dim: int = 0
    label_space: str = ""
    sha256: str = ""
    licence: str = ""


@dataclass(frozen=True)
class InputSpec:
    """How an image becomes the input of a network: (pixel - mean) / std, pixels being 0 to 255.

    size: height and width; 0 where the network takes any.
    """

    name: str
    size: tuple[int, int]
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    layout: Literal["nchw", "nhwc"] = "nchw"

    def __post_init__(self) -> None:
        if self.colour not in ("rgb", "bgr") or self.layout not in ("nchw", "nhwc"):
            raise ValueError(f"expected colour rgb or bgr, layout nchw or nhwc, got {self.colour}, {self.layout}")
        if len(self.size) != 2 or len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise ValueError(f"expected size of 2, mean and std of 3 numbers, no std 0, got {self}")

    def tensor(self, images: np.ndarray) -> np.ndarray:
        """[B, H, W, 3] RGB pixels -> float32 [B, 3, H, W] or [B, H, W, 3]."""
        pixels = images[..., ::-1] if self.colour == "bgr" else images
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        values = (pixels.astype(np.float32) - mean) / std
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if self.layout == "nchw" else values)


@dataclass(frozen=True)
class PartManifest:
    """The JSON beside a part's file.

    outputs: role -> name in the network. files: other files that belong to it, name -> sha256. labels: class names in
    the network's order. feature_space: name of what its vectors mean. max_ms: longest time of one run.
    """

    kind: str
    name: str
    file: str
    sha256: str
    version: str = "1"
    input: InputSpec | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    label_space: str = ""
    feature_space: str = ""
    licence: str = ""
    source: str = ""
    max_ms: float | None = None

    def info(self, dim: int = 0) -> PartInfo:
        """What results say of this part."""
        name = self.feature_space or self.name
        return PartInfo(self.kind, name, self.version, dim, self.label_space, self.sha256, self.licence)


def read_part(manifest_path: Path, kind: str) -> tuple[PartManifest, Path]:
    """A part's manifest and its file; the hashes of all its files are checked. Raises PartError."""
    manifest = read_manifest(manifest_path)
    if manifest.kind != kind:
        raise PartError("wrong_kind", f"expected a {kind} in {manifest_path.name}, got a {manifest.kind}")
    for name, sha256 in {manifest.file: manifest.sha256, **manifest.files}.items():
        path = manifest_path.parent / name
        if not path.is_file():
            raise PartError("missing_file", f"expected the {kind} at {path}, found none")
        found = file_sha256(path)
        if found != sha256:
            raise PartError("hash_mismatch", f"expected {name} with sha256 {sha256}, got {found}")
    return manifest, manifest_path.parent / manifest.file


def read_manifest(path: Path) -> PartManifest:
    """The manifest in a JSON file; unknown and missing keys are refused. Raises PartError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError:
        raise PartError("missing_file", f"expected a manifest at {path}, found none") from None
    if len(content) > MAX_MANIFEST_BYTES:
        raise PartError("bad_manifest", f"expected at most {MAX_MANIFEST_BYTES} bytes in {path.name}, got more")
    try:
        return _manifest_of(json.loads(content), path.parent)
    except (ValueError, TypeError, KeyError) as error:
        raise PartError("bad_manifest", f"expected the manifest of a part in {path.name}, got {error}") from None


def write_manifest(path: Path, manifest: PartManifest) -> None:
    """Write it as JSON beside the file that it describes."""
    content: dict[str, Any] = {one.name: getattr(manifest, one.name) for one in fields(manifest)}
    if manifest.input is not None:
        content["input"] = {one.name: getattr(manifest.input, one.name) for one in fields(manifest.input)}
    content |= {"outputs": dict(manifest.outputs), "files": dict(manifest.files)}
    kept = {name: value for name, value in content.items() if value not in (None, "", (), {})}
    path.write_text(json.dumps(kept, indent=2) + "\n")


def combined_sha256(*infos: PartInfo) -> str:
    """One hash for what several parts make together, in this order."""
    return hashlib.sha256("\n".join(info.sha256 for info in infos).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest_of(content: Any, folder: Path) -> PartManifest:
    if not isinstance(content, dict):
        raise ValueError(f"expected an object, got {type(content).__name__}")
    known = {one.name for one in fields(PartManifest)}
    missing = {"kind", "name", "file", "sha256"} - set(content)
    if missing or set(content) - known:
        raise ValueError(f"missing keys {sorted(missing)}, unknown keys {sorted(set(content) - known)}")
    if content["kind"] not in KINDS:
        raise ValueError(f"a kind that is none of {KINDS}: {content['kind']!r}")
    for name in (content["file"], *content.get("files", {})):
        if Path(name).name != name:
            raise ValueError(f"a file outside the manifest's folder: {name!r}")
    if "input" in content:
        spec = dict(content["input"])
        for name in ("size", "mean", "std"):
            if name in spec:
                spec[name] = tuple(spec[name])
        content["input"] = InputSpec(**spec)
    labels = content.get("labels", ())
    if isinstance(labels, str):
        # The name of a file with one label a line.
        labels = (folder / Path(labels).name).read_text().splitlines()
    content["labels"] = tuple(labels)
    return PartManifest(**content)
