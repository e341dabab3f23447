"""The packaged parts and real images, where they are installed and staged."""

import ctypes
import os
from pathlib import Path

import pytest

MEDIA = Path(os.environ.get("REC_MEDIA_DATA_DIR", Path(__file__).parents[4] / "shared" / "data"))


def media_folder(name: str) -> Path:
    """A folder of staged data; the test is skipped where it is not there."""
    folder = MEDIA / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in {MEDIA}")
    return folder


def needs_mediapipe() -> None:
    """Skip the module's tests where mediapipe cannot run."""
    pytest.importorskip("mediapipe", reason="the extra `vision` is not installed")
    for library in ("libEGL.so.1", "libGLESv2.so.2"):
        try:
            ctypes.CDLL(library)
        except OSError:
            pytest.skip(f"mediapipe needs {library}, which this machine lacks", allow_module_level=True)
