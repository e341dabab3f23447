"""Mapped arrays: a safetensors file seen through the page cache, so that processes on one machine share its bytes."""

import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path

import numpy as np

MAX_HEADER_BYTES = 100 << 20
_LENGTH_BYTES = 8
_DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "|b1", "U8": "|u1", "I8": "|i1"},
    **{"I64": "<i8", "U64": "<u8", "I32": "<i4", "U32": "<u4", "I16": "<i2", "U16": "<u2"},
}


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a safetensors file by name, read-only, not copied.

    The file must not change while an array lives; a release's file never does. Raises ValueError where the header does
    not describe the file, or names a type that numpy lacks.
    """
    with path.open("rb") as file:
        # A file of no bytes cannot be mapped.
        size_bytes = file.seek(0, 2)
        if size_bytes < _LENGTH_BYTES:
            raise ValueError(f"expected at least {_LENGTH_BYTES} bytes in {path.name}, got {size_bytes}")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header_bytes = int.from_bytes(content[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + header_bytes
    if header_bytes > MAX_HEADER_BYTES or start > len(content):
        raise ValueError(f"expected a header within {path.name} of {len(content)} bytes, got one of {header_bytes}")
    header = json.loads(content[_LENGTH_BYTES:start])
    if not isinstance(header, dict):
        raise ValueError(f"expected an object as the header of {path.name}, got {type(header).__name__}")
    header.pop("__metadata__", None)
    return {name: _array(content, start, name, entry) for name, entry in header.items()}


def create_arrays(path: Path, shapes: Mapping[str, tuple[tuple[int, ...], str]]) -> dict[str, np.memmap]:
    """A new safetensors file of zeros, each array to be filled in place; name -> (shape, type as in the header).

    For arrays that are larger than memory; `flush` each when it is filled.
    """
    header, starts, end = {}, {}, 0
    for name, (shape, kind) in shapes.items():
        start, end = end, end + math.prod(shape) * np.dtype(_DTYPES[kind]).itemsize
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}
        starts[name] = start
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    first = _LENGTH_BYTES + len(text)
    with path.open("xb") as file:
        file.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        file.truncate(first + end)
    return {
        name: np.memmap(path, np.dtype(_DTYPES[kind]), "r+", first + starts[name], shape)
        for name, (shape, kind) in shapes.items()
    }


def _array(content: mmap.mmap, start: int, name: str, entry: object) -> np.ndarray:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if dtype in _DTYPES:
            pass
        case _:
            raise ValueError(f"expected one of {sorted(_DTYPES)}, a shape and offsets for {name}, got {entry!r:.200}")
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"expected whole numbers as the shape of {name}, got {shape!r:.200}")
    kind = np.dtype(_DTYPES[dtype])
    needed_bytes = math.prod(shape) * kind.itemsize
    if not 0 <= begin <= end <= len(content) - start or end - begin != needed_bytes:
        raise ValueError(f"expected {needed_bytes} bytes for {name} within the file, got {begin} to {end}")
    return np.ndarray(shape, kind, buffer=content, offset=start + begin)
