"""TIFF files: combinations of tifffile's options, and hand-made files that it cannot write."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, product
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from .pictures import SIZES, File, samples

Array = NDArray[Any]

_DTYPES = ("|b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "f2", "f4", "f8", "c8")
_KINDS: dict[str, dict[str, Any]] = {
    "grey": {"photometric": "minisblack"},
    "white": {"photometric": "miniswhite"},
    "rgb": {"photometric": "rgb", "planarconfig": "contig"},
    "rgb-planes": {"photometric": "rgb", "planarconfig": "separate"},
    "rgba": {"photometric": "rgb", "extrasamples": ["unassalpha"]},
    "rgba-associated": {"photometric": "rgb", "extrasamples": ["assocalpha"]},
    "rgba-planes": {
        "photometric": "rgb", "planarconfig": "separate", "extrasamples": ["unassalpha"]
    },
    "rgbx": {"photometric": "rgb", "extrasamples": ["unspecified"]},
    "rgb-and-two": {"photometric": "rgb", "extrasamples": ["unspecified", "unspecified"]},
    "grey-alpha": {"photometric": "minisblack", "extrasamples": ["unassalpha"]},
    "five": {"photometric": "minisblack", "planarconfig": "contig"},
    "five-planes": {"photometric": "minisblack", "planarconfig": "separate"},
    "palette": {"photometric": "palette"},
    "cmyk": {"photometric": "separated"},
    "lab": {"photometric": "cielab"},
    "pages": {"photometric": "minisblack"},
    "colour-pages": {"photometric": "rgb"},
}  # fmt: skip
_CHANNELS = {
    "rgb": 3, "rgb-planes": 3, "rgba": 4, "rgba-associated": 4, "rgba-planes": 4, "rgbx": 4,
    "rgb-and-two": 5, "grey-alpha": 2, "five": 5, "five-planes": 5, "cmyk": 4, "lab": 3,
    "colour-pages": 3,
}  # fmt: skip
_COMPRESSIONS = (
    *(
        None, "zlib", "lzw", "packbits", "zstd", "lzma", "deflate", "jpeg", "jpeg2000", "webp",
        "png",
    ),
    *("jpegxl", "lerc", "ccittfax4", "pixarlog"),
)  # fmt: skip
_LAYOUTS: tuple[dict[str, Any], ...] = ({}, {"rowsperstrip": 4}, {"tile": (16, 16)})
_EVERY = 11
"""One in this number of combinations is made."""


def _array(kind: str, dtype: str, number: int) -> Array:
    bits = {"b": 1, "c": 16}.get(np.dtype(dtype).kind, 8 * np.dtype(dtype).itemsize)
    size = SIZES[number % len(SIZES)]
    channels = _CHANNELS.get(kind, 1)
    values = samples(size, channels, min(bits, 32), number).astype(dtype)
    if channels == 1:
        values = values[:, :, 0]
    if kind.endswith("planes"):
        values = np.moveaxis(values, 2, 0)
    if kind.endswith("pages"):
        values = np.stack([values, values[::-1], values])
    return np.ascontiguousarray(values)


def written(*pages: tuple[Array | None, dict[str, Any]], **options: Any) -> bytes | None:
    """A file of these pages, each with its options; None if tifffile refuses."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with tifffile.TiffWriter(out, **options) as file:
                for data, more in pages:
                    file.write(data, **more)
        # tifffile and imagecodecs may raise any error for incompatible options
        except Exception:
            return None
    return out.getvalue()


def _crossed() -> Iterator[File]:
    combinations = product(_DTYPES, _KINDS, _COMPRESSIONS, (None, 2, 3), _LAYOUTS, "<>")
    made = 0
    for number, (dtype, kind, compression, predictor, layout, order) in enumerate(combinations):
        if number % _EVERY or (predictor and compression is None):
            continue
        made += 1
        options = {"compression": compression, "predictor": predictor, **_KINDS[kind], **layout}
        name = f"{dtype.strip('|')}-{kind}-{compression}-{predictor}-{order == '>'}-{made}.tif"
        large = made % 7 == 0
        yield name, partial(_one, kind, dtype, made, options, byteorder=order, bigtiff=large)


