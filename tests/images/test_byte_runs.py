"""Runs of bytes as any encoder of DICOM's RLE may make them come back; damaged metadata do not."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.files import byte_runs
from bitsback.files.byte_runs import ByteRuns, Segment
from bitsback.files.picture_files import file_of, unpack
from reference.container_metadata import restore
from reference.fields import ArchiveError as SpecificationError

COLUMNS = 21


def encoded(plane: bytes, rng: random.Random) -> bytes:
    """A plane by an encoder that chooses at random."""
    out, at = bytearray(), 0
    while at < len(plane):
        run = next((n for n in range(1, 129) if plane[at : at + n + 1].count(plane[at]) <= n), 128)
        kind = rng.random()
        if kind < 0.1:
            out.append(128)
        elif kind < 0.5 and run > 1:
            count = rng.randint(2, run)
            out += bytes([257 - count, plane[at]])
            at += count
        else:
            data = plane[at : at + rng.randint(1, 40)]
            out += bytes([len(data) - 1]) + data
            at += len(data)
    return bytes(out)


def picture(rng: random.Random, dtype: str, channels: int) -> NDArray[Any]:
    values = np.random.default_rng(rng.randrange(99)).integers(0, 9, (8, COLUMNS, channels)) // 3
    return np.repeat(values, 2, 1)[:, :COLUMNS].astype(dtype).squeeze()


@pytest.mark.parametrize("seed", range(40))
def test_any_encoder_comes_back(seed: int) -> None:
    rng = random.Random(seed)
    pixels = picture(rng, rng.choice(["u1", "<u2", "<i2", "<u4"]), rng.choice([1, 3]))
    frames, flags = rng.choice([1, 2, 4]), rng.randrange(8)
    parts, segments = [bytes(rng.randrange(9))], list[Segment]()
    others = parts[0]
    for frame in np.split(pixels, frames):
        for plane in byte_runs.planes_of(frame):
            data = encoded(plane, rng)
            found = _core.byte_runs_unpack(data + b"\0", len(plane))
            assert found is not None and found[0].tobytes() == plane
            exceptions = byte_runs.exceptions_of(found[0], COLUMNS, flags, found[1])
            size = byte_runs.compressed_bytes(found[1])
            segments.append(Segment(len(others) if not segments else 2, size, exceptions))
            parts += [data[:size], b"ab"]
    others += b"ab" * len(segments)
    runs = ByteRuns(frames, flags, tuple(segments), others)
    packed = bytes([byte_runs.KIND]) + runs.pack()
    again = unpack(packed)
    assert isinstance(again, ByteRuns) and again.pack() == runs.pack()
    assert file_of(pixels, packed) == restore(pixels, packed) == b"".join(parts)


def test_other_metadata_are_refused() -> None:
    """By the program and the specification alike, without other errors."""
    rng = random.Random(0)
    pixels = picture(rng, "<u2", 1)
    planes = byte_runs.planes_of(pixels)
    found = [_core.byte_runs_unpack(encoded(plane, rng), len(plane)) for plane in planes]
    segments = tuple(
        Segment(1, byte_runs.compressed_bytes(c), byte_runs.exceptions_of(p, COLUMNS, 1, c))
        for p, c in (each for each in found if each is not None)
    )
    whole = bytes([byte_runs.KIND]) + ByteRuns(1, 1, segments, b"xyz").pack()
    made = file_of(pixels, whole)
    for _ in range(400):
        place = rng.randrange(1, len(whole))
        data = whole[:place] + bytes([rng.randrange(256)]) + whole[place + 1 :]
        data = data[: rng.choice([len(data), rng.randrange(1, len(data))])]
        outcomes = []
        for make in (file_of, restore):
            try:
                outcomes.append(make(pixels, data))
            except (ArchiveError, SpecificationError):
                outcomes.append(None)
        assert outcomes[0] == outcomes[1]
    assert made == restore(pixels, whole)
