"""Lossless JPEG streams are coded by their samples, in DICOM and in any other files, and the files
come back byte for byte.
"""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.coding.streams import encode_streams, find_streams
from bitsback.files import dicom
from bitsback.files.bands import Bands
from bitsback.files.drawing import makes, pack
from bitsback.files.jpeg_samples import take_samples
from bitsback.files.picture_files import file_of
from jpeg_files import LOSSLESS, jpeg
from reference.container_metadata import restore
from second_decoder import PROGRAM
from waiting import PATIENCE
from zoo.dicom_files import dicom_file

SYNTAX = "1.2.840.10008.1.2.4.70"
RNG = np.random.default_rng(0)
SLOPE = (np.add.outer(np.arange(60) * 5, np.arange(80) * 3) + RNG.integers(0, 9, (60, 80))).astype(
    "<u2"
)
COLOURS = np.stack([SLOPE, SLOPE[::-1], SLOPE // 2], -1).astype("u1")


def lossless(pixels: NDArray[Any], bits: int = 16) -> bytes:
    if pixels.dtype == "u1":
        return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1))
    return bytes(imagecodecs.ljpeg_encode(pixels, bitspersample=bits))


def encapsulated(frames: NDArray[Any], streams: list[list[bytes]]) -> bytes:
    """frames: [frames, rows, columns]. streams: the fragments of each frame."""
    whole = dicom_file(np.concatenate(frames), SYNTAX, frames=len(frames))
    at = whole.index(struct.pack("<HH", 0x7FE0, 0x10))
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    for fragment in (fragment for stream in streams for fragment in stream):
        even = fragment + bytes(len(fragment) % 2)
        items += struct.pack("<HHI", 0xFFFE, 0xE000, len(even)) + even
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return whole[:at] + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + items + end


def parts(stream: bytes) -> list[bytes]:
    return [stream[:600], stream[600:800], stream[800:]]


@pytest.mark.parametrize("name", LOSSLESS)
def test_the_samples_and_the_rest_make_a_stream(name: str) -> None:
    content = b"before" + LOSSLESS[name]() + b"behind"
    taken = take_samples(content)
    assert taken is not None
    metadata = pack(taken.metadata)
    assert file_of(taken.samples, metadata) == restore(taken.samples, metadata) == content
    if "cut" not in name:
        decode = imagecodecs.ljpeg_decode if "16" in name else imagecodecs.jpeg8_decode
        assert np.array_equal(taken.samples, decode(LOSSLESS[name]()))


def test_streams_that_differ_are_no_picture() -> None:
    one, other = lossless(SLOPE), lossless(SLOPE[:, 1:].copy())
    assert take_samples(one + other) is None
    assert take_samples(one + other, len(one)) is not None
    assert take_samples(jpeg()) is None
    assert encode_streams(np.frombuffer(one, np.uint8)) is None
    (stream,) = find_streams(np.frombuffer(one, np.uint8))
    assert (stream.length, stream.kind, stream.reason) == (len(one), "lossless", None)


SIGNED = (SLOPE.astype(int) - 300).astype("<i2")
DICOM: dict[str, tuple[NDArray[Any], bytes]] = {
    "grey": (SLOPE, encapsulated(SLOPE[np.newaxis], [[lossless(SLOPE)]])),
    "10 bits": (SLOPE, encapsulated(SLOPE[np.newaxis], [[lossless(SLOPE, 10)]])),
    "signed": (SIGNED, encapsulated(SIGNED[np.newaxis], [[lossless(SIGNED.view("<u2"))]])),
    "signed, 10 bits": (
        SIGNED,
        encapsulated(SIGNED[np.newaxis], [[lossless(SIGNED.view("<u2") & 1023, 10)]]),
    ),
    "colours": (COLOURS, encapsulated(COLOURS[np.newaxis], [[lossless(COLOURS)]])),
    "frames in fragments": (
        np.concatenate([SLOPE, SLOPE[::-1]]),
        encapsulated(
            np.stack([SLOPE, SLOPE[::-1]]),
            [parts(lossless(SLOPE)), parts(lossless(SLOPE[::-1].copy()))],
        ),
    ),
}


