"""Lossless JPEG XL files come back with the same pixels, boxes and header."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.errors import ArchiveError
from bitsback.images.drawing import Split
from bitsback.images.jpeg_xl.codestream import Header
from bitsback.images.picture_files import alike, file_of, split, unpack
from packing import archive_of_file
from reference.container_metadata import restore
from reference.fields import ArchiveError as SpecArchiveError

Box = tuple[bytes, bytes]
SIGNATURE = (b"JXL ", b"\r\n\x87\n"), (b"ftyp", b"jxl \0\0\0\0jxl ")
EXIF = b"Exif", b"\0\0\0\0II*\0\x08\0\0\0\0\0"
XMP = b"xml ", b"<x/>"


def picture(shape: tuple[int, ...], dtype: str = "u1") -> NDArray[Any]:
    slope = np.add.outer(np.arange(shape[0]) * 3, np.arange(shape[1]) * 2)
    noise = np.random.default_rng(0).integers(0, 9, shape)
    values = (slope.reshape(*slope.shape, *[1] * (len(shape) - 2)) + noise) % 256
    return (values * (1 if dtype == "u1" else 257)).astype(dtype)


def codestream(pixels: NDArray[Any], **options: Any) -> bytes:
    data = imagecodecs.jpegxl_encode(pixels, **{"lossless": True, "effort": 3, **options})
    if data[:2] == b"\xff\x0a":
        return bytes(data)
    return bytes(data[data.index(b"jxlc") + 4 :])


def in_boxes(*boxes: Box) -> bytes:
    return b"".join((len(held) + 8).to_bytes(4, "big") + kind + held for kind, held in boxes)


def with_header(bits: str, pixels: NDArray[Any]) -> bytes:
    """A file with another header, of these bits, the first one first."""
    data = codestream(pixels)
    header = Header.of(data)
    assert header is not None
    return as_bytes(bits) + data[header.end :]


def as_bytes(bits: str) -> bytes:
    bits = bits.replace(" ", "")
    bits += "0" * (-len(bits) % 8)
    return b"\xff\x0a" + bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def number(value: int, count: int) -> str:
    return f"{value:0{count}b}"[::-1]


def point(*places: float) -> str:
    """Places of a colour, each positive."""
    bits = ""
    for place in places:
        value = 2 * round(place * 10**6)
        if value < 1 << 20:
            bits += ("10" if value >> 19 else "00") + number(value % (1 << 19), 19)
        else:
            bits += "01" + number(value - (1 << 20), 20)
    return bits


SIZE = "0 00" + number(39, 9) + "000 00" + number(49, 9)
"""Of 40 rows and 50 columns."""
EIGHT, SIXTEEN = "0 00 1", "0 11" + number(15, 6) + "0"
"""The depth, and that of buffers."""
END = "00 1"
CUSTOM = "01 0000"
GREY, RGB = picture((40, 50)), picture((40, 50, 3))
ODD = f"{SIZE} 0 0 {EIGHT}"

TOLD: dict[str, tuple[str, NDArray[Any]]] = {
    "turned": (f"{SIZE} 0 1 101 0 00 {EIGHT} 00 0 1 1 {END}", RGB),
    "of another size on screens": (f"{SIZE} 0 1 000 1 {SIZE} 00 {EIGHT} 00 0 1 1 {END}", RGB),
    "tone mapping": (
        f"{SIZE} 0 1 000 0 00 {EIGHT} 00 0 1 0 {number(0x5BF8, 16)} {33 * '0'} {END}",
        RGB,
    ),
    "Display P3": (f"{ODD} 00 0 0 0 00 10 01{number(9, 4)} 0 01{number(11, 4)} 00 {END}", RGB),
    "linear grey": (f"{ODD} 00 0 0 0 10 10 0 01 {number(6, 4)} 10 {END}", GREY),
    "gamma": (f"{ODD} 00 0 0 0 00 10 10 1 {number(4545455, 24)} 10 {END}", RGB),
    "points of its own": (
        f"{ODD} 00 0 0 0 00 {CUSTOM} {point(0.3127, 0.329)} {CUSTOM} {point(0.64, 0.33)}"
        f" {point(0.3, 0.6)} {point(0.15, 0.06)} 0 01{number(11, 4)} 10 {END}",
        RGB,
    ),
}
"""Headers of all kinds that are kept."""

FILES = {
    **{
        f"{shape} {dtype}": codestream(picture(shape, dtype))
        for shape in ((40, 50), (40, 50, 2), (40, 50, 3), (40, 50, 4), (1, 1), (64, 64, 3))
        for dtype in ("u1", "u2")
    },
    "of several groups": codestream(picture((300, 1030, 3))),
    "by effort 1": codestream(RGB, effort=1),
    "by effort 7": codestream(RGB, effort=7),
    "boxes": in_boxes(*SIGNATURE, EXIF, (b"jxlc", codestream(RGB)), XMP),
    "parts": in_boxes(
        *SIGNATURE,
        (b"jxlp", bytes(4) + codestream(RGB)[:9]),
        EXIF,
        (b"jxlp", b"\x80\0\0\1" + codestream(RGB)[9:]),
    ),
    "a box up to the end": in_boxes(*SIGNATURE) + bytes(4) + b"jxlc" + codestream(GREY),
    "a box of a long length": in_boxes(*SIGNATURE)
    + b"\0\0\0\1jxlc"
    + (len(codestream(GREY)) + 16).to_bytes(8, "big")
    + codestream(GREY),
    **{name: with_header(*told) for name, told in TOLD.items()},
}


def split_file(data: bytes) -> Split:
    found = split(io.BytesIO(data), exact=False)
    assert found is not None and not found.exact and not found.indexed
    return found


def decoded(data: bytes) -> NDArray[Any]:
    return np.asarray(imagecodecs.jpegxl_decode(data, keeporientation=True))


@pytest.mark.parametrize("name", FILES)
def test_pixels_boxes_and_header_come_back(name: str) -> None:
    data = FILES[name]
    found = split_file(data)
    pixels = found.pixels.whole()
    assert np.array_equal(pixels, decoded(data)) and pixels.dtype == decoded(data).dtype
    made = file_of(pixels, found.metadata)
    assert np.array_equal(pixels, decoded(made))
    assert alike(io.BytesIO(data), io.BytesIO(made))
    assert restore(pixels, found.metadata) is None
    assert split(io.BytesIO(data), exact=True) is None
    metadata = unpack(found.metadata)
    assert bytes([metadata.kind]) + metadata.pack() == found.metadata
    if data[:2] == b"\xff\x0a":
        header = Header.of(data)
        assert header is not None and made[: header.end] == data[: header.end]


def test_all_boxes_are_there_in_their_order() -> None:
    made = file_of(RGB, split_file(FILES["boxes"]).metadata)
    at = made.index(b"jxlc") - 4
    assert made[:at] == in_boxes(*SIGNATURE, EXIF)
    assert made.endswith(in_boxes(XMP))


OTHERS = {
    "lossy": codestream(RGB, lossless=False, distance=1.0),
    "lossy and modular": codestream(RGB, lossless=False, distance=0.1, effort=1),
    "12 bits": with_header(f"{SIZE} 0 0 0 01 0 00 0 1 {END}", RGB),
    "floats": codestream(RGB.astype("f4") / 255),
    "bytes behind the frame": codestream(RGB) + b"?",
    "an ICC profile": with_header(f"{ODD} 00 0 0 1 00 {END}", RGB),
    "an index": in_boxes(*SIGNATURE, (b"jxli", b"\0"), (b"jxlc", codestream(RGB))),
    "two codestreams": in_boxes(*SIGNATURE, *[(b"jxlc", codestream(RGB))] * 2),
    "parts in another order": in_boxes(
        *SIGNATURE,
        (b"jxlp", b"\0\0\0\1" + codestream(RGB)[:9]),
        (b"jxlp", b"\x80\0\0\2" + codestream(RGB)[9:]),
    ),
    "a part that is not the last": in_boxes(*SIGNATURE, (b"jxlp", bytes(4) + codestream(RGB))),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_lossy_or_of_another_kind_stays_as_it_is(name: str) -> None:
    assert split(io.BytesIO(OTHERS[name]), exact=False) is None


def test_no_other_bits_of_a_frame_are_taken_for_those_of_integers() -> None:
    """Each bit in front of the data of the frame, changed alone, is refused or read the same."""
    data = bytearray(codestream(RGB))
    header = Header.of(bytes(data))
    assert header is not None
    for bit in range(24):
        changed = bytearray(data)
        changed[header.end + bit // 8] ^= 1 << bit % 8
        try:
            found = split(io.BytesIO(bytes(changed)), exact=False)
        except (RuntimeError, ValueError):
            continue
        assert found is None or np.array_equal(found.pixels.whole(), decoded(bytes(changed)))


@pytest.mark.parametrize("name", ["(40, 50, 3) u1", "boxes"])
def test_a_file_that_is_cut_off_is_damaged(name: str) -> None:
    data = FILES[name]
    with pytest.raises((RuntimeError, ValueError)):
        split(io.BytesIO(data[: len(data) * 2 // 3]), exact=False)


def test_files_with_another_header_or_other_boxes_are_not_alike() -> None:
    data = FILES["boxes"]
    for other in (
        in_boxes(*SIGNATURE, (b"jxlc", codestream(RGB)), EXIF, XMP),
        in_boxes(*SIGNATURE, EXIF, (b"jxlc", FILES["turned"]), XMP),
        in_boxes(*SIGNATURE, EXIF, (b"jxlc", codestream(255 - RGB)), XMP),
        codestream(RGB),
    ):
        assert not alike(io.BytesIO(data), io.BytesIO(other))


def test_a_folder_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.jxl").write_bytes(codestream(picture((90, 80 + number, 3))))
    (tmp_path / "in" / "lossy.jxl").write_bytes(OTHERS["lossy"])
    (tmp_path / "in" / "text.jxl").write_bytes(b"no picture")
    summary = bitsback.compress(tmp_path / "in", tmp_path / "a.bb", model="universal")
    stored = {reason: held.files for reason, held in summary.stored.items()}
    assert sorted(stored.values()) == [1, 1] and not any("smaller" in reason for reason in stored)
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    for file in (tmp_path / "in").iterdir():
        one, other = file.read_bytes(), (tmp_path / "out" / file.name).read_bytes()
        assert one == other or alike(io.BytesIO(one), io.BytesIO(other))
    summary = bitsback.compress(tmp_path / "in", tmp_path / "b.bb", model="fast", files="exact")
    assert sum(held.files for held in summary.stored.values()) == 5
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert np.array_equal(archive["0.jxl"], picture((90, 80, 3)))
        assert archive.verify() == []
        with pytest.raises(ArchiveError, match=r"bitsback\[peers\]"):
            archive.open("0.jxl")
    with pytest.raises(ArchiveError, match=r"0\.jxl.*bitsback\[peers\]"):
        bitsback.decompress(tmp_path / "a.bb", tmp_path / "without")
    assert not (tmp_path / "without").exists()
    summary = bitsback.compress(tmp_path / "in", tmp_path / "c.bb", model="fast")
    assert sum(held.files for held in summary.stored.values()) == 5


HEADER = as_bytes(f"{ODD} 00 0 1 {END}")
BAD = {
    "a codestream among boxes": b"\1jxlc\0\0" + HEADER,
    "a part behind them": b"\1JXL \0\1jxlp\0" + HEADER,
    "boxes behind none": b"\0\1Exif\0" + HEADER,
    "a box that is cut off": b"\1JXL \xff",
    "no header": b"\0\0",
    "another signature": b"\0\0\xff\x0b" + HEADER[2:],
    "bytes behind the header": b"\0\0" + HEADER + b"\0",
    "half a header": b"\0\0" + HEADER[:-1],
    "bits behind the header": b"\0\0" + HEADER[:-1] + bytes([HEADER[-1] | 128]),
    **{
        name: b"\0\0" + as_bytes(bits)
        for name, bits in {
            "another size": f"{SIZE[:-1]}1 0 0 {EIGHT} 00 0 1 {END}",
            "all as usual": f"{SIZE} 1",
            "XYB": f"{ODD} 00 1 1 {END}",
            "a preview": f"{SIZE} 0 1 000 0 10 {EIGHT} 00 0 1 1 {END}",
            "frames": f"{SIZE} 0 1 000 0 01 {EIGHT} 00 0 1 1 {END}",
            "floats": f"{SIZE} 0 0 1 00 1 00 0 1 {END}",
            "16 bits": f"{SIZE} 0 0 {SIXTEEN} 00 0 1 {END}",
            "12 bits": f"{SIZE} 0 0 0 01 1 00 0 1 {END}",
            "alpha": f"{ODD} 10 1 0 1 {END}",
            "three more channels": f"{ODD} 01{number(1, 4)} 1 1 1 0 1 {END}",
            "depth": f"{ODD} 10 0 10 0 00 00 00 0 1 {END}",
            "an ICC profile": f"{ODD} 00 0 0 1 00 {END}",
            "grey": f"{ODD} 00 0 0 0 10 10 0 00 00 {END}",
            "an unknown space": f"{ODD} 00 0 0 0 01{number(1, 4)} 10 0 00 00 {END}",
            "extensions": f"{ODD} 00 0 1 10{number(0, 4)} 1",
            "another transform": f"{ODD} 00 0 1 00 0 000",
        }.items()
    },
}


@pytest.mark.parametrize("name", BAD)
def test_metadata_that_break_a_rule_are_refused(name: str) -> None:
    metadata = b"\n" + BAD[name]
    restore(RGB, b"\n\0\0" + HEADER)
    with pytest.raises(ArchiveError):
        file_of(RGB, metadata)
    with pytest.raises(SpecArchiveError):
        restore(RGB, metadata)
    with (
        bitsback.open(archive_of_file(metadata, RGB)) as archive,
        pytest.raises(ArchiveError) as caught,
    ):
        archive.open("a")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["|b1", "|i1", "<i2", "<f4"])
def test_other_samples_are_refused(dtype: str) -> None:
    pixels, metadata = GREY.astype(dtype), b"\n\0\0" + HEADER
    with pytest.raises(ArchiveError):
        file_of(pixels, metadata)
    with pytest.raises(SpecArchiveError):
        restore(pixels, metadata)
