"""The table of file formats, and what reads it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bitsback.files import formats
from bitsback.files.formats import FORMATS, ArrayFormat, Format, PictureFormat

ROOT = Path(__file__).parents[2]
LINES = [pytest.param(line, id=f"{number} {line.label}") for number, line in enumerate(FORMATS)]


@pytest.mark.parametrize("line", LINES)
def test_the_page_tells_of_each_format(line: Format) -> None:
    if line.start or line.endings:
        page = (ROOT / "docs" / "images.md").read_text(encoding="utf-8")
        table = [row for row in page.splitlines() if row.startswith("| ")]
        assert any(line.label in row for row in table)


def test_no_two_formats_have_a_number_or_a_name_in_common() -> None:
    arrays = [line for line in FORMATS if isinstance(line, ArrayFormat)]
    assert len({line.container for line in arrays}) == len(arrays)
    assert len(formats.KINDS) == len(arrays) + 1


@pytest.mark.parametrize("line", LINES)
def test_each_codec_is_there(line: Format) -> None:
    if isinstance(line, ArrayFormat):
        assert callable(line.codec().open_array) and callable(line.codec().write_array)
    if isinstance(line, PictureFormat) and line.codec is not None:
        assert callable(line.codec().split) and callable(line.codec().unpack)


@pytest.mark.parametrize(
    ("start", "name", "label"),
    [
        (b"II*\0", "scan.nef", "raw files of cameras"),
        (b"II*\0", "scan.png", "PNG"),
        (b"II*\0" + bytes(124) + b"DICM", "IM0001", "DICOM"),
        (gzip.compress(b"P5 1 1 255 ?", mtime=0), "scan", "NIfTI"),
        (gzip.compress(b"\0\0\x08\x03", mtime=0), "digits", "idx"),
        (gzip.compress(b"hello", mtime=0), "hello.gz", None),
        (b"\0\0\x08\x03", "digits", "idx"),
        (b"\x93NUMPY", "table.csv", ".npy"),
        (b"\x89HDF\r\n\x1a\n", "scan.png", "PNG"),
        (b"\x89PNG\r\n\x1a\n", ".png", None),
        (b"hello", "hello.txt", None),
    ],
)
def test_a_file_is_told_by_its_first_bytes_and_its_name(
    start: bytes, name: str, label: str | None
) -> None:
    found = formats.format_of(start, name)
    assert (None if found is None else found.label) == label


def test_what_is_said_of_the_formats() -> None:
    assert formats.coded_formats() == (
        "DICOM, NIfTI, NRRD, MetaImage, MRC, FITS, PFM, TIFF, PNG, BMP, PNM, lossless WebP and GIF"
    )
    assert formats.unread_picture("a/b.HEIF") == "HEIC"
    assert formats.single_file_formats().startswith("a .npy file, an idx file, ")
    assert formats.without_ending("train.idx.gz") == "train"
    assert formats.without_ending(".npy") == ".npy"