@pytest.mark.parametrize("name", DICOM)
def test_frames_of_dicom(name: str) -> None:
    pixels, data = DICOM[name]
    split = dicom.split(io.BytesIO(data), True)
    assert split is not None and split.exact
    found = split.pixels.whole()
    assert found.dtype == pixels.dtype and np.array_equal(found, pixels)
    assert restore(found, split.metadata) == file_of(found, split.metadata) == data
    samples = dicom.samples(io.BytesIO(data))
    assert samples is not None and np.array_equal(samples.whole(), pixels)


@pytest.mark.parametrize(
    ("streams", "reason"),
    [
        ([], "1 frames of JPEG in 0 streams"),
        ([[lossless(SLOPE)], [lossless(SLOPE)]], "1 frames of JPEG in 2 streams"),
        ([[lossless(SLOPE[1:].copy())]], "an unknown encoder of DICOM"),
        ([[jpeg()]], "an unknown encoder of DICOM"),
    ],
)
def test_other_streams_are_refused(streams: list[list[bytes]], reason: str) -> None:
    file = io.BytesIO(encapsulated(SLOPE[np.newaxis], streams))
    assert dicom.split(file, True) is None
    assert reason in dicom.refusal(file)
    with pytest.raises(OSError, match="JPEG"):
        samples = dicom.samples(file)
        if samples is None:
            raise OSError("no JPEG")
        samples.whole()


@pytest.mark.parametrize("bits", [1, 32])
def test_samples_of_other_bits_than_the_header_says_are_refused(bits: int) -> None:
    two = (SLOPE > 100).astype("<u2")
    data = encapsulated(two[np.newaxis], [[lossless(two)]])
    at = data.index(struct.pack("<HH2sH", 0x28, 0x100, b"US", 2)) + 8
    file = io.BytesIO(data[:at] + struct.pack("<H", bits) + data[at + 2 :])
    assert dicom.split(file, True) is None
    assert dicom.refusal(file).startswith(f"samples of {bits} bit")


def test_a_picture_that_metadata_do_not_fit_does_not_make_a_file() -> None:
    two = (SLOPE > 100).astype("<u2")
    taken = take_samples(lossless(two))
    assert taken is not None
    there = lossless(two)
    assert makes(taken.metadata, there, Bands.from_array(two))
    assert not makes(taken.metadata, there, Bands.from_array(two.astype(bool)))


@pytest.mark.rust
def test_a_folder_comes_back(tmp_path: Path) -> None:
    """From both decoders, with streams in files of any kind, such as tiles of raw files."""
    (tmp_path / "in").mkdir()
    files = {f"{name}.dcm": data for name, (_, data) in DICOM.items()}
    raw = np.random.default_rng(1).integers(0, 12, (256, 256)).cumsum(1).astype("<u2")
    tiles = [
        lossless(tile.copy(), 14) for half in np.split(raw, 2) for tile in np.split(half, 2, 1)
    ]
    files["tiles.dng"] = b"II*\0" + bytes(60) + b"\0".join(tiles) + bytes(60)
    files["alone.jpg"] = lossless(raw)
    for name, content in files.items():
        (tmp_path / "in" / name).write_bytes(content)
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    assert summary.methods["inflated"] == 1
    assert summary.bytes_out < 0.8 * sum(map(len, files.values()))
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert np.array_equal(archive["signed.dcm"], SIGNED)
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    command = [PROGRAM, tmp_path / "x.bb", tmp_path / "other"]
    subprocess.run(command, check=True, timeout=PATIENCE)
    for out in ("out", "other"):
        assert {path.name: path.read_bytes() for path in (tmp_path / out).iterdir()} == files