def _one(kind: str, dtype: str, number: int, options: dict[str, Any], **file: Any) -> bytes | None:
    data = _array(kind, dtype, number)
    if kind == "palette":
        options = options | {"colormap": _colours(data.dtype.itemsize)}
    return written((data, options), **file)


def _colours(itemsize: int) -> NDArray[np.uint16]:
    shape = 3, 256 if itemsize == 1 else 65536
    return np.random.default_rng(itemsize).integers(0, 65536, shape, np.uint16)


_TOLD: dict[str, dict[str, Any]] = {
    "described": {"description": "a picture"},
    "described-in-bytes": {"description": "ü µm".encode()},
    "software": {"software": "zoo"},
    "no-software": {"software": False, "metadata": None},
    "no-metadata": {"metadata": None},
    "metadata": {"metadata": {"spacing": 0.1, "axes": "YX"}},
    "time": {"datetime": "2020:02:29 23:59:59"},
    "resolution": {"resolution": (300, 200), "resolutionunit": "CENTIMETER"},
    "profile": {"iccprofile": b"profile" * 30},
    "mask": {"subfiletype": 4},
    "private-text": {"extratags": [(65000, 2, None, "of somebody's own", True)]},
    "private-bytes": {"extratags": [(65001, 7, 5, b"bytes", True)]},
    "private-numbers": {"extratags": [(65002, 3, 3, (1, 2, 3), True), (65003, 12, 1, 0.5, True)]},
    "private-fractions": {
        "extratags": [(65004, 5, 1, (1, 3), True), (65005, 10, 1, (-1, 3), True)]
    },
    "private-signed": {"extratags": [(65006, 6, 2, (-1, 2), True), (65007, 9, 2, (-7, 9), True)]},
    "private-long": {"extratags": [(65008, 16, 1, 1 << 20, True)]},
    "a-tag-twice": {"extratags": [(270, 2, None, "once", True), (270, 2, None, "again", True)]},
    "xmp": {"extratags": [(700, 1, 9, b"<x:xmp/>\n", True)]},
    "gps": {"extratags": [(34853, 13, 1, 8, True)]},
    "orientation": {"extratags": [(274, 3, 1, 6, True)]},
    "halftones": {"extratags": [(321, 3, 2, (1, 254), True)]},
    "camera": {"extratags": [(271, 2, None, "maker", True), (272, 2, None, "model", True)]},
    "page-number": {"extratags": [(297, 3, 2, (0, 3), True), (285, 2, None, "page", True)]},
    "aligned": {"align": 64},
    "volumetric": {"volumetric": True, "tile": (1, 16, 16)},
}


def _telling() -> Iterator[File]:
    for (told, options), (kind, dtype), compression in product(
        _TOLD.items(), (("grey", "u1"), ("rgb", "u1"), ("grey", "u2")), (None, "zlib", "lzw")
    ):
        orders = "<>" if compression == "zlib" else "<"
        for order in orders:
            name = f"{told}-{kind}-{dtype}-{compression}-{order == '>'}.tif"
            more = {"compression": compression, **_KINDS[kind], **options}
            yield name, partial(_one, kind, dtype, 0, more, byteorder=order)


def _stack(dtype: str, *shape: int) -> Array:
    values = samples((24, 18), int(np.prod(shape)), 8 * np.dtype(dtype).itemsize)
    return np.ascontiguousarray(np.moveaxis(values, 2, 0).reshape(*shape, 18, 24).astype(dtype))


