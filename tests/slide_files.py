"""Whole slides for tests, written by tifffile in several layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

ROWS, COLUMNS = np.mgrid[:388, :516]
SLIDE: Pixels = np.stack(
    [np.sin(ROWS / 40) * 90 + 120, np.cos(COLUMNS / 50) * 90 + 120, (ROWS + COLUMNS) % 200], axis=-1
).astype("u1")
LABEL, MACRO = SLIDE[:24, :32], SLIDE[100:161, :50]
APERIO = "Aperio Image Library v10.0.51\r\n516x388 (64x64) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990"
JPEG: dict[str, Any] = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
TILES: dict[str, Any] = {**JPEG, "tile": (64, 64)}


def aperio(file: Path, big: bool = False) -> None:
    with tifffile.TiffWriter(file, bigtiff=big) as tiff:
        tiff.write(SLIDE, description=APERIO, **TILES)
        tiff.write(SLIDE[::8, ::8], description="Aperio\r\n", rowsperstrip=16, **JPEG)
        tiff.write(SLIDE[::4, ::4], description=APERIO + " ", **TILES)
        tiff.write(
            LABEL, description="Aperio\r\nlabel 32x24", compression="lzw", predictor=True,
            photometric="rgb", metadata=None,
        )  # fmt: skip
        tiff.write(MACRO, description="Aperio\r\nmacro 50x61", rowsperstrip=16, **JPEG)


def inside(file: Path) -> None:
    with tifffile.TiffWriter(file, ome=True) as tiff:
        steps = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
        tiff.write(SLIDE, subifds=1, **(TILES | {"metadata": {"axes": "YXS", **steps}}))
        tiff.write(SLIDE[::4, ::4], subfiletype=1, **TILES)


def with_damaged_tile(file: Path) -> None:
    """As `inside`, but the tile in row 1 and column 1 of the largest page consists of zeros."""
    inside(file)
    data = bytearray(file.read_bytes())
    with tifffile.TiffFile(file) as tiff:
        at, size = tiff.pages[0].dataoffsets[10], tiff.pages[0].databytecounts[10]
    data[at : at + size] = bytes(size)
    file.write_bytes(data)


def plain(file: Path) -> None:
    with tifffile.TiffWriter(file, byteorder=">") as tiff:
        tiff.write(SLIDE[::4, ::4], subfiletype=1, **TILES)
        tiff.write(SLIDE, **TILES)
        tiff.write(LABEL, photometric="rgb", metadata=None)
        tiff.write(SLIDE[..., 0], **(TILES | {"photometric": "minisblack"}))


def by_colours(file: Path) -> None:
    """The samples of JPEG are the colours themselves."""
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(SLIDE, compressionargs={"outcolorspace": "rgb"}, **TILES)


Steps = dict[str, float]
OF_APERIO = [0, 2], {"thumbnail": 1, "label": 3, "macro": 4}, {"y": 0.499, "x": 0.499}
LAYOUTS: dict[str, tuple[Callable[[Path], None], list[int], dict[str, int], Steps]] = {
    "aperio.svs": (aperio, *OF_APERIO),
    "large.svs": (lambda file: aperio(file, big=True), *OF_APERIO),
    "inside.ome.tif": (inside, [0, -1], {}, {"y": 0.25, "x": 0.5}),
    "plain.tif": (plain, [1, 0], {"page 3": 2, "page 4": 3}, {}),
    "colours.tif": (by_colours, [0], {}, {}),
}  # fmt: skip


def page_of(tiff: Any, number: int) -> Any:
    """A page of tifffile by its number; -1 is the page inside of the first one."""
    return tiff.pages[0].pages[0] if number < 0 else tiff.pages[number]
