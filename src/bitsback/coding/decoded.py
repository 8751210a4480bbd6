"""Code pixels that a JPEG decoder made by their coefficients (docs/jpeg-format.md, J8)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, tables
from bitsback._core import JpegBehind
from bitsback.errors import ArchiveError
from bitsback.format.grid import Shape
from bitsback.format.runs import Run
from bitsback.format.tiles import Tiles
from bitsback.models.costs import check_claim, max_elements

_LEAST_SIDE, _MOST_ELEMENTS = 8, 1 << 24


def find_behind(tile: NDArray[np.uint8]) -> JpegBehind | None:
    """The JPEG that decodes to a tile, exactly or nearly; None if none is found."""
    if tile.dtype != np.uint8 or not _codable(tile.shape):
        return None
    return _core.find_jpeg_behind(tile.reshape(-1), *_picture(tile.shape))


def encode_pixels(tiles: Tiles, behind: Sequence[JpegBehind]) -> bytes | None:
    """The data of a block of tiles. None if a reader refuses so many elements in so few bytes.

    behind: the JPEG of each tile.
    """
    shapes = [_picture(shape) for count, shape in tiles.shapes for _ in range(count)]
    data = _core.pack_jpeg_pictures(
        list(behind), shapes, tiles.elements, tables.stretch(), tables.logistic_cdf()
    )
    return data if tiles.elements.size <= max_elements(len(data)) else None


def decode_pixels(data: memoryview, runs: Sequence[Run]) -> NDArray[np.uint8]:
    """The elements of a block of these runs, flat. Raises ArchiveError."""
    if any(run.dtype != np.uint8 or not _codable(run.shape) for run in runs):
        raise ArchiveError("its items are not pictures that a JPEG decoder can make")
    elements = sum(run.elements for run in runs)
    check_claim(elements, "elements", len(data))
    shapes = [_picture(run.shape) for run in runs for _ in range(run.items)]
    coded = np.frombuffer(data, np.uint8)
    try:
        pixels = _core.unpack_jpeg_pictures(shapes, coded, tables.stretch(), tables.logistic_cdf())
    except ValueError as error:
        raise ArchiveError(f"its pictures are damaged: {error}") from None
    return np.frombuffer(pixels, np.uint8)


def _codable(shape: Shape) -> bool:
    return (
        (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))
        and min(shape[:2]) >= _LEAST_SIDE
        and math.prod(shape) <= _MOST_ELEMENTS
    )


def _picture(shape: Shape) -> tuple[int, int, int]:
    """Rows, columns and channels."""
    return shape[0], shape[1], 1 if len(shape) == 2 else 3
