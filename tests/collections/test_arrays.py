"""npz, idx and TIFF files come back unchanged."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.format.modes import MODES

from .conftest import Run, noise, warnings_of


def test_npz(tmp_path: Path, digits: NDArray[np.bool_]) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "images": digits,
        "labels": np.arange(60),
        "scalar": np.array(3, np.float32),
        "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "empty": np.zeros((0, 3), np.int8),
        "none": np.zeros((5, 0)),
        "big": np.arange(5, dtype=">i2"),
        "sub/name é": digits[0],
    }
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "x.npz", **arrays)
        summary = bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb", force=True)
        assert (summary.files, summary.methods["model"]) == (8, 2)
        bitsback.decompress(tmp_path / "x.bb", tmp_path / "y.npz", force=True)
        with np.load(tmp_path / "y.npz") as restored, bitsback.open(tmp_path / "x.bb") as archive:
            assert restored.files == archive.names == list(arrays)
            assert archive.kind == "npz"
            for name, array in arrays.items():
                for other in (restored[name], np.asarray(archive[name])):
                    assert (other.dtype.str, other.shape) == (array.dtype.str, array.shape)
                    assert other.tobytes() == array.tobytes()
        stream = io.BytesIO()
        bitsback.decompress(tmp_path / "x.bb", stream)
        assert stream.getvalue() == (tmp_path / "y.npz").read_bytes()


@pytest.mark.parametrize(
    ("contents", "match"),
    [
        ({"a.npy": b"x"}, "no .npy file"),
        ({"../a.npy": b""}, "leads out"),
    ],
)
def test_zip_files_of_bad_arrays(tmp_path: Path, contents: dict[str, bytes], match: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as container:
        for name, data in contents.items():
            container.writestr(name, data)
    with pytest.raises(bitsback.InputError, match=match):
        bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb")


def test_npz_with_objects_or_damage(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", fine=np.arange(3), bad=np.array([{}, None]))
    with pytest.raises(bitsback.InputError, match=r"x\.npz: bad: its dtype is object"):
        bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb")
    np.savez_compressed(tmp_path / "y.npz", a=np.random.default_rng(0).integers(0, 9, 5000))
    data = bytearray((tmp_path / "y.npz").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "z.npz").write_bytes(data)
    with pytest.raises(bitsback.InputError, match=r"z\.npz"):
        bitsback.compress(tmp_path / "z.npz", tmp_path / "z.bb")
    assert not (tmp_path / "z.bb").exists()


def idx(array: NDArray[Any], code: int) -> bytes:
    return (
        bytes([0, 0, code, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


@pytest.mark.parametrize(
    ("dtype", "code"), [("u1", 8), ("i1", 9), (">i2", 11), (">i4", 12), (">f4", 13), (">f8", 14)]
)
def test_idx(tmp_path: Path, digits: NDArray[np.bool_], dtype: str, code: int) -> None:
    data = idx((digits * np.uint8(255)).astype(dtype), code)
    (tmp_path / "x").write_bytes(data)
    (tmp_path / "x.gz").write_bytes(gzip.compress(data))
    summary = bitsback.compress(tmp_path / "x", tmp_path / "x.bb")
    assert summary.methods["model"] == 1
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "y")
    assert (tmp_path / "y").read_bytes() == data
    bitsback.compress(tmp_path / "x.gz", tmp_path / "x.gz.bb")
    bitsback.decompress(tmp_path / "x.gz.bb", tmp_path / "y.gz")
    assert gzip.decompress((tmp_path / "y.gz").read_bytes()) == data
    assert np.array_equal(
        bitsback.decompress(tmp_path / "x.gz.bb"),
        digits.astype(dtype) * np.array(255).astype(dtype),
    )


def test_idx_files_that_are_damaged(tmp_path: Path) -> None:
    data = idx(np.zeros((3, 4), np.uint8), 8)
    packed = gzip.compress(data * 1000)
    for name, bad, match in (
        ("short", data[:-1], "ends too early"),
        ("long", data + b"x", "is longer"),
        ("header", data[:9], "within its header"),
        ("huge", bytes([0, 0, 8, 5]) + b"\xff" * 20, "no array can have"),
        ("cut", packed[:-9], "gzip|longer"),
    ):
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(bitsback.InputError, match=f"{name}.*({match})"):
            bitsback.compress(tmp_path / name, tmp_path / "x.bb")
    assert not (tmp_path / "x.bb").exists()


@pytest.fixture
def pages(digits: NDArray[np.bool_]) -> list[NDArray[Any]]:
    """Pages of all modes in turn, so that neighbours differ in mode."""
    return [
        page
        for seed in range(3)
        for page in [*(noise(mode, seed=seed) for mode in MODES), digits[seed]]
    ]


def test_tiff(tmp_path: Path, pages: list[NDArray[Any]]) -> None:
    images = [Image.fromarray(page) for page in pages]
    images[0].save(tmp_path / "x.tif", save_all=True, append_images=images[1:])
    summary, warned = warnings_of(tmp_path / "x.tif", tmp_path / "x.bb")
    assert (summary.files, warned) == (1, [])
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "y.tif")
    with Image.open(tmp_path / "y.tif") as restored, bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.kind == "folder" and len(archive) == 1
        assert restored.n_frames == len(pages)
        for number, image in enumerate(images):
            restored.seek(number)
            assert restored.mode == image.mode
            assert np.array_equal(np.asarray(restored), pages[number])


def test_tiff_of_a_page_that_is_not_coded(tmp_path: Path) -> None:
    """Such a file is stored verbatim, and so is a file truncated at an undetectable place."""
    first = Image.fromarray(noise("L"))
    first.save(tmp_path / "x.tif", save_all=True, append_images=[Image.new("CMYK", (3, 3))])
    data = (tmp_path / "x.tif").read_bytes()
    for size in (len(data), *range(4, len(data), 7)):
        (tmp_path / "y.tif").write_bytes(data[:size])
        try:
            bitsback.compress(tmp_path / "y.tif", tmp_path / "x.bb", force=True)
        except bitsback.InputError as error:
            assert "y.tif" in str(error) and size < len(data)
            continue
        bitsback.decompress(tmp_path / "x.bb", tmp_path / "z.tif", force=True)
        assert (tmp_path / "z.tif").read_bytes() == data[:size]


@pytest.mark.parametrize(("mode", "tag", "value"), [("RGB", 258, 16), ("L", 339, 2)])
def test_tiff_with_values_that_would_be_lost(
    tmp_path: Path, mode: str, tag: int, value: int
) -> None:
    """Pillow reads 16 bits of colour as 8, and numbers with signs as if they had none."""
    data = io.BytesIO()
    Image.fromarray(noise(mode)).save(data, "TIFF", tiffinfo={339: 1})
    content = bytearray(data.getvalue())
    directory = int.from_bytes(content[4:8], "little")
    for number in range(int.from_bytes(content[directory : directory + 2], "little")):
        entry = directory + 2 + 12 * number
        found, _, count, place = struct.unpack("<HHII", content[entry : entry + 12])
        if found == tag:
            place = entry + 8 if count == 1 else place
            content[place : place + 2 * count] = struct.pack(f"<{count}H", *[value] * count)
    (tmp_path / "x.tif").write_bytes(content)
    try:
        bitsback.compress(tmp_path / "x.tif", tmp_path / "x.bb")
    except bitsback.InputError as error:  # the file ends before that bit
        assert "x.tif" in str(error) and tag == 258
        return
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "y.tif")
    assert (tmp_path / "y.tif").read_bytes() == content


def test_the_command_names_what_it_restores(
    run: Run, tmp_path: Path, digits: NDArray[np.bool_]
) -> None:
    np.savez("a.npz", x=digits, y=np.arange(3))
    Path("b-idx3-ubyte.gz").write_bytes(gzip.compress(idx(digits.astype(np.uint8), 8)))
    Path("c.idx").write_bytes(idx(digits.astype(np.uint8), 8))
    made = {
        "a.npz": "a.npz",
        "b-idx3-ubyte.gz": "b-idx3-ubyte.gz",
        "c.idx": "c.idx",
    }
    for name, restored in made.items():
        base = restored.split(".")[0]
        assert run("compress", name).exit_code == 0
        Path(name).unlink()
        assert run("info", f"{base}.bb").exit_code == 0
        result = run("decompress", f"{base}.bb")
        assert result.exit_code == 0, result.output
        assert Path(restored).exists()
    assert run("extract", "a.bb", "y", "-o", "y.npy").exit_code == 0
    assert np.array_equal(np.load("y.npy"), np.arange(3))
    for arguments in (
        ["a.bb", "x", "y", "-o", "z.npy"],
        ["a.bb", "x", "--png", "z"],
    ):
        result = run("extract", *arguments)
        assert result.exit_code == 2 and "give" in result.stderr
