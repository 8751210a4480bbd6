"""A picture file is split into pixels and container metadata and rebuilt from both."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from bitsback.errors import ArchiveError
from bitsback.files import picture_files
from bitsback.files.picture_files import file_of
from reference import container_metadata as spec

MODES = ("1", "L", "P", "I;16", "LA", "RGB", "RGBA")
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {}),
    "plain png": ("PNG", {"compress_level": 0}),
    "bmp": ("BMP", {}),
    "pnm": ("PPM", {}),
    "tiff": ("TIFF", {}),
    "large tiff": ("TIFF", {"big_tiff": True}),
    "lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
}
UNWRITTEN = {("BMP", "I;16"), ("BMP", "LA"), ("PPM", "LA"), ("PPM", "P")}
FILES = [
    (mode, name) for mode in MODES for name in FORMATS if (FORMATS[name][0], mode) not in UNWRITTEN
]
DEFLATE_STREAMS = zipfile.ZipFile(Path(__file__).parent / "deflate/streams.zip")
AS_THEY_ARE = ("bmp", "pnm", "tiff", "large tiff")


def picture(mode: str, size: tuple[int, int], seed: int, colours: int = 16) -> Image.Image:
    rng = np.random.default_rng(seed)
    shape = size[1], size[0]
    if mode == "1":
        return Image.fromarray(rng.integers(0, 2, shape).astype(bool))
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, shape, np.uint16))
    if mode == "P":
        image = Image.fromarray(rng.integers(0, colours, shape, np.uint8))
        image.putpalette(rng.integers(0, 256, 3 * colours, np.uint8).tobytes())
        return image
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}[mode]
    return Image.fromarray(rng.integers(0, 256, (*shape, *channels), np.uint8))


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    kind, more = FORMATS[name]
    image.save(out, kind, **more, **options)
    return out.getvalue()


@dataclass(frozen=True)
class Parts:
    pixels: NDArray[Any]
    metadata: bytes
    exact: bool


def split(data: bytes, exact: bool) -> Parts | None:
    found = picture_files.split(io.BytesIO(data), exact)
    return None if found is None else Parts(found.pixels.whole(), found.metadata, found.exact)


def told(data: bytes) -> tuple[Any, ...]:
    """All that Pillow reports of a file, except its compression."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        info = {
            key: value
            for key, value in image.info.items()
            if key not in ("compression", "interlace")
        }
        text = getattr(image, "text", None)
        return image.mode, image.size, np.asarray(image).tobytes(), image.getpalette(), info, text


def own_png(
    rows: NDArray[np.uint8], level: int = 6, strategy: int = 0, memory: int = 8, cut: int = 100
) -> bytes:
    """A grey PNG of which each row has another filter, by the zlib of Python."""
    content = b""
    for number, row in enumerate(rows):
        above = rows[number - 1].tobytes() if number else bytes(len(row))
        kind = number % 5
        content += bytes([kind]) + spec.filtered(row.tobytes(), above, 1, kind)
    packer = zlib.compressobj(level, zlib.DEFLATED, 15, memory, strategy)
    stream = packer.compress(content) + packer.flush()
    header = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 8, 0, 0, 0, 0)
    idats = [spec.chunk(b"IDAT", stream[at : at + cut]) for at in range(0, len(stream), cut)]
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", spec.chunk(b"IHDR", header), *idats, spec.chunk(b"IEND", b"")]
    )


