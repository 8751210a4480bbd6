"""Pixels that a JPEG decoder made, and forged data of the method decoded, for tests."""

import io
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, repeat
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chosen_decisions import ChosenDecisions
from jpeg_files import jpeg, picture
from reference.decoded import Tiles
from reference.fields import ArchiveError
from reference.jpeg_coefficients import Block
from reference.jpeg_markers import Frame


def pixels_of(stream: bytes) -> NDArray[np.uint8]:
    """By Pillow."""
    return np.array(Image.open(io.BytesIO(stream)))


def decoded(mode: str = "RGB", rows: int = 40, columns: int = 56, **options: Any) -> Any:
    """The pixels of a picture that was a JPEG file."""
    return pixels_of(jpeg(picture(mode, rows, columns), **options))


def dark(mode: str, rows: int, columns: int) -> NDArray[np.uint8]:
    """With pixels that the decoder has clamped."""
    levels = np.asarray(picture(mode, rows, columns)).astype(int)
    clamped = np.clip((levels - 128) * 3 // 2 + 70, 0, 255).astype(np.uint8)
    return pixels_of(jpeg(Image.fromarray(clamped), quality=60, subsampling=0))


DECODED: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "grey": lambda: decoded("L", 24, 32),
    "grey, cropped": lambda: decoded("L", 37, 43)[5:, 3:],
    "4:4:4": lambda: decoded(rows=24, columns=32, subsampling=0, quality=90),
    "4:2:2": lambda: decoded(rows=24, columns=32, subsampling=1, quality=85),
    "4:2:0": lambda: decoded(rows=32, columns=48, quality=85),
    "4:2:0, of odd size": lambda: decoded(rows=35, columns=45, quality=80),
    "4:2:0, cropped": lambda: decoded(rows=37, columns=43, quality=85)[5:, 3:],
    "clamped": lambda: dark("RGB", 48, 64),
    "clamped grey": lambda: dark("L", 32, 40),
}

SHAPE = (8, 9, 3)
"""Of the tile of forged data."""


def _number(n: int) -> str:
    """The bits of a number."""
    bits = f"{n + 1:b}"
    return "1" * (len(bits) - 1) + "0" + bits[1:]


def _steps(*steps: int) -> str:
    """The bits of a table that begins with these differences, and goes on with zeros."""
    folded = [2 * n if n >= 0 else -2 * n - 1 for n in steps]
    return "0" + "".join(map(_number, folded)) + _number(0) * (64 - len(steps))


def forge(bits: str, behind: str = "") -> bytes:
    """Data whose decisions are these; coefficients that are all 0; then others, and zeros."""
    tiles = Tiles(bytes(4))
    decisions = ChosenDecisions(chain(map(int, bits), repeat(0)))

    def pop_coefficients(frame: Frame) -> list[list[Block]]:
        planes = coefficients(frame)
        decisions.bits = chain(map(int, behind), repeat(0))
        return planes

    coefficients = tiles.coefficients.pop
    with (
        mock.patch.object(tiles.coefficients, "pop", pop_coefficients),
        mock.patch.object(tiles.decisions, "pop", decisions.pop),
        suppress(ArchiveError),
    ):
        tiles.pop(SHAPE)
    return decisions.coded()


_HEAD = "00" + "0000" + "0000"
_TABLES = _steps(8) + _steps(9)

SOUND: dict[str, bytes] = {
    "zeros": forge(_HEAD + _TABLES),
    "a correction": forge(_HEAD + _TABLES, "11" + _number(254) + _number(0) * 2),
    "4:2:0, from the last row": forge("11" + "1111" + "1111" + _TABLES),
}
BAD: dict[str, bytes] = {
    "a row behind the first unit": forge("00" + "1000" + "0000" + _TABLES),
    "a column behind the first unit": forge("00" + "0000" + "1000" + _TABLES),
    "a table of zeros": forge(_HEAD + _steps(0)),
    "a step of zero": forge(_HEAD + _steps(8, -8)),
    "a negative step": forge(_HEAD + _steps(8, -9)),
    "a step of 256": forge(_HEAD + _steps(255, 1)),
    "a table of no tile": forge(_HEAD + "1"),
    "a second table of no tile": forge(_HEAD + _steps(8) + "1"),
    "a level above 255": forge(_HEAD + _TABLES, "11" + _number(256)),
    "a level below 0": forge(_HEAD + _TABLES, "11" + _number(257)),
    "the largest correction": forge(_HEAD + _TABLES, "11" + "1" * 30 + "0" * 30),
    "bytes behind the end": SOUND["zeros"] + b"\0",
    "no end": SOUND["a correction"][:-2],
    "nothing": b"",
}
