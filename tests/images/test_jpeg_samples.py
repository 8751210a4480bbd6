"""Lossless JPEG streams are coded by their samples, in DICOM and in any other files."""

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
from folders import assert_restored, contents_of
from images.rows import Restored, Rows, Verbatim
from jpeg_files import LOSSLESS, jpeg
from reference.container_metadata import restore
from second_decoder import PROGRAM
from waiting import PATIENCE
from zoo.dicom_files import dicom_file

SYNTAX = "1.2.840.10008.1.2.4.70"
_NOISE = np.random.default_rng(0).integers(0, 9, (60, 80))
SLOPE = (np.add.outer(np.arange(60) * 5, np.arange(80) * 3) + _NOISE).astype("<u2")
SIGNED = (SLOPE.astype(int) - 300).astype("<i2")
TWO = (SLOPE > 100).astype("<u2")
_COLOURS = np.stack([SLOPE, SLOPE[::-1], SLOPE // 2], -1).astype("u1")
_FRAMES = np.stack([SLOPE, SLOPE[::-1]])


def lossless(pixels: NDArray[Any], bits: int = 16) -> bytes:
    if pixels.dtype == "u1":
        return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1))
    return bytes(imagecodecs.ljpeg_encode(pixels.copy(), bitspersample=bits))


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


def _one(pixels: NDArray[Any], *streams: bytes) -> bytes:
    return encapsulated(pixels[np.newaxis], [[stream] for stream in streams])


def _fragments(stream: bytes) -> list[bytes]:
    return [stream[:600], stream[600:800], stream[800:]]


def _with_bits(bits: int) -> Verbatim:
    """The header has another number of bits than the stream."""
    data = _one(TWO, lossless(TWO))
    at = data.index(struct.pack("<HH2sH", 0x28, 0x100, b"US", 2)) + 8
    data = data[:at] + struct.pack("<H", bits) + data[at + 2 :]
    return Verbatim(data, f"samples of {bits} bit")


ROWS = Rows(
    "dcm",
    restored={
        "grey": Restored(_one(SLOPE, lossless(SLOPE)), pixels=SLOPE),
        "10 bits": Restored(_one(SLOPE, lossless(SLOPE, 10)), pixels=SLOPE),
        "signed": Restored(_one(SIGNED, lossless(SIGNED.view("<u2"))), pixels=SIGNED),
        "signed, 10 bits": Restored(
            _one(SIGNED, lossless(SIGNED.view("<u2") & 1023, 10)), pixels=SIGNED
        ),
        "colours": Restored(_one(_COLOURS, lossless(_COLOURS)), pixels=_COLOURS),
        "frames in fragments": Restored(
            encapsulated(_FRAMES, [_fragments(lossless(frame)) for frame in _FRAMES]),
            pixels=np.concatenate(_FRAMES),
        ),
    },
    verbatim={
        "no stream": Verbatim(_one(SLOPE), "1 frames of JPEG in 0 streams"),
        "two streams": Verbatim(
            _one(SLOPE, lossless(SLOPE), lossless(SLOPE)), "1 frames of JPEG in 2 streams"
        ),
        "a stream of fewer rows": Verbatim(
            _one(SLOPE, lossless(SLOPE[1:])), "an unknown encoder of DICOM"
        ),
        "a lossy stream": Verbatim(_one(SLOPE, jpeg()), "an unknown encoder of DICOM"),
        "streams of 16 bits for 1": _with_bits(1),
        "streams of 16 bits for 32": _with_bits(32),
    },
)


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
    one, other = lossless(SLOPE), lossless(SLOPE[:, 1:])
    assert take_samples(one + other) is None
    assert take_samples(one + other, len(one)) is not None
    assert take_samples(jpeg()) is None
    assert encode_streams(np.frombuffer(one, np.uint8)) is None
    (stream,) = find_streams(np.frombuffer(one, np.uint8))
    assert (stream.length, stream.kind, stream.reason) == (len(one), "lossless", None)


@pytest.mark.parametrize("name", ROWS.verbatim)
def test_samples_of_other_streams_are_not_read(name: str) -> None:
    samples = dicom.samples(io.BytesIO(ROWS.verbatim[name].data))
    if samples is not None:
        with pytest.raises(OSError, match="JPEG"):
            samples.whole()


def test_a_picture_that_metadata_do_not_fit_does_not_make_a_file() -> None:
    data = lossless(TWO)
    taken = take_samples(data)
    assert taken is not None
    assert makes(taken.metadata, data, Bands.from_array(TWO))
    assert not makes(taken.metadata, data, Bands.from_array(TWO.astype(bool)))


@pytest.mark.rust
def test_a_folder_comes_back(tmp_path: Path) -> None:
    """From both decoders, with streams in files of any kind, such as tiles of raw files."""
    files = {f"{name}.dcm": row.data for name, row in ROWS.restored.items()}
    raw = np.random.default_rng(1).integers(0, 12, (256, 256)).cumsum(1).astype("<u2")
    tiles = [lossless(tile, 14) for half in np.split(raw, 2) for tile in np.split(half, 2, 1)]
    files["tiles.dng"] = b"II*\0" + bytes(60) + b"\0".join(tiles) + bytes(60)
    files["alone.jpg"] = lossless(raw)
    summary = assert_restored(tmp_path, files)
    assert summary.methods["inflated"] == 1
    assert summary.bytes_out < 0.8 * sum(map(len, files.values()))
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert np.array_equal(archive["signed.dcm"], SIGNED)
    subprocess.run([PROGRAM, tmp_path / "x.bb", tmp_path / "other"], check=True, timeout=PATIENCE)
    assert contents_of(tmp_path / "other") == files