def _imagej() -> Iterator[File]:
    """ImageJ files. One, with `truncate`, has one directory for all pages."""
    luts = [np.arange(768, dtype=np.uint8).reshape(3, 256) for _ in range(2)]
    told: dict[str, dict[str, Any]] = {
        "plain": {}, "spacing": {"spacing": 3.5, "unit": "um", "fps": 7.0},
        "labels": {"Labels": ["one", "two", "three", "four", "five", "six"], "Info": "µ"},
        "luts": {"LUTs": luts, "Ranges": (0.0, 255.0, 3.0, 9.0)},
        "overlays": {"Overlays": [b"Iout" + bytes(60)], "ROI": b"Iout" + bytes(60)},
    }  # fmt: skip
    for (how, more), dtype, order, axes, compression, truncate in product(
        told.items(), ("u1", "u2", "f4"), "<>", ("ZYX", "TZCYX", "YX"), (None, "zlib"), (0, 1)
    ):
        shape = {"ZYX": (6,), "TZCYX": (1, 3, 2), "YX": ()}[axes]
        options: dict[str, Any] = {"compression": compression, "metadata": {"axes": axes, **more}}
        if truncate:
            options["truncate"] = True
        if how == "spacing":
            options["resolution"] = (0.2, 0.3)
        name = f"imagej-{how}-{dtype}-{order == '>'}-{axes}-{compression}-{truncate}.tif"
        make = partial(_pages, _stack(dtype, *shape), options, byteorder=order, imagej=True)
        yield name, make


def _pages(data: Array, options: dict[str, Any], **file: Any) -> bytes | None:
    return written((data, options), **file)


def _ome() -> Iterator[File]:
    told = {"axes": "CZYX", "PhysicalSizeX": 0.1, "Channel": {"Name": ["a", "b"]}}
    for dtype, order, compression, predictor in product(
        ("u1", "u2", "f4"), "<>", (None, "zlib", "lzw"), (None, 2)
    ):
        if predictor and not compression:
            continue
        options = {"compression": compression, "predictor": predictor, "metadata": told}
        name = f"ome-{dtype}-{order == '>'}-{compression}-{predictor}.ome.tif"
        yield name, partial(_pages, _stack(dtype, 2, 3), options, byteorder=order, ome=True)
        yield f"pyramid-{name}", partial(_pyramid, dtype, options, byteorder=order, ome=True)


def _pyramid(dtype: str, options: dict[str, Any], **file: Any) -> bytes | None:
    data = _stack(dtype, 2, 3)
    more = options | {"metadata": None}
    return written(
        (data, options | {"subifds": 2, "tile": (16, 16)}),
        (data[..., ::2, ::2], more),
        (data[..., ::4, ::4], more),
        **file,
    )


def _several() -> Iterator[File]:
    """Differing pages, nested directories, and samples of odd numbers of bits."""
    grey, deep = _array("grey", "u1", 0), _array("grey", "u2", 1)
    colour = _array("rgb", "u1", 2)
    for compression in (None, "zlib", "lzw", "packbits"):
        more = {"compression": compression}
        colours = {"photometric": "rgb", **more}
        for name, pages in {
            "alike": [(grey, more)] * 3,
            "unlike": [(grey, more), (deep, more), (colour, colours)],
            "thumbnail": [
                (colour, colours),
                (colour[::2, ::2].copy(), colours | {"subfiletype": 1}),
            ],
            "mixed": [(grey, more), (grey, {}), (deep, {"compression": "zlib"})],
            "described": [(grey, more | {"description": "one"}), (grey, more | {"metadata": None})],
            "inside": [(colour, colours | {"subifds": 1}), (colour[::2, ::2].copy(), colours)],
            "contiguous": [(grey, {"contiguous": True})] * 4,
        }.items():
            yield f"pages-{name}-{compression}.tif", partial(written, *pages)
            yield f"pages-{name}-{compression}-large.tif", partial(written, *pages, bigtiff=True)
    for bits, compression in product(
        (1, 2, 4, 6, 9, 10, 12, 14), (None, "zlib", "lzw", "packbits")
    ):
        values = samples(SIZES[0], 1, bits)[:, :, 0].astype("u1" if bits < 9 else "u2")
        options = {"bitspersample": bits, "compression": compression}
        name = f"bits-{bits}-{compression}.tif"
        yield name, partial(written, (values, options))
    for kind, sampling in product(("grey", "rgb"), ((1, 1), (2, 2), (2, 1))):
        options = {"compression": "jpeg", "subsampling": sampling, **_KINDS[kind]}
        yield (
            f"jpeg-{kind}-{sampling[0]}{sampling[1]}.tif",
            partial(_one, kind, "u1", 0, options | {"compressionargs": {"outcolorspace": "YCbCr"}}),
        )
    for compression in (None, "zlib"):
        empty = {"shape": (40, 50), "dtype": "u1", "tile": (16, 16), "compression": compression}
        yield f"sparse-{compression}.tif", partial(written, (None, empty))


