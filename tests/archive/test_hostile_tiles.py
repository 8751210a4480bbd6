"""Archives of tiles that break a rule or claim too much for their few bytes."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import bitsback
from bitsback.coding.block import MODEL
from bitsback.format.array_part import BYTES, COPIES, COUNTED, ONE, VARIED, ArrayPart
from bitsback.format.parts import (
    ARRAYS,
    FOLDER,
    FileCollection,
    JoinedArray,
    unpack_collection,
)
from bitsback.format.runs import Run, pack_runs, read_runs
from bitsback.format.value_range import ValueRange
from bitsback.wire import varint
from plane_models import StandIn, ship

from .test_hostile import archive, block, refuse

BYTE, SHORT = np.dtype("u1"), np.dtype("<i2")
PICTURES = ArrayPart(BYTE, (3, 3), VARIED, sizes=((2, 4, 5), (1, 7, 6)))


@pytest.mark.parametrize(
    ("part", "match"),
    [
        (replace(PICTURES, shape=(4, 3)), "sizes of its pictures"),
        (replace(PICTURES, sizes=((2, 4, 5), (1, 0, 6))), "sizes of its pictures"),
        (replace(PICTURES, sizes=((3, 4, 5), (0, 1, 6))), "sizes of its pictures"),
        (replace(PICTURES, sizes=((3, 1 << 40, 1 << 40),)), "memory"),
        (replace(PICTURES, shape=(3, 1, 1)), "axis"),
        (replace(PICTURES, shape=(3, 257)), "no pictures"),
        (replace(PICTURES, cut=(2, 0, 3)), "no extent"),
        (ArrayPart(BYTE, (3, 4, 4), COUNTED, cut=(1, 0)), "no extent"),
        (ArrayPart(BYTE, (0, 4, 4), COUNTED, cut=(1, 1)), "no elements"),
        (ArrayPart(BYTE, (3, 4, 4), 3), "other elements than bytes"),
        (ArrayPart(BYTE, (3, 4, 4), COPIES), "copies of files have elements"),
        (ArrayPart(BYTE, (3, 4, 4), 5), "axis"),
    ],
)
def test_parts(part: ArrayPart, match: str) -> None:
    with pytest.raises(bitsback.ArchiveError, match=match):
        unpack_collection(memoryview(FileCollection(FOLDER, (part,)).pack())[2:-4])


def test_descriptions_that_are_not_whole() -> None:
    whole = FileCollection(FOLDER, (PICTURES,)).pack()[2:-4]
    for size in range(len(whole)):
        with pytest.raises(bitsback.ArchiveError):
            unpack_collection(memoryview(whole[:size]))
    with pytest.raises(bitsback.ArchiveError, match=r"only a folder of files"):
        unpack_collection(memoryview(FileCollection(ARRAYS, (PICTURES,)).pack())[2:-4])
    stack, flat = (ArrayPart(BYTE, shape, ONE) for shape in ((3, 4, 4), (3, 4)))
    assert unpack_collection(memoryview(FileCollection(FOLDER, (stack,)).pack())[2:-4]).tiles == 1
    with pytest.raises(bitsback.ArchiveError, match="no pictures"):
        unpack_collection(memoryview(FileCollection(FOLDER, (flat,)).pack())[2:-4])
    with pytest.raises(bitsback.ArchiveError, match="only a folder of files"):
        unpack_collection(memoryview(b"\0\0" + PICTURES.pack_array()))
    cut = PICTURES.pack_array()[:-1] + b"\2"
    with pytest.raises(bitsback.ArchiveError, match="newer bitsback"):
        unpack_collection(memoryview(bytes([0, 1, FOLDER, 1]) + cut))
    many = BYTE.str.encode() + bytes([VARIED, 1]) + varint(1 << 40) + varint(1 << 40)
    with pytest.raises(bitsback.ArchiveError, match="too short"):
        unpack_collection(memoryview(bytes([0, 1, FOLDER, 1]) + many + b"\1" * 20))


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (ArrayPart(BYTE, (), ONE),),
        (ArrayPart(BYTE, (0, 4), COUNTED),),
        (ArrayPart(BYTE, (3, 4), COUNTED), ArrayPart(BYTE, (3, 5), COUNTED)),
        (ArrayPart(BYTE, (3, 4), COUNTED), ArrayPart(BYTE, (3, 4, 1), ONE)),
        (ArrayPart(BYTE, (3, 4), COUNTED), ArrayPart(SHORT, (3, 4), COUNTED)),
        (PICTURES,),
        (ArrayPart(BYTE, (3, 4), BYTES),),
    ],
)
def test_parts_that_are_no_array(parts: tuple[ArrayPart, ...]) -> None:
    with pytest.raises(bitsback.ArchiveError, match="do not form one array"):
        unpack_collection(memoryview(JoinedArray(parts).pack())[2:-4])


def test_parts_of_an_array_that_no_memory_has() -> None:
    large = JoinedArray((ArrayPart(BYTE, (1 << 61, 2), COUNTED),) * 2)
    with pytest.raises(bitsback.ArchiveError, match="memory"):
        unpack_collection(memoryview(large.pack())[2:-4])
    few = JoinedArray((ArrayPart(BYTE, (3, 4), COUNTED),) * 2).pack()[2:-4]
    for size in range(1, len(few)):
        with pytest.raises(bitsback.ArchiveError):
            unpack_collection(memoryview(few[:size]))


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packer.compress(content) + packer.flush()
    return varint(len(stream)) + stream


def ends(low: int, high: int) -> bytes:
    return np.array([low, high], SHORT).tobytes()


@pytest.mark.parametrize(
    ("value_map", "match"),
    [
        (b"\7", "newer bitsback"),
        (b"\6\2\0", "lists values of int16"),
        (b"\4", "refers to a run without one"),
        (b"\1" + ends(5, 5), "damaged"),
        (b"\1" + ends(6, 5), "damaged"),
        (b"\1" + ends(6, 7)[:3], "cut short"),
        (b"\3" + ends(-2, 5) + deflated(b"\x81\0"), "damaged"),
        (b"\3" + ends(-2, 5) + deflated(b""), "damaged"),
        (b"\3" + ends(-2, 5) + deflated(b"\x80"), "damaged"),
        (b"\3" + ends(-2, 5) + deflated(b"\x01"), "damaged"),
        (b"\3" + ends(-2, 4) + deflated(b"\xc1"), "damaged"),
        (b"\3" + ends(-2, 5) + deflated(bytes(1 << 20)), "damaged"),
        (b"\3" + ends(-2, 5) + varint(3) + b"\xff\xff\xff", "damaged"),
        (b"\3" + ends(-2, 5) + varint(1 << 40), "cut short"),
    ],
)
def test_value_maps(value_map: bytes, match: str) -> None:
    start = varint(1) + varint(2) + SHORT.str.encode() + b"\1\3"
    with pytest.raises(bitsback.ArchiveError, match=match):
        read_runs(_cursor(start + value_map))


def _cursor(data: bytes) -> Any:
    from bitsback.format.layout import Cursor

    return Cursor(data)


def test_value_maps_are_told_once_and_for_near_integers() -> None:
    values = ValueRange(SHORT, -2, 5, b"\x81")
    runs = [Run(1, SHORT, (2,), values), Run(2, SHORT, (3,), values)]
    packed = pack_runs(runs)
    assert read_runs(_cursor(packed)) == runs and values.levels == 2
    again = varint(2) + 2 * (packed[1:][: len(pack_runs(runs[:1])) - 1])
    with pytest.raises(bitsback.ArchiveError, match="map is repeated"):
        read_runs(_cursor(again))
    other = packed[: -(3 + 1 + 1 + 1)] + b"<u2" + packed[-3:]
    with pytest.raises(bitsback.ArchiveError, match="refers to a run without one"):
        read_runs(_cursor(other))
    start = varint(1) + varint(1)
    with pytest.raises(bitsback.ArchiveError, match="damaged"):
        read_runs(_cursor(start + b"<i4" + b"\1\3" + b"\1" + bytes(6) + b"\1\0"))
    with pytest.raises(bitsback.ArchiveError, match="has no value ranges"):
        read_runs(_cursor(start + b"<f4" + b"\1\3" + b"\1" + bytes(8)))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return ship(monkeypatch)


def test_blocks_of_planes(model: StandIn) -> None:
    array = ArrayPart(BYTE, (8, 9, 3), ONE)
    good = bitsback.load_model("mnist-binary").identity[:16]
    fine = Run(1, BYTE, (8, 9, 3), None)
    prefix = model.identity[:16]
    message = b"\1\1" + bytes(7) + b"\1"
    values = ValueRange(BYTE, 3, 9)
    for match, found in {
        "newer": block(0, fine, MODEL + 24 + 32, prefix + message),
        "and its model mnist-binary codes": block(0, fine, MODEL, good + message),
        "neither": block(0, fine, MODEL, bytes(16) + message),
        "finite": block(0, fine, MODEL, prefix + b"\1\0" + message[2:]),
        "cut short|bytes|head": block(0, fine, MODEL, prefix),
        "digest": block(0, fine, MODEL, prefix + message),
        "does not use": block(0, replace(fine, value_map=values), 0, bytes(216)),
        "two values": block(0, replace(fine, value_map=None), 1, bytes(27)),
        "dtype": block(0, replace(fine, shape=(9, 8, 3)), MODEL, prefix + message),
    }.items():
        refuse(archive(array, (1, found)), f"block 0.*({match})")
    frames = ArrayPart(BYTE, (2, 8, 9, 3, 1), COUNTED)
    run = Run(2, BYTE, (8, 9, 3, 1), None)
    refuse(archive(frames, (2, block(0, run, MODEL + 24, prefix + message))), "cannot be planes")
    flat = ArrayPart(BYTE, (1, 12), COUNTED)
    run = Run(1, BYTE, (12,), None)
    refuse(archive(flat, (1, block(0, run, MODEL, prefix + message))), "cannot be planes")
    signed = ArrayPart(SHORT, (8, 9), ONE)
    run = Run(1, SHORT, (8, 9), None)
    refuse(archive(signed, (1, block(0, run, MODEL, prefix + message))), "not symbols")


def test_blocks_of_any_shape_claim_no_more_than_their_bytes(model: StandIn) -> None:
    message = b"\1\1" + bytes(7) + b"\1"
    for shape in ((1 << 20, 1 << 20), (1 << 12, 1 << 12), (1, 1 << 30)):
        run = Run(1, BYTE, shape, None)
        found = block(0, run, MODEL, model.identity[:16] + message)
        refuse(archive(ArrayPart(BYTE, shape, ONE), (1, found)), "claims|memory")


@pytest.mark.parametrize("cut", [(1, 1), (1 << 30, 1), (1 << 20, 1 << 20)])
def test_large_claims_of_tiles(cut: tuple[int, int]) -> None:
    """The reader must not list the claimed tiles before it reads them."""
    array = ArrayPart(BYTE, (1 << 29, 1 << 30), ONE, cut=cut)
    found = block(0, Run(1, BYTE, (1, 1), None), 0, b"x")
    refuse(archive(array, (1, found)), "should have|claims|dtype")
    refuse(archive(array, (array.tiles, found)), "hold|claims|too many|index|dtype")


def test_an_archive_of_tiles_that_are_not_those_of_its_cut() -> None:
    array = ArrayPart(BYTE, (4, 6), ONE, cut=(4, 4))
    right = varint(0) + pack_runs([Run(2, BYTE, (4, 3), None)]) + b"\0" + bytes(range(24))
    data = archive(array, (2, right))
    assert bitsback.decompress(io.BytesIO(data))[1].tolist() == [3, 4, 5, 15, 16, 17]
    wrong = varint(0) + pack_runs([Run(1, BYTE, (4, 4), None), Run(1, BYTE, (4, 2), None)])
    refuse(archive(array, (2, wrong + b"\0" + bytes(24))), "dtype and shape")
