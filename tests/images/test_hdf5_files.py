"""HDF5 files are coded by the elements of their data sets, and come back byte for byte from all
decoders.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import bitsback
from bitsback.archive.inputs import folders
from bitsback.errors import ArchiveError
from bitsback.files import data_sets
from bitsback.files.data_sets import is_hdf5
from bitsback.files.embedded import file
from bitsback.files.hdf5_chunks import data_sets_in
from bitsback.summary import NO_H5PY, remedy
from folders import assert_restored
from images.test_embedded import assert_refused, band, crafted, restored

RNG = np.random.default_rng(1)
NOISE = RNG.integers(0, 4, (6, 40, 64))
VOLUME = 1000 + np.add.outer(np.arange(6) * 9, np.add.outer(np.arange(40) * 5, np.arange(64) * 3))
VOLUME = (VOLUME + NOISE).astype("<u2")
TABLE = np.zeros(2000, [("time", "<i8"), ("value", "<f4"), ("name", "S3")])
TABLE["time"] = np.arange(2000) * 1000
TABLE["value"] = np.round(np.sin(np.arange(2000) / 50), 2)
PACKED: dict[str, Any] = {"shuffle": True, "compression": "gzip"}


def hdf5(
    user_block: int = 0, libver: str = "earliest", **made: tuple[Any, dict[str, Any]]
) -> bytes:
    """A file with data sets: for each its elements, and the options of h5py."""
    out = io.BytesIO()
    with h5py.File(out, "w", libver=libver, userblock_size=user_block) as written:
        for name, (elements, options) in made.items():
            written.create_dataset(name, data=elements, **options)
            written[name].attrs["unit"] = "counts"
    return out.getvalue()


def grown() -> bytes:
    """Chunks of two data sets in turn."""
    out = io.BytesIO()
    with h5py.File(out, "w") as written:
        options = {"maxshape": (None, 80, 64), "chunks": (1, 80, 64), **PACKED}
        grown = [written.create_dataset(name, (0, 80, 64), "<u2", **options) for name in "ab"]
        for number in range(3):
            for data_set in grown:
                data_set.resize(number + 1, axis=0)
                slices = VOLUME[2 * number : 2 * number + 2].reshape(80, 64)
                data_set[number] = slices + RNG.integers(0, 4, slices.shape)
                written.flush()
    return out.getvalue()


def masked() -> bytes:
    """Chunks that skip filters."""
    out = io.BytesIO()
    with h5py.File(out, "w") as written:
        options = {"chunks": (3, 40, 64), **PACKED}
        made = written.create_dataset("a", VOLUME.shape, VOLUME.dtype, **options)
        made.id.write_direct_chunk((0, 0, 0), VOLUME[:3].tobytes(), filter_mask=3)
        shuffled = VOLUME[3:].reshape(-1).view("u1").reshape(-1, 2).T.tobytes()
        made.id.write_direct_chunk((3, 0, 0), shuffled, filter_mask=2)
    return out.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "contiguous": lambda: hdf5(a=(VOLUME, {}), b=(VOLUME.astype(">f4"), {})),
    "chunks": lambda: hdf5(a=(VOLUME, {"chunks": (2, 40, 64)})),
    "deflated": lambda: hdf5(a=(VOLUME, {"chunks": (2, 40, 64), "compression": 9})),
    "shuffled": lambda: hdf5(a=(VOLUME, {"chunks": (2, 40, 64), "shuffle": True})),
    "shuffled and deflated": lambda: hdf5(a=(VOLUME, {"chunks": (2, 40, 64), **PACKED})),
    "edges": lambda: hdf5(a=(VOLUME, {"chunks": (4, 30, 50), **PACKED})),
    "big-endian": lambda: hdf5(a=(VOLUME.astype(">i4"), {"chunks": (6, 40, 64), **PACKED})),
    "colours": lambda: hdf5(a=((VOLUME.reshape(-1, 40, 32, 3) >> 3).astype("u1"), {})),
    "columns": lambda: hdf5(
        a=(TABLE["time"], {"chunks": (1500,), **PACKED}), b=(TABLE["value"], PACKED)
    ),
    "records": lambda: hdf5(a=(TABLE, {"chunks": (700,), **PACKED})),
    "bool": lambda: hdf5(a=(np.tile(VOLUME[0] > 1100, (5, 1)), {}), b=(VOLUME, {})),
    "user block": lambda: hdf5(512, a=(VOLUME, {"chunks": (6, 40, 64), **PACKED})),
    "latest": lambda: hdf5(libver="latest", a=(VOLUME, {"chunks": (6, 40, 64), **PACKED})),
    "grown": grown,
    "masked": masked,
    "netCDF4": (Path(__file__).parent / "netcdf4.nc").read_bytes,
}
"""The last one was written by netCDF4 1.7.5: a time axis without an end, shuffled and deflated
chunks, a contiguous field, and a group whose chunks have checksums, which stay bytes.
"""


@pytest.mark.rust
@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = FILES[name]()
    (tmp_path / "a.h5").write_bytes(content)
    model = "auto" if name in ("colours", "records") else "fast"
    summary = bitsback.compress([tmp_path / "a.h5"], tmp_path / "a.bb", model=model)
    monkeypatch.setattr("bitsback.files.hdf5_chunks.data_sets_in", lambda _: [])
    without = bitsback.compress([tmp_path / "a.h5"], tmp_path / "b.bb", model=model)
    assert summary.bytes_out < without.bytes_out
    in_full = name in ("shuffled and deflated", "masked", "user block", "columns")
    assert restored((tmp_path / "a.bb").read_bytes(), tmp_path, in_full) == {"a.h5": content}


@pytest.mark.parametrize("name", ["contiguous", "chunks", "shuffled", "masked"])
def test_data_sets_are_found_where_they_are(name: str) -> None:
    content = FILES[name]()
    rows = b""
    for each in data_sets_in(io.BytesIO(content)):
        for place, size in each.spans(len(content)):
            taken = content[place : place + size]
            pixels, metadata = each.split(taken)
            assert file(pixels, metadata) == taken
            rows += pixels.tobytes()
    with h5py.File(io.BytesIO(content)) as read:
        elements = [data_set[:] for data_set in read.values()]
    assert rows == b"".join(one.astype(one.dtype.newbyteorder("<")).tobytes() for one in elements)


@pytest.mark.parametrize("name", [name for name in FILES if name != "netCDF4"])
def test_all_chunks_are_found(name: str) -> None:
    content = FILES[name]()
    assert is_hdf5(content)
    with h5py.File(io.BytesIO(content)) as read:
        size = sum(data_set.nbytes for data_set in read.values())
    found = data_sets_in(io.BytesIO(content))
    assert sum(each.chunk * len(each.places) for each in found) >= size
    streams = [int(place) for each in found if each.deflated for place in each.places]
    assert all(content[place : place + 1] == b"x" for place in streams)


def left() -> bytes:
    """Data sets that stay bytes of the file."""
    out = io.BytesIO()
    with h5py.File(out, "w") as written:
        options: dict[str, Any] = {"data": VOLUME, "chunks": VOLUME.shape}
        written.create_dataset("fletcher32", fletcher32=True, **options)
        written.create_dataset("lzf", compression="lzf", **options)
        written.create_dataset("scaled", scaleoffset=0, **options)
        written.create_dataset("no elements", (0, 4), "f4")
        written.create_dataset("unwritten", (100, 100), "f4")
        written.create_dataset("null", data=h5py.Empty("f4"))
        written["scalar"] = 3.5
        layout = h5py.VirtualLayout(VOLUME.shape, VOLUME.dtype)
        layout[:] = h5py.VirtualSource(".", "lzf", VOLUME.shape)
        written.create_virtual_dataset("virtual", layout)
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        kind, space = h5py.h5t.STD_I32LE, h5py.h5s.create_simple((100,))
        h5py.h5d.create(written.id, b"compact", kind, space, compact)
    return out.getvalue()


def test_other_data_sets_are_left(tmp_path: Path) -> None:
    content = left()
    found = data_sets_in(io.BytesIO(content))
    assert [span for each in found for span in each.spans(len(content))] == []
    external = tmp_path / "external.h5"
    with h5py.File(external, "w") as written:
        place = [(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)]
        written.create_dataset("a", data=VOLUME, external=place)
    with external.open("rb") as opened:
        assert data_sets_in(opened) == []
    external.write_bytes(content)
    bitsback.compress([external], tmp_path / "a.bb", model="fast")
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert (tmp_path / "out/external.h5").read_bytes() == content


def test_damaged_files_come_back(tmp_path: Path) -> None:
    whole = hdf5(a=(VOLUME[:2], {"chunks": (1, 40, 64), **PACKED}), b=(VOLUME, {}), c=(TABLE, {}))
    files = {}
    for number in range(12):
        damaged = bytearray(whole[: None if number % 3 else RNG.integers(len(whole))])
        for place in RNG.integers(0, min(len(damaged), 4096 if number % 2 else 1 << 20), 5):
            damaged[place] ^= 1 << RNG.integers(8)
        files[f"{number}.h5"] = bytes(damaged)
    assert_restored(tmp_path, files, model="fast")


def test_a_large_file_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elements = np.tile(VOLUME, (16, 1, 1)) + np.arange(96, dtype="u2").reshape(-1, 1, 1)
    files = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for added, path in enumerate(files):
        packed = elements + np.uint16(added), {"chunks": (4, 40, 64), **PACKED}
        path.write_bytes(hdf5(a=packed, b=(elements, {})))
    before = [path.read_bytes() for path in files]
    monkeypatch.setattr(folders, "MOST_BYTES", 1 << 17)
    summary = bitsback.compress(files, tmp_path / "a.bb", model="fast")
    assert summary.methods["inflated"] == 6
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert [(tmp_path / "out" / path.name).read_bytes() for path in files] == before


def test_without_h5py_the_reason_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = FILES["shuffled and deflated"]()
    (tmp_path / "a.h5").write_bytes(content)
    monkeypatch.setitem(sys.modules, "bitsback.files.hdf5_chunks", None)
    summary = bitsback.compress([tmp_path / "a.h5"], tmp_path / "a.bb", model="fast")
    assert summary.stored[NO_H5PY].files == 1
    assert "hdf5" in remedy(NO_H5PY)
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert (tmp_path / "out/a.h5").read_bytes() == content


def shuffled(chunk: int, element: int, frame: bytes = b"\1\0\1\0\1") -> bytes:
    """Container metadata of one row."""
    return bytes([5, chunk, element]) + frame


ROW = band(0, b"abcdefghijkl")


@pytest.mark.rust
@pytest.mark.parametrize(
    ("chunk", "element", "expected"),
    [
        (12, 3, b"adgjbehkcfil"),
        (12, 12, b"abcdefghijkl"),
        (12, 1, b"abcdefghijkl"),
        (6, 2, b"acebdfgikhjl"),
    ],
)
def test_shuffled_chunks(chunk: int, element: int, expected: bytes, tmp_path: Path) -> None:
    data = crafted(ROW, metadata=shuffled(chunk, element))
    assert restored(data, tmp_path) == {"a": expected}


BAD = {
    "elements across chunks": shuffled(6, 4),
    "no bytes of a chunk": shuffled(0, 1),
    "no bytes of an element": shuffled(6, 0),
    "a part of a chunk": shuffled(8, 4),
    "a chunk beyond the end": shuffled(24, 4),
    "another kind in chunks": shuffled(12, 4, b"\3\0\1\0\1"),
    "rows of other pixels": shuffled(12, 4, b"\1\0\1\0\2"),
    "no frame": shuffled(12, 4, b""),
}


@pytest.mark.rust
@pytest.mark.parametrize("name", BAD)
def test_what_breaks_a_rule_is_refused(name: str, tmp_path: Path) -> None:
    assert_refused(crafted(ROW, metadata=BAD[name]), tmp_path, ArchiveError)


def test_pieces_of_rows_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_sets, "_LEAST", 1)
    for begin in (-7, -3, 0, 5):
        places = np.array([begin])
        each = data_sets.DataSet(np.dtype("u1"), (3,), 1, 21, False, False, places)
        for place, size in each.spans(10):
            assert place >= 0 and place + size <= 10 and (place - begin) % 3 == size % 3 == 0
    assert [*each.spans(10)] == [(5, 3)]