def by_hand(
    tags: list[tuple[int, int, tuple[int, ...] | bytes]],
    segments: list[bytes],
    order: str = "<",
    gap: int = 0,
    first: bool = False,
    ordered: bool = True,
) -> bytes:
    """A classic TIFF file of one directory. tags: numbers, types and values, to which those of the
    segments' places are added. gap: bytes before each segment. first: whether the directory
    precedes the segments. ordered: whether tags are in order.
    """
    formats = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 7: "B", 12: "d"}

    def packed(kind: int, values: tuple[int, ...] | bytes) -> bytes:
        return struct.pack(f"{order}{len(values)}{formats[kind]}", *values)

    def directory(at: int, offsets: list[int]) -> bytes:
        places = [(273, 4, tuple(offsets)), (279, 4, tuple(map(len, segments)))]
        known = {number for number, _, _ in tags}
        all_tags = [*tags, *(place for place in places if place[0] not in known)]
        all_tags = [tag for tag in all_tags if tag[2] != b"none"]
        if ordered:
            all_tags.sort(key=lambda tag: tag[0])
        entries, behind = b"", b""
        end = at + 2 + 12 * len(all_tags) + 4
        for number, kind, values in all_tags:
            data = packed(kind, values)
            count = len(values) // 2 if kind == 5 else len(values)
            place = data.ljust(4, b"\0")
            if len(data) > 4:
                place = struct.pack(f"{order}I", end + len(behind))
                behind += data + bytes(len(data) % 2)
            entries += struct.pack(f"{order}HHI", number, kind, count) + place
        return struct.pack(f"{order}H", len(all_tags)) + entries + bytes(4) + behind

    size = len(directory(8, [0] * len(segments)))
    offsets, body, at = [], b"", 8 + (size if first else 0)
    for segment in segments:
        body += bytes(gap)
        offsets.append(at + len(body))
        body += segment
    body += bytes(len(body) % 2)
    start = 8 if first else 8 + len(body)
    made = directory(start, offsets)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    return head + (made + body if first else body + made)


_GREY = samples((21, 14), 1, 8, 5)[:, :, 0].astype("u1")
_COLOUR = samples((21, 14), 3, 8, 5).astype("u1")


def _grey(compression: int = 1, **more: tuple[int, ...]) -> list[Any]:
    """Tags of a grey picture in strips of five rows, and others by t and their numbers."""
    tags = {256: (21,), 257: (14,), 258: (8,), 259: (compression,), 262: (1,), 277: (1,), 278: (5,)}
    tags |= {int(name[1:]): value for name, value in more.items()}
    return [(number, 3, value) for number, value in tags.items()]


def _strips(pixels: Array, deflated: bool = False) -> list[bytes]:
    strips = [pixels[row : row + 5].tobytes() for row in range(0, len(pixels), 5)]
    return [zlib.compress(strip) for strip in strips] if deflated else strips


def _more(tags: list[Any], segments: list[bytes], order: str) -> bytes:
    return by_hand(tags, segments, order) + b"and more"


def _cut(tags: list[Any], segments: list[bytes], order: str) -> bytes:
    return by_hand(tags, segments, order, first=True)[:-9]


