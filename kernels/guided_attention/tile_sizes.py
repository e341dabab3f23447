"""Tile sizes per device, kernel and width: a fixed table, nothing is tuned while serving."""

from typing import Literal, NamedTuple

Kernel = Literal["forward", "backward_query", "backward_key", "serving"]


class Tile(NamedTuple):
    """queries x keys of one tile, and how many warps and pipeline stages work on it."""

    queries: int
    keys: int
    warps: int
    stages: int


SMALLEST_WIDTH, LARGEST_WIDTH = 16, 128
MAX_SPLITS = 16
"""Programs that share the keys of one user, at most."""
MAX_REGISTERS = 255
"""Per thread; said aloud, the assembler does not spill a few bytes to fit one more block on a multiprocessor."""
ROWS = 32
"""Query rows per program of the row-wise backward kernel."""
INTERPRETED = Tile(32, 32, 4, 1)
"""For the interpreter, whose cost is the number of tiles."""

# (kernel, bytes per number) -> largest padded head width -> tile; float32 has no tensor cores at full precision and
# no tiles above width 64. Each was the largest of those tried that compiles without spills for sm_80, sm_90 and sm_100,
# with no, one and three 64-bit words of attributes; none has been timed on a device yet.
TILES: dict[tuple[Kernel, int], dict[int, Tile]] = {
    ("forward", 2): {32: Tile(64, 32, 8, 1), 64: Tile(64, 32, 8, 1), 128: Tile(64, 32, 8, 1)},
    ("forward", 4): {32: Tile(32, 32, 8, 1), 64: Tile(16, 32, 8, 1)},
    ("backward_query", 2): {32: Tile(64, 32, 8, 1), 64: Tile(32, 32, 8, 1), 128: Tile(16, 32, 8, 1)},
    ("backward_query", 4): {32: Tile(32, 32, 8, 1), 64: Tile(32, 32, 8, 1)},
    ("backward_key", 2): {32: Tile(64, 32, 8, 1), 64: Tile(64, 32, 8, 1), 128: Tile(32, 32, 8, 1)},
    ("backward_key", 4): {32: Tile(32, 32, 8, 1), 64: Tile(32, 16, 8, 1)},
    ("serving", 2): {32: Tile(16, 64, 4, 1), 64: Tile(16, 64, 8, 1), 128: Tile(16, 32, 4, 1)},
    ("serving", 4): {32: Tile(16, 32, 8, 1), 64: Tile(16, 32, 8, 1)},
}


def padded_width(width: int) -> int:
    """Head width as the tensor cores take it: the next power of two, 16 at least; ValueError above 128."""
    if not 1 <= width <= LARGEST_WIDTH:
        raise ValueError(f"expected a head width of 1 to {LARGEST_WIDTH}, got {width}")
    return max(SMALLEST_WIDTH, 1 << (width - 1).bit_length())


def tile_of(kernel: Kernel, width: int, number_bytes: int) -> Tile:
    """The tile for a head width and a number size (2 or 4 bytes); ValueError where the table has none."""
    by_width = TILES[kernel, number_bytes]
    limits = [limit for limit in by_width if limit >= padded_width(width)]
    if not limits:
        raise ValueError(f"expected a head width up to {max(by_width)} for float32 on a device, got {width}")
    return by_width[min(limits)]
