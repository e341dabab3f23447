"""Thumbnails: every cover's picture at the size of a list or a map, in one file of a release."""

import io
from collections.abc import Mapping, Sequence

import numpy as np

MAX_SIDE = 96
QUALITY = 70
MEDIA_TYPE = "image/webp"


def thumbnail(pixels: np.ndarray) -> bytes:
    """A WebP of at most MAX_SIDE a side of an RGB image uint8 [H, W, 3]."""
    from PIL.Image import fromarray

    image = fromarray(pixels)
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY)
    return out.getvalue()


class Thumbnails:
    """V files one after the other, of a library without pictures V times nothing."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        """arrays: what `arrays()` of an equal one gave; they may be memory-mapped."""
        self._content, self._ends = (np.asarray(arrays[name]) for name in ("content", "ends"))
        if not len(self._ends) or self._ends[0] != 0 or self._ends[-1] != len(self._content):
            raise ValueError(f"expected ends from 0 to {len(self._content)}, got {self._ends[[0, -1]].tolist()}")

    @classmethod
    def of(cls, files: Sequence[bytes]) -> "Thumbnails":
        """From one file for each cover, empty where it has none."""
        content = np.frombuffer(b"".join(files), dtype=np.uint8)
        return cls({"content": content, "ends": np.cumsum([0, *map(len, files)], dtype=np.int64)})

    def __len__(self) -> int:
        return len(self._ends) - 1

    def arrays(self) -> dict[str, np.ndarray]:
        """content uint8 [bytes]; ends int64 [V + 1]: cover v is content[ends[v] : ends[v + 1]]."""
        return {"content": self._content, "ends": self._ends}

    def file(self, row: int) -> bytes:
        """The WebP of a cover, empty where there is none."""
        return self._content[self._ends[row] : self._ends[row + 1]].tobytes()