def _odd() -> Iterator[tuple[str, Callable[[], bytes]]]:
    hand = by_hand
    description = (270, 2, b"twice\0")
    for order, (method, deflated) in product("<>", ((1, False), (8, True), (32946, True))):
        grey = partial(_grey, method)
        strips = _strips(_GREY, deflated)
        colour = _strips(_COLOUR, deflated)
        end = f"{order == '>'}-{method}.tif"
        for name, tags in {
            "plain": grey(),
            "white": grey(t262=(0,)),
            "mask": grey(t262=(4,)),
            **{f"orientation{turn}": grey(t274=(turn,)) for turn in (*range(1, 9), 9)},
            "bits-of-other-order": grey(t266=(2,)),
            "a-tag-twice": [*grey(), description, description],
            "a-tag-twice-and-other": [*grey(), description, (270, 2, b"other\0")],
            "no-rows": [tag for tag in grey() if tag[0] != 278],
            "no-counts": [*grey(), (279, 4, b"none")],
            "one-count": [*grey(), (279, 4, (9,))],
            "short-counts": [*grey(), (279, 3, tuple(map(len, strips)))],
            "two-widths": [*grey(), (256, 3, (21,))],
            "no-method": [tag for tag in grey() if tag[0] != 259],
            "no-photometric": [tag for tag in grey() if tag[0] != 262],
            "signed": grey(t339=(2,)),
            "undefined": grey(t339=(4,)),
            "thresholds": grey(t263=(2,), t280=(0,), t281=(200,)),
            "ascii-without-end": [*grey(), (305, 2, b"no end")],
            "text-of-two": [*grey(), (270, 2, b"one\0two\0")],
            "fraction-of-nothing": [*grey(), (282, 5, (1, 0)), (283, 5, (0, 0))],
            "empty-text": [*grey(), (270, 2, b"\0")],
            "a-double": [*grey(), (33550, 12, (1, 2, 3))],
            "wider-than-it-is": grey(t256=(22,)),
            "taller-than-it-is": grey(t257=(17,)),
            "two-planes-of-one": grey(t284=(2,)),
        }.items():
            yield f"hand-{name}-{end}", partial(hand, tags, strips, order)
        yield f"hand-gaps-{end}", partial(hand, grey(), strips, order, gap=6)
        yield f"hand-directory-first-{end}", partial(hand, grey(), strips, order, first=True)
        yield f"hand-unordered-{end}", partial(hand, grey()[::-1], strips, order, ordered=False)
        yield f"hand-more-{end}", partial(_more, grey(), strips, order)
        yield f"hand-cut-{end}", partial(_cut, grey(), strips, order)
        yield f"hand-a-strip-less-{end}", partial(hand, grey(), strips[:-1], order)
        yield (
            f"hand-short-strip-{end}",
            partial(hand, grey(), [*strips[:-1], strips[-1][:-4]], order),
        )
        yield (
            f"hand-long-strips-{end}",
            partial(hand, grey(), [one + b"zz" for one in strips], order),
        )
        wide = {"t258": (8, 8, 8), "t277": (3,)}
        for name, more in {
            "rgb": {"t262": (2,)},
            "rgb-turned": {"t262": (2,), "t274": (2,)},
            "ycbcr": {"t262": (6,), "t530": (1, 1)},
            "lab": {"t262": (8,)},
            "two-extras": {"t262": (1,), "t338": (0, 2)},
        }.items():
            yield f"hand-{name}-{end}", partial(hand, grey(**wide, **more), colour, order)
        planes = [
            strip for plane in np.moveaxis(_COLOUR, 2, 0) for strip in _strips(plane, deflated)
        ]
        yield f"hand-planes-{end}", partial(hand, grey(**wide, t262=(2,), t284=(2,)), planes, order)


def files() -> Iterator[File]:
    """All of them."""
    yield from chain(_crossed(), _telling(), _imagej(), _ome(), _several(), _odd())