@pytest.mark.parametrize(("mode", "name"), FILES)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_pixels_and_all_that_is_told_come_back(mode: str, name: str, data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 12)))
    colours = data.draw(st.sampled_from([1, 2, 4, 16, 256]))
    file = saved(picture(mode, size, data.draw(st.integers(0, 99)), colours), name)
    for exact in (False, True):
        parts = split(file, exact)
        if parts is None:  # such as BMP of 32 bits
            assert exact or (FORMATS[name][0], mode) == ("BMP", "RGBA")
            continue
        with Image.open(io.BytesIO(file)) as image:
            assert np.array_equal(parts.pixels, np.asarray(image))
        again = file_of(parts.pixels, parts.metadata)
        assert told(again) == told(file)
        assert parts.exact or not exact
        assert not parts.exact or again == file
        told_of = parts.exact
        assert spec.restore(parts.pixels, parts.metadata) == (file if told_of else None)
        if name in AS_THEY_ARE:
            assert parts.exact


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_metadata_of_png(mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "somebody")
    text.add_itxt("Titel", "ü", "de")
    text.add(b"tEXt", b"behind\0the pixels", after_idat=True)
    text.add(b"gAMA", struct.pack(">I", 45455))
    text.add(b"cHRM", struct.pack(">8I", *range(8)))
    text.add(b"raWd", b"of somebody's own")
    file = saved(
        picture(mode, (9, 5), 0), "png", exif=exif, pnginfo=text, dpi=(300, 300),
        icc_profile=b"profile" * 9, transparency=(1, 2, 3) if mode == "RGB" else 1,
    )  # fmt: skip
    parts = split(file, False)
    assert parts is not None
    again = file_of(parts.pixels, parts.metadata)
    assert told(again) == told(file)
    for kind in (b"iCCP", b"eXIf", b"tEXt", b"iTXt", b"pHYs", b"gAMA", b"cHRM", b"raWd", b"tRNS"):
        assert again.count(kind) == file.count(kind) > 0


@pytest.mark.parametrize("strategy", range(5))
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_what_zlib_made_is_made_again(level: int, strategy: int) -> None:
    x = np.arange(60)
    rows = (np.add.outer(x[:40] ** 2, x * 3) // 7 + x % 5).astype(np.uint8)
    for memory in (8, 9):
        file = own_png(rows, level, strategy, memory)
        parts = split(file, True)
        assert parts is not None and parts.exact
        assert file_of(parts.pixels, parts.metadata) == file
        anew = file_of(parts.pixels, parts.metadata, exact=False)
        assert told(anew) == told(file)


@pytest.mark.parametrize("encoder", ["zlib-ng-1", "libdeflate-6", "zopfli", "isa-l-3"])
def test_what_other_encoders_made_is_made_again(encoder: str) -> None:
    stream = DEFLATE_STREAMS.read(f"drawing/{encoder}")
    content = zlib.decompress(stream, -15)
    stream = b"\x78\xda" + stream + zlib.adler32(content).to_bytes(4, "big")
    file = drawing(stream[:2000], stream[2000:])
    parts = split(file, True)
    assert parts is not None and parts.exact
    assert file_of(parts.pixels, parts.metadata) == file
    assert spec.restore(parts.pixels, parts.metadata) == file
    with pytest.raises(ArchiveError, match="cannot be made again"):
        file_of(parts.pixels ^ np.uint8(1), parts.metadata)
    assert split(drawing(stream, b"more"), True) is None


def drawing(*cuts: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", 112, 64, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), *((b"IDAT", cut) for cut in cuts), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(spec.chunk(kind, held) for kind, held in chunks)


def test_the_zlib_of_python_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    file = own_png((np.add.outer(np.arange(50), np.arange(60)) % 7).astype(np.uint8))
    monkeypatch.delattr(zlib, "compressobj")
    parts = split(file, True)
    assert parts is not None and parts.exact
    assert file_of(parts.pixels, parts.metadata) == file


def test_the_bytes_are_checked_when_they_are_made() -> None:
    file = own_png(np.arange(60, dtype=np.uint8).reshape(6, 10))
    parts = split(file, True)
    assert parts is not None
    with pytest.raises(ArchiveError, match="cannot be made again"):
        file_of(parts.pixels ^ np.uint8(1), parts.metadata)
    with pytest.raises(ArchiveError, match="another picture"):
        file_of(parts.pixels[:3], parts.metadata)
    with pytest.raises(ArchiveError, match="another picture"):
        file_of(parts.pixels.astype("<u2"), parts.metadata)


def test_what_is_not_taken_apart() -> None:
    grey = saved(picture("L", (5, 4), 0), "png")
    wrong = grey.replace(
        grey[8:33], spec.chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 4, 8, 1, 0, 0, 0))
    )
    assert split(grey + b"more", False) is None
    with pytest.raises(UnidentifiedImageError):
        split(wrong, False)
