"""Convert pictures that Pillow has opened to arrays, and find losses and unsupported properties."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from bitsback.errors import InputError
from bitsback.files.bands import Bands, Read
from bitsback.files.drawing import ContainerMetadata, Split
from bitsback.format.grid import Shape
from bitsback.format.modes import DEEP, NAMED, array_of
from bitsback.io.file_io import Content, in_memory, one_line
from bitsback.io.names import printable

_BITS_PER_SAMPLE, _SAMPLE_FORMAT = 258, 339  # tags of TIFF
_SIGNED, _FLOAT = 2, 3
_PIXELS_A_BYTE = 64  # limit for a file with more pixels than Pillow accepts

LOSSES = {
    "palette": (
        "{} with a palette or a transparent colour: the colours are kept, and come back as grey or"
        " as RGB(A)"
    ),
    "icc": (
        "{} with an ICC profile: the pixels are kept, and the profile is not, so colours may look"
        " different"
    ),
    "gamma": "{} with a gamma or chromaticities: the pixels are kept, and those are not",
    "exif": (
        "{} with EXIF data: the pixels are kept, and the data are not, nor a rotation that they"
        " ask for"
    ),
}
"""Warnings about pictures that lose properties. {} stands for their number, as in "3 pictures"."""


@dataclass(frozen=True)
class Header:
    """The dtype and the shape of a picture's array, and the keys of its LOSSES."""

    dtype: np.dtype[Any]
    shape: Shape
    losses: tuple[str, ...]


def samples(image: Image.Image) -> NDArray[Any] | None:
    """The pixels of the file, without applying palettes or transparent colours.

    It is NumPy's array of the image. None if Pillow does not read all bits.
    """
    check_pixels(image)
    if image.mode in ("1", "L", "P", "LA", "RGB", "RGBA"):
        image.load()
        return np.asarray(image)
    if image.mode.startswith("I"):
        image.load()
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            return None
        return values.astype("<u2")
    return None


def identify(file: BinaryIO, plugins: Iterable[tuple[str, str]]) -> ImageFile:
    """The picture in an open file. Raises the errors of Pillow.

    It uses check_pixels, since the limit of Pillow's `open` does not depend on the size of the
    file. plugins: Pillow's modules and names of the possible formats.
    """
    file.seek(0)
    start = file.read(16)
    for plugin, name in plugins:
        import_module(f"PIL.{plugin}ImagePlugin")
        factory, accepts = Image.OPEN[name]
        if accepts is None or accepts(start) is True:
            file.seek(0)
            with suppress(SyntaxError, IndexError, TypeError, struct.error):
                return factory(file, "")
    raise UnidentifiedImageError


def check_pixels(image: Image.Image) -> None:
    """Raises DecompressionBombError if the current frame has too many pixels.

    They are too many above Pillow's limit, and above the limit for the size of the file.
    """
    pixels = image.width * image.height
    if Image.MAX_IMAGE_PIXELS is None or pixels <= 2 * Image.MAX_IMAGE_PIXELS:
        return
    file: BinaryIO = getattr(image, "fp")  # noqa: B009 - as not all images have one
    at = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(at)
    if pixels > _PIXELS_A_BYTE * size:
        raise Image.DecompressionBombError


@contextmanager
def reading_picture(name: str) -> Iterator[None]:
    """Turns any error of Pillow into an InputError that names the picture."""
    try:
        with warnings.catch_warnings():
            # Pillow warns about half of its limit of pixels, and about metadata, which is not used.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    except InputError:
        raise
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise InputError(
            f"{printable(name)}: has more than {limit} pixels in few bytes, which may be an attack"
            " on the memory; if it is not, compress it as a .npy array"
        ) from None
    except UnidentifiedImageError:
        raise InputError(
            f"{printable(name)}: is no picture that can be read, or a damaged one"
        ) from None
    except Exception as error:  # a damaged file may make Pillow's readers raise any error
        raise InputError(f"{printable(name)}: cannot be read: {one_line(error)}") from None


