"""Read the faces of a cover catalogue: python -m model.cover_faces.build --images DIR --reader ROOT --root ROOT.

Every image of the folder is a cover, its file name without the suffix its id. A killed run goes on where it was: what
was read is kept in .work-* below the root. A picture that the release before has read is taken from it.
"""

import argparse
import dataclasses
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from model.cover_faces.profiles import (
    COVERS_FILE,
    FACES_FILE,
    KIND,
    CoverFaces,
    CoverProfile,
    cover_table,
    face_table,
    profiles_of,
)
from model.cover_faces.reading import read_faces
from model.face_au.inference import FaceAuReader
from model.release import Release, ReleaseError, current_release, set_current, write_release
from model.vision.face_landmarker import FaceLandmarker
from model.vision.faces import FaceFinder
from model.vision.image import ImageError, decode_image
from model.vision.part import PartError

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp"))
SHARD_COVERS = 200
WORK = ".work-"


def build_release(
    images: Path, root: Path, reader: FaceAuReader, finder: FaceFinder, signing_key: Path | None = None
) -> Release:
    """As `write_profiles`, and made current."""
    release = write_profiles(images, root, reader, finder, signing_key)
    set_current(root, release.release_id)
    sweep_work(root, reader.release_id)
    return release


def write_profiles(
    images: Path,
    root: Path,
    reader: FaceAuReader,
    finder: FaceFinder,
    signing_key: Path | None = None,
    origin: Mapping[str, object] | None = None,
) -> Release:
    """Profiles of every cover in a folder, published under `root`; what was read is kept until `sweep_work`.

    origin: facts about what makes the release. Raises ValueError where there are no images, or two with one id.
    """
    paths = cover_paths(images)
    profiles = read_covers(paths, root, reader, finder)
    facts = {
        **(origin or {}),
        "kind": KIND,
        "aus": list(reader.aus),
        "reader": reader.release_id,
        "labels": reader.facts.get("dataset", ""),
        "finder": finder.info.name,
        "covers": len(profiles),
        "unreadable": sum(bool(one.unreadable) for one in profiles),
        "with_faces": sum(bool(one.faces) for one in profiles),
        "with_readable_faces": sum(any(face.units is not None for face in one.faces) for one in profiles),
    }
    files: dict[str, Path | bytes] = {
        COVERS_FILE: _parquet(cover_table(profiles)),
        FACES_FILE: _parquet(face_table(profiles, reader.aus)),
    }
    return write_release(root, files, facts, signing_key)


def sweep_work(root: Path, reader_id: str) -> None:
    """Remove what builds with a reader have kept of covers: a release has it."""
    for folder in root.glob(f"{WORK}{reader_id}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def cover_paths(images: Path) -> dict[str, Path]:
    """cover id -> image file, in order."""
    paths: dict[str, Path] = {}
    for path in sorted(images.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            if path.stem in paths:
                raise ValueError(f"expected one image of the id {path.stem}, got {paths[path.stem].name}, {path.name}")
            paths[path.stem] = path
    if not paths:
        raise ValueError(f"expected images {sorted(SUFFIXES)} in {images}, found none")
    return paths


def read_covers(paths: dict[str, Path], root: Path, reader: FaceAuReader, finder: FaceFinder) -> list[CoverProfile]:
    """A profile for each cover, read unless a cover of this picture was read before; shows progress and resumes."""
    known = {**_of_release(root, reader, finder), **_of_work(_work_folder(root, reader, finder), reader)}
    profiles: list[CoverProfile] = []
    new: list[CoverProfile] = []
    with tqdm(paths.items(), desc="covers", unit="cover") as bar:
        for cover_id, path in bar:
            content = path.read_bytes()
            before = known.get(hashlib.sha256(content).hexdigest())
            if before is not None:
                profiles.append(dataclasses.replace(before, cover_id=cover_id))
                continue
            profiles.append(read_cover(cover_id, content, reader, finder))
            known[profiles[-1].image_sha256] = profiles[-1]
            new.append(profiles[-1])
            if len(new) == SHARD_COVERS:
                _keep(_work_folder(root, reader, finder), new, reader)
                new = []
    if new:
        _keep(_work_folder(root, reader, finder), new, reader)
    return profiles


def read_cover(cover_id: str, content: bytes, reader: FaceAuReader, finder: FaceFinder) -> CoverProfile:
    """The profile of one cover; an image that cannot be read is told in it."""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image = decode_image(content)
    except ImageError as error:
        return CoverProfile(cover_id, sha256, unreadable=error.code)
    return CoverProfile(cover_id, sha256, read_faces(image, finder, reader))


def _of_release(root: Path, reader: FaceAuReader, finder: FaceFinder) -> dict[str, CoverProfile]:
    """What the release in force holds, if the same reader and finder made it."""
    try:
        faces = CoverFaces.load(current_release(root))
    except (ReleaseError, ValueError):
        return {}
    same = (faces.facts["reader"], faces.facts["finder"]) == (reader.release_id, finder.info.name)
    return {profile.image_sha256: profile for profile in faces} if same else {}


def _work_folder(root: Path, reader: FaceAuReader, finder: FaceFinder) -> Path:
    return root / f"{WORK}{reader.release_id}-{finder.info.name}"


def _of_work(folder: Path, reader: FaceAuReader) -> dict[str, CoverProfile]:
    found = {}
    for path in sorted(folder.glob("*.json")):
        tables = json.loads(path.read_text())
        covers, faces = (pl.read_parquet(folder / tables[name]) for name in ("covers", "faces"))
        found.update({one.image_sha256: one for one in profiles_of(covers, faces, reader.aus)})
    return found


def _keep(folder: Path, profiles: list[CoverProfile], reader: FaceAuReader) -> None:
    """Add a shard; it counts once the JSON that names its tables is there."""
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob("*.json")))
    names = {"covers": f"{number:06d}.covers.parquet", "faces": f"{number:06d}.faces.parquet"}
    cover_table(profiles).write_parquet(folder / names["covers"])
    face_table(profiles, reader.aus).write_parquet(folder / names["faces"])
    partial = folder / f"{number:06d}.partial"
    partial.write_text(json.dumps(names))
    partial.rename(folder / f"{number:06d}.json")


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.cover_faces.build", description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of covers, one image each")
    parser.add_argument("--reader", type=Path, required=True, help="folder of face-au releases; its current one reads")
    parser.add_argument("--root", type=Path, required=True, help="folder of cover-faces releases to publish in")
    parser.add_argument("--signing-key", type=Path, help="private key of python -m model.signature keygen")
    arguments = parser.parse_args(argv)
    try:
        reader = FaceAuReader(current_release(arguments.reader))
        with FaceLandmarker() as finder:
            release = build_release(arguments.images, arguments.root, reader, finder, arguments.signing_key)
    except (ValueError, OSError, PartError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    facts: dict[str, Any] = release.manifest["facts"]
    counts = ", ".join(f"{name} {facts[name]}" for name in ("covers", "with_faces", "with_readable_faces"))
    sys.stdout.write(f"{release.path}: {counts}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
