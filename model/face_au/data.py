"""Data: a set by its name -> its parts, and a fingerprint of what they hold."""

import hashlib
from pathlib import Path

import numpy as np

from model.face_au.folds import Parts, drawn_folds, drawn_parts, fold_parts
from model.face_au.frames import Frames
from model.face_au.sources import bp4d, ckplus, disfa
from model.face_au.sources.weak_labels import load_weak_labels

WEAK_FOLDERS = ("fer2013", "utkface")
SETS = ("weak", "bp4d", "disfa", "ckplus")


def load_parts(name: str, data_dir: Path, aus: tuple[str, ...], fold: int = 0) -> Parts:
    """The parts of a set. Raises ValueError for an unknown set and for files that are not there or not as they must be.

    fold: which of three is tested; `weak` has no people to make folds of and is drawn by image.
    """
    try:
        if name == "weak":
            return drawn_parts(labelled(load_weak(data_dir, aus)))
        if name == "bp4d":
            return fold_parts(bp4d.load_bp4d(data_dir, aus), bp4d.FOLDS, fold)
        if name == "disfa":
            return fold_parts(disfa.load_disfa(data_dir, aus), disfa.FOLDS, fold)
        if name == "ckplus":
            frames = ckplus.load_ckplus(data_dir, aus)
            return fold_parts(frames, drawn_folds(frames.people), fold)
    except OSError as error:
        raise ValueError(f"expected the files of {name} in {data_dir}: {error}") from None
    raise ValueError(f"expected a set of {SETS}, got {name!r}")


def load_weak(data_dir: Path, aus: tuple[str, ...]) -> Frames:
    """FER2013's and UTKFace's images, also those that no label could be derived for."""
    both = [load_weak_labels(data_dir / folder, aus) for folder in WEAK_FOLDERS]
    return Frames(
        aus,
        tuple(path for one in both for path in one.paths),
        tuple(person for one in both for person in one.people),
        np.concatenate([one.labels for one in both]),
        np.concatenate([one.landmarks for one in both]),
    )


def labelled(frames: Frames) -> Frames:
    """The frames of which at least one action unit is known."""
    return frames.take(np.flatnonzero(~np.isnan(frames.labels).all(axis=1)))


def revision_of(parts: Parts) -> str:
    """Fingerprint of who is where and of every label and landmark."""
    digest = hashlib.sha256()
    for frames in (parts.train, parts.validation, parts.test):
        digest.update(
            "\n".join(
                f"{person}/{path.name}" for person, path in zip(frames.people, frames.paths, strict=True)
            ).encode()
        )
        digest.update(frames.labels.tobytes() + frames.landmarks.tobytes())
    return digest.hexdigest()[:16]
