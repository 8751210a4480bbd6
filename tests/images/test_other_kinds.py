"""A file on its own that is no array and no TIFF file is stored as a folder of one file."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile

import bitsback


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as container:
        for name, data in files.items():
            container.writestr(name.replace("_", "."), data)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("note.txt", b"some text"),
        ("nothing", b""),
        ("cells.h5", b"\x89HDF\r\n\x1a\n" + bytes(90)),
        ("sensor.csv", b"time,value\n1,2\n"),
        ("text.gz", gzip.compress(b"hello world")),
        ("cut.idx.gz", b"\x1f\x8b\x08"),
        ("broken.npy", b"\x93NUM"),
        ("text.zip", zipped(b_txt=b"y")),
        ("other.npz", zipped(a_npy=b"x", b_txt=b"y")),
        ("empty.npz", zipped()),
        ("cut.npz", zipped(a_npy=b"x")[:-9]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_a_folder_of_one_file(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    summary = bitsback.compress(tmp_path / name, tmp_path / "x.bb")
    assert (summary.files, summary.disk_in) == (1, len(data))
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]
    assert (tmp_path / "out" / name).read_bytes() == data


def test_a_set_needs_pictures(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(bytes(128) + b"DICM" + bytes(200))
    with pytest.raises(bitsback.InputError, match=r"scan\.png: is no picture"):
        bitsback.compress([path, path.with_name("other.png")], tmp_path / "x.bb", unordered=True)


def test_a_npy_file_of_any_name_is_read(tmp_path: Path) -> None:
    with (tmp_path / "numbers.csv").open("wb") as file:
        np.save(file, np.arange(9))
    bitsback.compress(tmp_path / "numbers.csv", tmp_path / "x.bb")
    assert np.array_equal(bitsback.decompress(tmp_path / "x.bb"), np.arange(9))


def test_signed_labels_in_a_tiff_file_are_called_so(tmp_path: Path) -> None:
    """Even without negative values, pictures hold no signed numbers."""
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, np.arange(60, dtype=np.int32).reshape(6, 10))
    with pytest.raises(bitsback.InputError, match="signed integers of 32 bits"):
        bitsback.compress(path, tmp_path / "x.bb", unordered=True)