def header_of(image: Image.Image, name: str) -> Header:
    """The header of the current frame's array. Raises InputError if it is unsupported."""
    check_pixels(image)
    _check_depth(image, name)
    losses = []
    mode = mode_to_keep(image, name)
    if mode not in (image.mode, *DEEP) and not (mode == "I;16" and image.mode.startswith("I")):
        losses.append("palette")
    for key, loss in (
        ("icc_profile", "icc"),
        ("gamma", "gamma"),
        ("chromaticity", "gamma"),
        ("exif", "exif"),
    ):
        if key in image.info and loss not in losses:
            losses.append(loss)
    return Header(*array_of(mode, image.size), tuple(losses))


def pixels_of(image: Image.Image, name: str) -> NDArray[Any]:
    """The array of the current frame, whose mode is not one of DEEP.

    Raises InputError if it is not supported.
    """
    check_pixels(image)
    mode = mode_to_keep(image, name)
    image.load()
    if mode == "I;16":
        values = np.asarray(image)
        if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
            raise InputError(f"{printable(name)}: has values beyond 16 bits; scale them to 16 bits")
        return values.astype("<u2")
    if mode != image.mode:
        image = image.convert(mode)
    return np.asarray(image)


def mode_to_keep(image: Image.Image, name: str) -> str:
    """The mode that keeps the pixels exactly."""
    mode = _deep_mode(image) or image.mode
    if mode == "P" and "transparency" not in image.info:
        # Loaded at once, since a palette may follow the pixels.
        colours = np.array(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
        grey = bool((colours[:, :1] == colours[:, 1:3]).all())
        return "RGBA" if (colours[:, 3] != 255).any() else "L" if grey else "RGB"
    if mode in ("P", "PA", "RGB") and (mode == "PA" or "transparency" in image.info):
        return "RGBA"
    if mode in ("1", "L") and "transparency" in image.info:
        return "LA"
    if mode in ("I;16B", "I;16L", "I;16N") or (mode == "I" and image.format in ("PNG", "PPM")):
        mode = "I;16"
    if mode not in NAMED:
        raise InputError(
            f"{printable(name)}: its mode {mode} is not supported, only {', '.join(NAMED)};"
            " convert it,"
            " or compress it as a .npy array"
        )
    if mode in ("I;16", *DEEP) and "transparency" in image.info:
        raise InputError(
            f"{printable(name)}: has 16 bits and a transparent colour, which are not supported"
            " together"
        )
    return mode


def _check_depth(image: Image.Image, name: str) -> None:
    """Raises InputError if Pillow would read too few bits, or scale values."""
    tiles: list[Any] = getattr(image, "tile", [])
    if _largest(image, _SAMPLE_FORMAT) == _FLOAT:
        raise InputError(
            f"{printable(name)}: has numbers with fractions (floats), which are not supported;"
            " compress"
            " it as a .npy array"
        )
    if _largest(image, _BITS_PER_SAMPLE) > 16 and not image.mode.startswith("I"):
        raise InputError(
            f"{printable(name)}: has channels of more than 16 bits, of which only 8 would be kept;"
            " compress it as a .npy array"
        )
    if _largest(image, _SAMPLE_FORMAT) == _SIGNED:
        raise InputError(
            f"{printable(name)}: has signed integers of {_largest(image, _BITS_PER_SAMPLE)} bits,"
            " and pictures of up to 16 bits without a sign are supported; compress it as a .npy"
            " array"
        )
    for tile in tiles:
        if tile[0] in ("ppm", "ppm_plain") and image.mode != "1" and tile[3][1] not in (255, 65535):
            raise InputError(
                f"{printable(name)}: its values go up to {tile[3][1]}, and only 255 and 65535 are"
                " coded; scale them, or compress it as a .npy array"
            )


def _deep_mode(image: Image.Image) -> str | None:
    """The mode of an unloaded picture with several channels of 16 bits; None for others.

    Pillow reads only 8 of these bits.
    """
    arguments = [tile[3] for tile in getattr(image, "tile", [])][:1]
    if image.mode.startswith("I") or image.mode == "P":
        return None
    if image.format == "PNG":  # of grey with transparency Pillow makes RGBA
        mode = str(*arguments).removesuffix("B")
        return mode if mode in DEEP else None
    deep = arguments == [("RGB", 65535)] or _largest(image, _BITS_PER_SAMPLE) > 8
    return f"{image.mode};16" if deep else None


def _largest(image: Image.Image, tag: int) -> int:
    """The largest value of a TIFF tag with one value for each channel; 0 if it has none."""
    return int(np.max(getattr(image, "tag_v2", {}).get(tag, 0)))


LARGE = 1 << 22
"""The pixels from which a picture is read in bands; a smaller one is decoded at once."""

_GREY_OF_16_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


BandsOf = Callable[[Image.Image], Read | None]
"""Reads an open picture some rows at a time, if its file allows it."""


def sample_bands(image: Image.Image, bands_of: BandsOf | None = None) -> Bands | None:
    """The bands of `samples` of an open picture, valid while its file is open."""
    check_pixels(image)
    mode = "L" if image.mode == "P" else _mode(image)
    read = None if mode is None else _in_bands(image, mode, bands_of)
    if mode is None or read is None:
        pixels = samples(image) if mode not in DEEP else None
        return None if pixels is None else Bands.from_array(pixels)
    return Bands(*array_of(mode, image.size), read)


def shown_in_bands(image: Image.Image, name: str, bands_of: BandsOf) -> Bands:
    """The bands of `pixels_of` of the current frame of an open picture, valid while it is the
    current one. Raises InputError if it is unsupported.
    """
    check_pixels(image)
    mode = mode_to_keep(image, name)
    read = _in_bands(image, mode, bands_of) if mode == _mode(image) else None
    if read is not None:
        return Bands(*array_of(mode, image.size), read)
    if mode in DEEP:
        raise InputError(
            f"{printable(name)}: has several channels of 16 bits, and is to be shown turned, or"
            " with other samples than it has; compress it as a .npy array"
        )
    return Bands.from_array(pixels_of(image, name))


def _in_bands(image: Image.Image, mode: str, bands_of: BandsOf | None) -> Read | None:
    """A reader of a large picture, or of one that Pillow does not read whole."""
    wanted = mode in DEEP or image.width * image.height >= LARGE
    return bands_of(image) if wanted and bands_of is not None else None


def split_picture(
    file: BinaryIO,
    plugins: Sequence[tuple[str, str]],
    bands_of: BandsOf,
    metadata_of: Callable[[Content, BinaryIO, Bands], ContainerMetadata | None],
) -> Split | None:
    """Splits a file into the pixels that Pillow reads, and metadata.

    metadata_of: makes the metadata from the content of the file, the file, and its pixels. None if
    its result is None, or if there are several pictures.
    """
    data, file = in_memory(file)  # the caller may read the pixels after the file is closed
    image = identify(file, plugins)
    if getattr(image, "n_frames", 1) != 1:
        return None
    pixels = sample_bands(image, bands_of)
    if pixels is None or not pixels.size:
        return None
    metadata = metadata_of(data, file, pixels)
    if metadata is None:
        for _ in pixels:  # finds out whether a file that will be stored verbatim is damaged
            pass
        return None
    return Split.from_pixels(pixels, metadata, image.mode == "P")


def named(pixels: Bands, name: str) -> Bands:
    """The same, but raises InputError, which names the picture, if it cannot be read."""

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
    """The mode of an array with the samples of the picture, if Pillow certainly reads them
    unchanged.
    """
    if image.mode in _GREY_OF_16_BITS or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return "I;16"
    mode = _deep_mode(image) or image.mode
    return mode if mode in NAMED else None
