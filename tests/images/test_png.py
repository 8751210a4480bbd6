"""A PNG is coded by its pixels only if its file holds all of them and nothing else."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive.inputs import folders
from bitsback.files import bands, picture_files, pictures
from bitsback.files.drawing import Split
from bitsback.files.png import png_metadata
from bitsback.io import file_io
from folders import assert_restored
from zoo.compared import png_chunks
from zoo.png_files import KINDS, ODD, SHORT, TOLD, Drawn, drawn

SIZE = 40, 30
CODED = (
    "stored", "small window", "empty pixels before", "empty pixels behind", "a byte a chunk",
    "a text behind", "a transparent colour", "a histogram", "significant bits", "a background",
)  # fmt: skip
"""Odd PNG files that hold all their pixels."""


@pytest.fixture(params=[False, True], ids=["whole", "in bands"])
def in_bands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether pictures are read in bands, as large ones are."""
    if request.param:
        monkeypatch.setattr(pictures, "LARGE", 0)
        monkeypatch.setattr(bands, "BAND", 120)
        monkeypatch.setattr(file_io, "IN_MEMORY", 0)
    return bool(request.param)


def split(data: bytes, exact: bool = False) -> Split | None:
    return picture_files.split(io.BytesIO(data), exact)


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("odd", SHORT)
def test_damaged_pixels_are_told(odd: str, interlace: int, in_bands: bool) -> None:
    """Pillow accepts some of them and fills missing rows with black."""
    for colour, depth in ((0, 8), (0, 16), (2, 8), (3, 4)):
        data = SHORT[odd](drawn(SIZE, colour, depth, interlace))
        for exact in (False, True):
            with pytest.raises((ValueError, OSError, zlib.error)):
                split(data, exact)


def test_pixels_that_are_missing_are_not_invented(tmp_path: Path) -> None:
    """A file with an intact stream that is too short comes back byte for byte."""
    data = SHORT["short"](drawn(SIZE, 2, 8))
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert np.asarray(image).shape == (30, 40, 3), "Pillow takes it"
    (reason,) = assert_restored(tmp_path, {"x.png": data}).stored
    assert reason.startswith("damaged, or not what their endings say: ")
    with pytest.raises(bitsback.InputError, match=r"x\.png: .*its pixels end before the last row"):
        bitsback.compress(tmp_path / "in", tmp_path / "b.bb", pictures_only=True)


@pytest.mark.parametrize("odd", sorted(ODD.keys() - SHORT.keys()))
def test_what_is_odd_comes_back(odd: str, in_bands: bool) -> None:
    """An odd file comes back exactly, or is stored verbatim."""
    for colour, depth, interlace in ((0, 8, 0), (2, 8, 1), (3, 4, 0), (0, 1, 0)):
        png = drawn(SIZE, colour, depth, interlace)
        data = ODD[odd](png)
        try:
            taken = split(data)
        except Exception:  # by Pillow, as damaged
            continue
        if odd in CODED and not (colour == 3 and odd == "a palette"):
            assert taken is not None, (colour, depth)
        if taken is not None:
            again = picture_files.file_of(taken.pixels.whole(), taken.metadata)
            assert png_chunks(again) == png_chunks(data)
            assert np.array_equal(shown(again), shown(data))


def shown(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("interlace", [0, 1])
def test_all_kinds_of_samples(interlace: int, in_bands: bool) -> None:
    for colour, depth in KINDS:
        for filters in ("0", "4", "0123443210"):
            png = drawn(SIZE, colour, depth, interlace, filters)
            taken = split(png.file())
            assert taken is not None, (colour, depth)
            exact = split(png.file(), exact=True)
            assert (exact is None) == bool(interlace)


def test_chunks_that_tell_of_the_bytes_of_a_file_keep_them() -> None:
    """A signature would not be valid for other bytes."""
    png = drawn(SIZE, 2, 8)
    for told in ("apple", "credentials", "signature"):
        data = Drawn(png.size, 2, 8, 0, png.rows, [TOLD[told]]).file()
        for exact in (False, True):
            found = split(data, exact)
            assert found is not None and found.exact and not found.saving
            for asked in (False, True):
                again = picture_files.file_of(found.pixels.whole(), found.metadata, asked)
                assert again == data


def test_the_bytes_of_large_pictures_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of such a picture would be in memory, several times."""
    data = drawn(SIZE, 2, 8).file()
    monkeypatch.setattr(png_metadata, "_MOST_EXACT", 3 * 40 * 30)
    assert split(data, exact=True) is not None
    monkeypatch.setattr(png_metadata, "_MOST_EXACT", 3 * 40 * 30 - 1)
    assert split(data, exact=True) is None and split(data) is not None


def test_a_picture_that_is_damaged_far_from_its_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The damage is found, since all of the file is compared."""
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))
    png = drawn(SIZE, 0, 8, filters="0")
    rows = bytearray(png.rows)
    rows[7 * 41] = 9  # the filter of a row in the middle
    data = Drawn(png.size, 0, 8, 0, bytes(rows)).file()
    assert list(assert_restored(tmp_path, {"x.png": data}).stored) == [
        "damaged, or not what their endings say: "
        "unrecognized data stream contents when reading image file"
    ]
