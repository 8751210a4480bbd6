"""Cloud-optimised GeoTIFF files, as GDAL writes them: a text behind the header says that the length
of each tile stands before it, and that its last bytes stand behind it once more.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

import bitsback
from bitsback.archive.inputs import folders, request
from bitsback.compress_options import FilesAs
from bitsback.errors import ArchiveError
from bitsback.files.picture_files import split, unpack
from bitsback.files.tiff.tiff_metadata import Tiff, TiffDrawing
from folders import contents_of, write_files

ROWS, COLUMNS = np.mgrid[:120, :100]
PIXELS = ((np.sin(ROWS / 9) + np.cos(COLUMNS / 7) + 2) * 50 + ROWS * COLUMNS % 5).astype("u1")
SIDE = 64
LEADERS = b"""LAYOUT=IFDS_BEFORE_DATA
BLOCK_ORDER=ROW_MAJOR
BLOCK_LEADER=SIZE_AS_UINT4
BLOCK_TRAILER=LAST_4_BYTES_REPEATED
KNOWN_INCOMPATIBLE_EDITION=NO
 """

Encode = Callable[[bytes], bytes]
ENCODERS: dict[str, tuple[int, Encode]] = {
    "zlib": (8, lambda tile: zlib.compress(tile, 6)),
    "libdeflate": (8, lambda tile: bytes(imagecodecs.deflate_encode(tile, 9))),
    "zlib-ng": (8, lambda tile: bytes(imagecodecs.zlibng_encode(tile, 6))),
    "LZW": (5, lambda tile: bytes(imagecodecs.lzw_encode(tile))),
    "Zstandard": (50000, lambda tile: bytes(imagecodecs.zstd_encode(tile, 9))),
    "LZMA": (34925, lambda tile: bytes(imagecodecs.lzma_encode(tile, 9))),
    "PackBits": (32773, lambda tile: bytes(imagecodecs.packbits_encode(tile))),
    "nothing": (1, bytes),
}


def cloud_optimised(kind: str, big: bool = False) -> bytes:
    """PIXELS in tiles, with their pixels beyond the page repeated as GDAL does."""
    compression, encode = ENCODERS[kind]
    down, across = -(-PIXELS.shape[0] // SIDE), -(-PIXELS.shape[1] // SIDE)
    padded = np.pad(
        PIXELS,
        [(0, down * SIDE - PIXELS.shape[0]), (0, across * SIDE - PIXELS.shape[1])],
        mode="edge",
    )
    tiles = [
        encode(np.ascontiguousarray(padded[y : y + SIDE, x : x + SIDE]).tobytes())
        for y in range(0, down * SIDE, SIDE)
        for x in range(0, across * SIDE, SIDE)
    ]
    count, entry, place = ("<Q", "<HHQQ", 16) if big else ("<H", "<HHII", 8)
    text = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(LEADERS) + LEADERS
    start = place + len(text) + len(text) % 2
    numbers = {
        256: PIXELS.shape[1], 257: PIXELS.shape[0], 258: 8, 259: compression, 262: 1, 277: 1,
        322: SIDE, 323: SIDE,
    }  # fmt: skip
    directory = struct.calcsize(count) + (len(numbers) + 2) * struct.calcsize(entry)
    arrays = start + directory + (8 if big else 4)
    at = arrays + 2 * 4 * len(tiles)
    offsets, body = [], b""
    for tile in tiles:
        offsets.append(at + len(body) + 4)
        body += struct.pack("<I", len(tile)) + tile + tile[-4:]
    entries = [(number, 4, 1, value) for number, value in numbers.items()]
    entries += [(324, 4, len(tiles), arrays), (325, 4, len(tiles), arrays + 4 * len(tiles))]
    header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, start) if big else b"II*\0"
    header += b"" if big else struct.pack("<I", start)
    return b"".join(
        [
            (header + text).ljust(start, b"\0"),
            struct.pack(count, len(entries)),
            *(struct.pack(entry, *one) for one in entries),
            bytes(8 if big else 4),
            struct.pack(f"<{len(tiles)}I", *offsets),
            struct.pack(f"<{len(tiles)}I", *map(len, tiles)),
            body,
        ]
    )


FILES = {
    f"{kind}{'-big' * big}.tif": cloud_optimised(kind, big)
    for kind in ENCODERS
    for big in (False, True)
}


def check_leaders(data: bytes) -> None:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        assert np.array_equal(page.asarray(), PIXELS)
        for at, size in zip(page.dataoffsets, page.databytecounts, strict=True):
            assert data[at - 4 : at] == struct.pack("<I", size)
            assert data[at + size : at + size + 4] == data[at + size - 4 : at + size]


@pytest.fixture(autouse=True)
def by_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes all possible pictures by their pixels, also where their files are smaller."""
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))
    monkeypatch.setattr(request.FolderFiles, "outgrown", lambda *_: frozenset())


@pytest.mark.parametrize("how", ["pixels", "exact"])
def test_lengths_before_tiles_stay_right(tmp_path: Path, how: FilesAs) -> None:
    for data in FILES.values():
        check_leaders(data)
    write_files(tmp_path / "in", FILES)
    bitsback.compress(tmp_path / "in", tmp_path / "a.bb", model="fast", files=how)
    for restored in ("exact", "pixels"):
        bitsback.decompress(tmp_path / "a.bb", tmp_path / restored, files=restored)
        assert contents_of(tmp_path / restored) == FILES


@pytest.mark.parametrize("name", ["zlib.tif", "libdeflate-big.tif"])
def test_a_file_on_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    bitsback.compress(tmp_path / name, tmp_path / "a.bb", model="fast")
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out.tif")
    assert (tmp_path / "out.tif").read_bytes() == FILES[name]


def test_only_files_that_are_made_again_are_coded() -> None:
    found = {name: split(io.BytesIO(data), exact=False) for name, data in FILES.items()}
    for name in ("zlib.tif", "zlib-big.tif", "libdeflate.tif", "libdeflate-big.tif"):
        assert found[name] is not None and found[name].exact


def test_other_segments_are_never_written() -> None:
    """Another zlib or libtiff may make others."""
    found = split(io.BytesIO(FILES["zlib.tif"]), exact=False)
    assert found is not None
    metadata = unpack(found.metadata)
    assert isinstance(metadata, Tiff)
    drawing = TiffDrawing(replace(metadata, check=1).anew(), io.BytesIO())
    drawing.add(PIXELS)
    with pytest.raises(ArchiveError, match="very bytes") as raised:
        drawing.close()
    assert "--files pixels" not in str(raised.value)
