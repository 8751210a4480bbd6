"""Whether a restored file has the content of the original, according to readers other than
bitsback's: tifffile, libpng and libtiff (of imagecodecs), and Pillow; and pngtopnm, tiffcmp and
ImageMagick if they are installed.
"""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

_LAYOUT = frozenset(
    [259, 266, 273, 278, 279, 288, 289, 292, 293, 317, 322, 323, 324, 325, 347, 65535]
)
"""Tags that describe a page's compression and the places of its samples."""
_TOOLS = {name: shutil.which(name) for name in ("pngtopnm", "tiffcmp", "magick")}


def difference(name: str, before: bytes, after: bytes) -> str | None:
    """The difference between two files of this name; None if they are the same apart from
    compression. A file that some reader cannot read must come back byte for byte.
    """
    if before == after:
        return None
    if name.endswith(".png"):
        readers = _png_readers(before, after)
    elif name.endswith(".webp"):
        readers = iter([("the list of chunks", webp_chunks), ("Pillow", _pillow)])
    elif name.endswith(".jxl"):
        readers = iter([("libjxl", imagecodecs.jpegxl_decode)])
    elif name.endswith((".tif", ".tiff")):
        readers = _tiff_readers(before)
        said = _tiffcmp(before, after)
        if said is not None:
            return f"tiffcmp: {said}"
    else:
        return "the bytes of a file whose pixels are not compressed"
    for reader, read in readers:
        try:
            told = read(before)
        except Exception as error:  # readers may raise any error for damaged files
            return f"{reader} cannot read the original, which has to be stored verbatim: {error}"
        try:
            again = read(after)
        except Exception as error:
            return f"{reader} cannot read what came back: {error}"
        differs = _first_difference(told, again)
        if differs is not None:
            return f"{reader}: {differs}"
    return None


