"""Precomputed features: folders in the layout of SCAN and 3SHNet, read through the page cache.

Of a split S: S_ids.txt, N image ids, one a line, where an id that comes again repeats its image; S_ims.npy [N, K, D],
or a folder S_ims with <id>.npy [K, D] each; and what there is of S_boxes.npy [N, K, 4], S_sizes.npy [N, 2] (width and
height, where boxes are in pixels) and, together, S_segmentations.npy [N, 133, 7, 7], S_seg_maps.npy [N, 64, 64] and
S_cat_onehots.npy [N, 133] in UPSNet's order. features.json names feature_space and parts.
"""

import json
from pathlib import Path

import numpy as np

from model.vision.features import ImageFeatures, UnknownImageError, check_feature_space
from model.vision.image import Image
from model.vision.part import PartError
from model.vision.regions import Regions
from model.vision.segmentation import CLASSES, MAP_SIDE, SEMANTIC_SIDE, SegmentMap

DESCRIPTION = "features.json"
# The layout tells neither labels nor scores.
LABEL, SCORE = "object", 1.0
# Boxes that a detector left a hair outside of the image.
_SLACK = 1e-3
_SEGMENTS = {
    "segmentations": (CLASSES, SEMANTIC_SIDE, SEMANTIC_SIDE),
    "seg_maps": (MAP_SIDE, MAP_SIDE),
    "cat_onehots": (CLASSES,),
}


class Precomputed:
    """One split of a folder. Raises PartError, with role and shape, where the files do not fit one another."""

    def __init__(self, folder: Path, split: str) -> None:
        self.feature_space, self.parts = _described(folder / DESCRIPTION)
        names = _lines(folder / f"{split}_ids.txt")
        self._row: dict[str, int] = {}
        for row, name in enumerate(names):
            self._row.setdefault(name, row)
        self._vectors = folder / f"{split}_ims"
        self._arrays = {
            role: _mapped(folder / f"{split}_{role}.npy", (len(names), *shape))
            for role, shape in {"ims": (None, None), "boxes": (None, 4), "sizes": (2,), **_SEGMENTS}.items()
            if (folder / f"{split}_{role}.npy").exists()
        }
        if "ims" not in self._arrays and not self._vectors.is_dir():
            raise PartError("missing_file", f"expected {self._vectors.name}.npy or a folder of that name in {folder}")
        lacking = set(_SEGMENTS) - set(self._arrays)
        if lacking and len(lacking) < len(_SEGMENTS):
            raise PartError(
                "missing_file", f"expected {sorted(_SEGMENTS)} together in {folder}, missing {sorted(lacking)}"
            )

    @property
    def ids(self) -> list[str]:
        """The ids of the images, each once, in the order of the rows."""
        return list(self._row)

    def describe(self, name: str, image: Image) -> ImageFeatures:
        """What the folder holds of the image with this id; UnknownImageError where it holds nothing."""
        if name not in self._row:
            raise UnknownImageError(name)
        row = self._row[name]
        vectors = self._arrays["ims"][row] if "ims" in self._arrays else self._own_vectors(name)
        count = len(vectors)
        regions = Regions(
            boxes=self._boxes(row),
            features=np.array(vectors, np.float32),
            labels=(LABEL,) * count,
            scores=np.full(count, SCORE, np.float32),
            sources=("detector",) * count,
        )
        size = (image.width, image.height)
        return ImageFeatures(
            image.sha256, self.feature_space, self.parts, regions=regions, segments=self._segments(row), image_size=size
        )

    def _own_vectors(self, name: str) -> np.ndarray:
        if Path(name).name != name:
            raise ValueError(f"expected an id that names a file of {self._vectors}, got {name!r}")
        return _mapped(self._vectors / f"{name}.npy", (None, None))

    def _boxes(self, row: int) -> np.ndarray | None:
        if "boxes" not in self._arrays:
            return None
        boxes = np.array(self._arrays["boxes"][row], np.float32)
        if "sizes" in self._arrays:
            boxes /= np.tile(np.array(self._arrays["sizes"][row], np.float32), 2)
        if boxes.min() < -_SLACK or boxes.max() > 1 + _SLACK:
            got = f"{boxes.min():.2f} to {boxes.max():.2f}"
            raise ValueError(f"expected boxes in 0..1, or sizes beside them, got {got}")
        return boxes.clip(0, 1)

    def _segments(self, row: int) -> SegmentMap | None:
        if "seg_maps" not in self._arrays:
            return None
        return SegmentMap(
            semantic=np.array(self._arrays["segmentations"][row], np.float32),
            ids=np.array(self._arrays["seg_maps"][row], np.int16),
            present=np.array(self._arrays["cat_onehots"][row], np.float32),
            has_stuff=True,
        )


def _described(path: Path) -> tuple[str, dict[str, str]]:
    try:
        content = json.loads(path.read_text())
        return check_feature_space(content["feature_space"]), dict(content["parts"])
    except OSError:
        raise PartError("missing_file", f"expected {path}, found none") from None
    except (ValueError, KeyError, TypeError) as error:
        raise PartError("bad_manifest", f"expected feature_space and parts in {path}, got {error}") from None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        raise PartError("missing_file", f"expected the ids at {path}, found none") from None


def _mapped(path: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    """A .npy file that is not copied; one that holds Python objects is refused by open_memmap."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise PartError("missing_file", f"expected an array at {path}, found none") from None
    except ValueError as error:
        raise PartError("bad_network", f"expected numbers in {path.name}, got {error}") from None
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits:
        raise PartError("wrong_shape", f"expected {path.stem} as {list(shape)}, got {list(array.shape)}")
    return array
