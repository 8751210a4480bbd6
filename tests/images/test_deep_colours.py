"""Pictures of several channels of 16 bits, and pages of other numbers, are coded by all of their
bits.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import bitsback
from bitsback.archive.files.listing import entries
from bitsback.archive.inputs import folders
from bitsback.coding import layouts
from bitsback.errors import ArchiveError
from bitsback.files import picture_files
from bitsback.format.modes import DEEP
from folders import assert_restored, write_files
from reference.container_metadata import restore


@pytest.fixture(autouse=True)
def by_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))


def pixels(channels: int, dtype: str = "u2") -> NDArray[Any]:
    """All bits of the samples matter."""
    y, x, c = np.mgrid[:20, :30, :channels]
    values = (x * 1999 + y * 777 + c * 5000 + (x * y) % 7) % 65536
    made = values.astype(dtype) / 7 if np.dtype(dtype).kind == "f" else values.astype(dtype)
    return made.astype(dtype)[..., 0] if channels == 1 else made.astype(dtype)


def ppm(samples: NDArray[Any]) -> bytes:
    return b"P6\n30 20\n65535\n" + samples.astype(">u2").tobytes()


def tiff(samples: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    options = {"photometric": "minisblack", "planarconfig": "contig", **options}
    if samples.ndim == 2:
        del options["planarconfig"]
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_png_files_of_16_bits(channels: int, exact: bool) -> None:
    wanted = pixels(channels)
    data = bytes(imagecodecs.png_encode(wanted, level=6))
    taken = picture_files.split(io.BytesIO(data), exact)
    if taken is None:  # libpng may use another zlib
        assert exact
        return
    assert np.array_equal(taken.pixels.whole(), wanted)
    again = picture_files.file_of(taken.pixels.whole(), taken.metadata)
    assert np.array_equal(imagecodecs.png_decode(again), wanted)
    assert not exact or again == data == restore(wanted, taken.metadata)


KINDS: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "spectra": (pixels(7), {"compression": "zlib", "predictor": True}),
    "two hundred": (pixels(200, "u1"), {}),
    "rgb": (pixels(3), {"photometric": "rgb", "compression": "lzw", "byteorder": ">"}),
    "labels": (pixels(1, "u4"), {"compression": "zlib", "predictor": True, "byteorder": ">"}),
    "counts": (pixels(1, "i8") - 9, {"tile": (16, 16), "compression": "packbits"}),
    "signed": (pixels(3, "i2"), {}),
    "white": (pixels(1, "u4"), {"photometric": "miniswhite", "tile": (16, 16)}),
    "halves": (pixels(1, "f2"), {"compression": "zlib"}),
    "floats": (pixels(5, "f4"), {"byteorder": ">", "rowsperstrip": 3}),
    "differences": (pixels(3, "f4"), {"compression": "zlib", "predictor": True}),
    "of tiles": (
        pixels(1, "f8"),
        {"compression": "lzw", "predictor": True, "tile": (16, 16), "byteorder": ">"},
    ),
    "doubles": (pixels(1, "f8"), {"compression": "lzma"}),
}


@pytest.mark.parametrize("name", KINDS)
def test_pages_of_any_numbers(name: str) -> None:
    wanted, options = KINDS[name]
    data = tiff(wanted, **options)
    for exact in (False, True):
        taken = picture_files.split(io.BytesIO(data), exact)
        if taken is None:  # compressed by another library
            assert exact and "compression" in options
            continue
        expected = ~wanted if name == "white" else wanted
        found = taken.pixels.whole()
        assert (found.dtype, found.tobytes()) == (wanted.dtype, expected.tobytes())
        again = picture_files.file_of(found, taken.metadata)
        assert tifffile.imread(io.BytesIO(again)).tobytes() == wanted.tobytes()
        assert not exact or (again == data and restore(found, taken.metadata) in (None, data))


PNG = {f"{count}.png": bytes(imagecodecs.png_encode(pixels(count))) for count in (2, 3, 4)}


def test_a_folder_of_all_kinds(tmp_path: Path) -> None:
    pages = {f"{name}.tif": tiff(samples, **more) for name, (samples, more) in KINDS.items()}
    write_files(tmp_path / "in", {**PNG, "deep.ppm": ppm(pixels(3)), **pages})
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast", files="pixels")
    assert not summary.stored
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.verify() == []
        assert {entry.mode for entry in entries(archive.reader)} >= {*DEEP, "uint32", "float32 x 5"}
        for name, (samples, _) in KINDS.items():
            path = tmp_path / "out" / f"{name}.tif"
            assert tifffile.imread(path).tobytes() == samples.tobytes()
            if name != "white":
                assert np.asarray(archive[f"{name}.tif"]).tobytes() == samples.tobytes()
    assert (tmp_path / "out" / "deep.ppm").read_bytes() == ppm(pixels(3))
    for channels in (2, 3, 4):
        data = (tmp_path / "out" / f"{channels}.png").read_bytes()
        assert np.array_equal(imagecodecs.png_decode(data), pixels(channels))


def test_pages_of_wide_numbers_have_lists_of_their_own(tmp_path: Path) -> None:
    """So that few values of one do not become many beside those of others."""
    labels = pixels(1, "u4").repeat(8, 0).repeat(4, 1) // 999
    files = {f"{number}.tif": tiff(labels + number * 100003) for number in range(3)}
    summary = assert_restored(tmp_path, files, stack=False)
    assert summary.blocks == 4, "one of metadata, and one of each picture"


def test_a_frame_has_samples_of_any_kind() -> None:
    frame = b"\1\0\1\0\2"  # of a picture of two rows
    for shape, dtype in (((2, 3), "<f4"), ((2, 3, 5), "|u1"), ((2, 3), "<i4"), ((2, 3, 3), "<u2")):
        pixels = np.ones(shape, dtype)
        assert picture_files.file_of(pixels, frame) == pixels.tobytes()
    with pytest.raises(ArchiveError, match="another picture"):
        picture_files.file_of(np.zeros((3, 3), "<f4"), frame)


def test_a_set_of_deep_pictures(tmp_path: Path) -> None:
    """Without their metadata they come back as PNG files that bitsback makes."""
    rgb = tiff(pixels(3) // 2, photometric="rgb")
    write_files(tmp_path / "in", {**PNG, "deep.ppm": ppm(pixels(3) // 3), "rgb.tif": rgb})
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", unordered=True, keep_names=True)
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    for channels in (2, 3, 4):
        data = (tmp_path / "out" / f"{channels}.png").read_bytes()
        assert np.array_equal(imagecodecs.png_decode(data), pixels(channels))
    data = (tmp_path / "out" / "deep.ppm.png").read_bytes()
    assert np.array_equal(imagecodecs.png_decode(data), pixels(3) // 3)
    assert np.array_equal(tifffile.imread(tmp_path / "out" / "rgb.tif"), pixels(3) // 2)


def test_spectra_are_pictures_and_slices_of_volumes_are_not() -> None:
    both = layouts.PICTURES, layouts.STACKS
    assert layouts.layouts_for(np.dtype("<u2"), (40, 41, 120)) == both
    for volume in ((32, 128, 128), (300, 40, 200), (40, 41, 257)):
        assert layouts.layouts_for(np.dtype("<u2"), volume) == (layouts.STACKS,)