def _first_difference(one: Any, other: Any, where: str = "") -> str | None:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        alike = one.dtype == other.dtype and one.shape == other.shape
        # Bytes, as floats may be none.
        if alike and one.tobytes() == other.tobytes():
            return None
        return f"{where}: {one.dtype}{one.shape} and {other.dtype}{other.shape}, or their elements"
    if type(one) is not type(other):
        return f"{where}: {one!r:.200} and {other!r:.200}"
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return f"{where}: {sorted(map(str, one.keys() ^ other.keys()))} are in one of them"
        pairs = [(f"{where} {key}", one[key], other[key]) for key in one]
    elif isinstance(one, list | tuple):
        if len(one) != len(other):
            return f"{where}: {len(one)} and {len(other)} of them: {one!r:.200} and {other!r:.200}"
        pairs = [(f"{where} {at}", a, b) for at, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        same = one == other or (one != one and other != other)
        return None if same else f"{where}: {one!r:.200} and {other!r:.200}"
    return next(filter(None, (_first_difference(a, b, at) for at, a, b in pairs)), None)


_DEEP_GREY = bytes([16, 0])
"""Bits and type of colour of PNG files whose frames Pillow does not lay over each other."""


def _png_readers(before: bytes, after: bytes) -> Iterator[tuple[str, Callable[[bytes], Any]]]:
    yield "the list of chunks", png_chunks
    yield "libpng", lambda data: np.asarray(imagecodecs.png_decode(data))
    if b"acTL" in before:
        yield "libpng of frames", lambda data: np.asarray(imagecodecs.apng_decode(data))
    if b"acTL" not in before or before[24:26] != _DEEP_GREY:
        yield "Pillow", _pillow
    if _TOOLS["pngtopnm"]:
        yield "pngtopnm", lambda data: _output(["pngtopnm"], data)
        yield "pngtopnm -alpha", lambda data: _output(["pngtopnm", "-alpha"], data)
    if _TOOLS["magick"]:
        yield (
            "ImageMagick",
            lambda data: _output(["magick", "png:-", "-depth", "16", "rgba:-"], data),
        )


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """All chunks except pixels, without IHDR's interlace method and the numbers of frames. Raises
    ValueError for wrong checksums, and pixels that are no whole stream of zlib.
    """
    found, at, pixels = [], 8, list[bytes]()
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        if zlib.crc32(kind + content).to_bytes(4, "big") != data[at + size + 8 : at + size + 12]:
            raise ValueError(f"the checksum of {kind!r} is wrong")
        if kind == b"fcTL":
            pixels = [*filter(None, pixels), b""]
        if kind == b"IDAT":
            pixels[-1:] = [b"".join(pixels[-1:]) + content]
        elif kind == b"fdAT":
            pixels[-1] += content[4:]
        else:
            content = content[4:] if kind == b"fcTL" else content
            found.append((kind, content[:12] if kind == b"IHDR" else content))
        at += size + 12
    for stream in pixels:
        _unpacked(zlib.decompressobj(), stream)
    return found


def webp_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """All chunks except pixels. Raises ValueError for chunks that do not fill the file."""
    found, at = [], 12
    while at < len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((kind, b"" if kind == b"VP8L" else data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    if at != len(data) or int.from_bytes(data[4:8], "little") != len(data) - 8:
        raise ValueError("its chunks do not fill it")
    return found


def _unpacked(stream: Any, data: bytes) -> bytes:
    """The content of a stream of zlib or lzma. Raises ValueError unless it fills `data`."""
    content: bytes = stream.decompress(data)
    if not stream.eof or stream.unused_data:
        raise ValueError("a stream is cut off, or something follows it")
    return content


def _pillow(data: bytes) -> tuple[Any, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            pages = []
            for page in range(getattr(image, "n_frames", 1)):
                image.seek(page)
                image.load()
                info = {
                    key: value
                    for key, value in image.info.items()
                    if key not in ("interlace", "compression")
                }
                pages.append((image.mode, image.size, np.asarray(image), image.getpalette(), info))
            return pages, getattr(image, "text", None), dict(image.getexif())


def _tiff_readers(before: bytes) -> Iterator[tuple[str, Callable[[bytes], Any]]]:
    yield "tifffile", _tifffile
    yield "zlib and lzma", _streams
    # imagecodecs does not unpack some pages of one bit, which libtiff reads: others compare those.
    pages = [number for number, page in enumerate(_libtiff(before)) if page is not None]
    yield "libtiff", lambda data: [_libtiff(data)[number] for number in pages]
    if _TOOLS["magick"]:
        yield (
            "ImageMagick",
            lambda data: _output(["magick", "tiff:-", "-depth", "16", "rgba:-"], data),
        )


def _tifffile(data: bytes) -> dict[str, Any]:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        told: dict[str, Any] = {
            "pages": [_page(page) for page in file.pages],
            "series": [(each.axes, each.shape, str(each.dtype)) for each in file.series],
            "byte order": file.byteorder,
            "kinds": sorted(file.flags),
        }
        for name in ("imagej_metadata", "ome_metadata", "shaped_metadata"):
            told[name] = getattr(file, name)
        return told


def _streams(data: bytes) -> list[bytes]:
    """The content of all segments that zlib and lzma compressed."""
    found = []
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for page in file.pages:
            compression = int(page.compression)
            for at, size in zip(page.dataoffsets, page.databytecounts, strict=True):
                segment = data[at : at + size]
                if page.fillorder == 2:
                    segment = imagecodecs.bitorder_decode(segment)
                if compression in (8, 32946):
                    found.append(_unpacked(zlib.decompressobj(), segment))
                elif compression == 34925:
                    found.append(_unpacked(lzma.LZMADecompressor(lzma.FORMAT_XZ), segment))
    return found


def _libtiff(data: bytes) -> list[Any]:
    """The samples of each page; None for a page that imagecodecs does not read."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        count = len(file.pages)
    pages: list[Any] = []
    for number in range(count):
        try:
            pages.append(imagecodecs.tiff_decode(data, index=number))
        except (imagecodecs.TiffError, ValueError, NotImplementedError, IndexError):
            pages.append(None)
    return pages


def _tiffcmp(before: bytes, after: bytes) -> str | None:
    """The differences that tiffcmp finds. It reads no tiles, so files that it cannot even compare
    with themselves are left to other readers.
    """
    if not _TOOLS["tiffcmp"]:
        return None
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, "before.tif"), Path(folder, "after.tif")]
        for path, data in zip(paths, (before, after), strict=True):
            path.write_bytes(data)
        for first, second in (paths[:1] * 2, paths):
            run = subprocess.run(["tiffcmp", first, second], capture_output=True, check=False)
            if run.returncode and first == second:
                return None
        return (run.stdout + run.stderr).decode(errors="replace")[:200] if run.returncode else None


def _page(page: Any) -> dict[str, Any]:
    """A page's samples and its tags, including repeated ones."""
    tags: dict[str, Any] = {}
    for number, tag in enumerate(page.tags):
        if tag.code == 330:  # directories inside, by their places
            tags["330"] = [_page(each) for each in page.pages or ()]
        elif tag.code not in _LAYOUT:
            key = f"{tag.code}" if f"{tag.code}" not in tags else f"{tag.code} again, {number}"
            tags[key] = (int(tag.dtype), tag.count, tag.value)
    samples = [segment for segment, _, _ in page.segments() if segment is not None]
    return {"samples": page.asarray(), "tags": tags, "segments": len(samples) > 0}


def _output(command: list[str], data: bytes) -> tuple[int, bytes]:
    """The output of a tool for a file, and whether it complains about the file. Raises ValueError
    without an output.
    """
    made = subprocess.run(command, input=data, capture_output=True, check=False)
    if not made.stdout:
        raise ValueError(made.stderr.decode(errors="replace")[:200])
    return made.returncode, made.stdout
