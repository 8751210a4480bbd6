"""Which pictures are read in bands, and what stands in the bands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from bitsback.images.bands.bands import Bands, Read
from bitsback.images.bands.png import png_bands
from bitsback.images.bands.raw import raw_bands
from bitsback.images.modes import MODES, array_of
from bitsback.images.pictures import (
    check_pixels,
    mode_to_keep,
    pixels_of,
    reading_picture,
    samples,
)
from bitsback.images.tiff.shown import shown_bands

LARGE = 1 << 22
"""Pixels, from which on a picture is read in bands; one of fewer is decoded at once."""

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")


def sample_bands(image: Image.Image) -> Bands | None:
    """What `samples` makes of an open picture, for as long as its file is open."""
    check_pixels(image)
    mode = "L" if image.mode == "P" else _mode(image)
    read = None if mode is None else _bands(image)
    if mode is None or read is None:
        pixels = samples(image)
        return None if pixels is None else Bands.of(pixels)
    return Bands(*array_of(mode, image.size), read)


def pixel_bands(image: Image.Image, name: str) -> Bands:
    """What `pixels_of` makes of the current frame of an open picture, for as long as that is so.
    Raises InputError if it is not held.
    """
    check_pixels(image)
    mode = mode_to_keep(image, name)
    read = _bands(image) if mode == _mode(image) else None
    if read is None:
        return Bands.of(pixels_of(image, name))
    return Bands(*array_of(mode, image.size), read)


def named(pixels: Bands, name: str) -> Bands:
    """The same, which raises InputError, naming the picture, if it cannot be read."""

    def read() -> Iterator[NDArray[Any]]:
        bands = iter(pixels)
        while True:
            with reading_picture(name):
                band = next(bands, None)
            if band is None:
                return
            yield band

    return replace(pixels, read=read)


def _mode(image: Image.Image) -> str | None:
    """The mode of an array that holds the samples of the picture as Pillow reads them, if it does
    so surely.
    """
    if image.mode in _DEEP or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return "I;16"
    return image.mode if image.mode in MODES else None


def _bands(image: Image.Image) -> Read | None:
    if image.width * image.height < LARGE:
        return None
    if image.format == "PNG":
        return png_bands(image)
    return shown_bands(image) if image.format == "TIFF" else raw_bands(image)
