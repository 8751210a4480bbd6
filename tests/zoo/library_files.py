"""Files by Pillow and imagecodecs, with their options."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from itertools import chain, product
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image, PngImagePlugin

from .pictures import SIZES, File, samples

_MODES: dict[str, tuple[int, int, str]] = {
    "1": (1, 1, "bool"), "L": (1, 8, "u1"), "P": (1, 8, "u1"), "I;16": (1, 16, "<u2"),
    "I": (1, 16, "<i4"), "F": (1, 16, "<f4"), "LA": (2, 8, "u1"), "RGB": (3, 8, "u1"),
    "RGBA": (4, 8, "u1"), "CMYK": (4, 8, "u1"), "YCbCr": (3, 8, "u1"), "LAB": (3, 8, "u1"),
    "RGBX": (4, 8, "u1"), "PA": (2, 8, "u1"), "La": (2, 8, "u1"), "RGBa": (4, 8, "u1"),
}  # fmt: skip
"""Pillow's modes: channels, bits, and NumPy's dtype."""


def _picture(mode: str, size: tuple[int, int], seed: int = 0) -> Image.Image:
    channels, bits, dtype = _MODES[mode]
    values = samples(size, channels, bits, seed).astype(dtype)
    image = Image.fromarray(values[:, :, 0] if channels == 1 else values, None)
    if mode == "P":
        image.putpalette(np.random.default_rng(seed).integers(0, 256, 768, np.uint8).tobytes())
        return image
    if mode in ("CMYK", "YCbCr", "LAB", "RGBX", "PA", "La", "RGBa"):
        return Image.frombytes(mode, size, values.tobytes())
    return image


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes | None:
    out = io.BytesIO()
    try:
        image.save(out, kind, **options)
    except Exception:  # Pillow may raise any error for incompatible modes and options
        return None
    return out.getvalue()


def _text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "somebody", zip=True)
    info.add_itxt("Titel", "ü", "de")
    info.add(b"tEXt", b"behind\0the pixels", after_idat=True)
    return info


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a picture"
    return exif


_PNG: dict[str, dict[str, Any]] = {
    "plain": {}, "optimised": {"optimize": True}, "stored": {"compress_level": 0},
    "fast": {"compress_level": 1}, "filtered": {"compress_type": 1}, "runs": {"compress_type": 3},
    "told": {"dpi": (300, 200), "icc_profile": b"profile" * 9},
    "transparent": {"transparency": 3}, "exif": {"exif": _exif()}, "text": {"pnginfo": _text()},
    "few bits": {"bits": 4},
}  # fmt: skip
_TIFF: dict[str, dict[str, Any]] = {
    "plain": {}, "told": {"dpi": (300, 200), "icc_profile": b"profile" * 9, "software": "zoo"},
    "described": {"description": "a picture", "artist": "somebody", "x_resolution": 3},
    "large": {"big_tiff": True}, "strips": {"strip_size": 200}, "exif": {"exif": _exif()},
    "tiles": {"tile": (16, 16)},
    **{f"orientation{number}": {"tiffinfo": {274: number}} for number in range(1, 9)},
    "predicted": {"tiffinfo": {317: 2}}, "planes": {"tiffinfo": {284: 2}},
    "private": {"tiffinfo": {65000: "of somebody's own", 65001: 7}},
}  # fmt: skip
_COMPRESSIONS = (
    *("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "group3", "group4"),
    *("jpeg", "zstd", "lzma", "tiff_ccitt"),
)
_JPEG = ("L", "RGB", "CMYK", "YCbCr")


def _pillow(mode: str, size: tuple[int, int], seed: int, kind: str, **options: Any) -> bytes | None:
    return _saved(_picture(mode, size, seed), kind, **options)


def _several(mode: str, kind: str, **options: Any) -> bytes | None:
    """Three pages or frames, of equal size in a PNG file and of several sizes otherwise."""
    sizes = SIZES[:1] * 3 if kind == "PNG" else SIZES[:3]
    first, *others = (_picture(mode, size, seed) for seed, size in enumerate(sizes))
    return _saved(first, kind, save_all=True, append_images=others, **options)


def _libpng(channels: int, bits: int, level: int, strategy: int) -> bytes:
    values = samples(SIZES[level % 3], channels, bits).astype(f"u{bits // 8}")
    values = values[:, :, 0] if channels == 1 else values
    return bytes(imagecodecs.png_encode(values, level=level, strategy=strategy))


def _png_files() -> Iterator[File]:
    for number, (mode, (how, options)) in enumerate(product(_MODES, _PNG.items())):
        size = SIZES[number % len(SIZES)]
        yield f"pillow-{mode}-{how}.png", partial(_pillow, mode, size, number, "PNG", **options)
    for mode, blend in product(("L", "RGBA", "P"), (0, 1)):
        yield f"pillow-animated-{mode}{blend}.png", partial(_several, mode, "PNG", blend=blend)
    for channels, bits, level, strategy in product((1, 2, 3, 4), (8, 16), (0, 1, 6, 9), (0, 3)):
        name = f"libpng-{channels}x{bits}-{level}-{strategy}.png"
        yield name, partial(_libpng, channels, bits, level, strategy)


def _tiff_files() -> Iterator[File]:
    number = 0
    for mode, (how, options), compression in product(_MODES, _TIFF.items(), _COMPRESSIONS):
        faxed = compression in ("group3", "group4", "tiff_ccitt")
        if (faxed and mode != "1") or (compression == "jpeg" and mode not in _JPEG):
            continue  # libtiff complains of it
        number += 1
        if number % 5 and how != "plain":  # a fifth of all of these
            continue
        yield f"pillow-{mode}-{how}-{compression}.tif", partial(
            _pillow, mode, SIZES[number % len(SIZES)], number, "TIFF",
            compression=compression, **options,
        )  # fmt: skip
    for mode, compression in product(("1", "L", "RGB", "I;16", "P"), ("raw", "tiff_lzw")):
        name = f"pillow-pages-{mode}-{compression}.tif"
        yield name, partial(_several, mode, "TIFF", compression=compression)


def _bitmap_files() -> Iterator[File]:
    endings = {"BMP": "bmp", "PPM": "pnm", "DIB": "bmp"}
    for mode, (kind, ending), number in product(_MODES, endings.items(), range(3)):
        name = f"pillow-{mode}-{kind}{number}.{ending}"
        yield name, partial(_pillow, mode, SIZES[number * 3], number, kind, dpi=(99, 99))


def files() -> Iterator[File]:
    for name, make in chain(_png_files(), _tiff_files(), _bitmap_files()):
        yield name.replace(";", ""), make
