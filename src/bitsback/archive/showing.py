"""Pictures of what is in an archive, for a notebook: one image, or a sheet of the first ones."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.grid import Shape

if TYPE_CHECKING:
    from PIL import Image

MOST_SHOWN = 24
"""Images on a sheet."""
MOST_ELEMENTS = 1 << 22
"""Of what is decoded for a picture."""
_COLUMNS = 8
_SIDE, _TILE = 256, 64  # pixels at most, of one image and of each on a sheet


def is_image(shape: Shape, dtype: np.dtype[Any]) -> bool:
    """Whether an array is one image: [rows, columns] of bool or of numbers, or [rows, columns, 3 or
    4] of bytes.
    """
    if dtype.kind not in "biuf" or 0 in shape:
        return False
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4) and dtype == np.uint8)


def picture(images: Sequence[NDArray[Any]]) -> bytes | None:
    """A PNG file of one image, or a sheet of several; None for none."""
    if not images:
        return None
    if len(images) == 1:
        return _png(_thumbnail(images[0], _SIDE))
    from PIL import Image

    tiles = [_thumbnail(image, _TILE) for image in images[:MOST_SHOWN]]
    width, height = (max(tile.size[axis] for tile in tiles) + 2 for axis in (0, 1))
    columns = min(_COLUMNS, len(tiles))
    sheet = Image.new("RGBA", (columns * width, -(-len(tiles) // columns) * height))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * width + 1, number // columns * height + 1))
    return _png(sheet)


def table(title: str, rows: Sequence[tuple[str, str]], png: bytes | None) -> str:
    """HTML of some facts, with a picture below them."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    image = ""
    if png is not None:
        image = f"<img src='data:image/png;base64,{base64.b64encode(png).decode()}'>"
    return f"<div><b>{html.escape(title)}</b><table>{cells}</table>{image}</div>"


def _thumbnail(image: NDArray[Any], side: int) -> Image.Image:
    """In bytes, from the least to the greatest value where it has others, and no larger than
    `side` along an axis.
    """
    from PIL import Image

    step = max(max(image.shape[:2]) // (2 * side), 1)
    image = image[::step, ::step]
    if image.dtype != np.uint8:
        values = image.astype(np.float64)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        if image.dtype == np.bool_:
            low, high = 0.0, 1.0
        scaled = (values - low) / ((high - low) or 1.0) * 255
        image = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0).astype(np.uint8)
    made = Image.fromarray(np.ascontiguousarray(image))
    made.thumbnail((side, side))
    return made.convert("RGBA")


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
