"""One byte changed, lost or added anywhere raises an ArchiveError and never gives wrong items, and
the other blocks still decode.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.format.layout import HEAD, section
from in_memory import Pipe, in_order, pack, unpack
from reference import archive as spec

from .conftest import assert_same

BLOCK = 4
COUNT = 18  # the blocks have 3 or 4 items


WAYS = 5
SLOW = pytest.mark.slow


def some(damages: Iterator[bytes], at: int, ways: int) -> list[bytes]:
    """This number of kinds of damage, others at each byte."""
    found = list(damages)
    return [found[(at + way) % WAYS] for way in range(ways)]


def damaged(archive: bytes, at: int) -> Iterator[bytes]:
    """The archive with its byte `at` damaged in five ways."""
    byte = archive[at]
    for other in (byte ^ 1, byte ^ 128, byte ^ 255):
        yield archive[:at] + bytes([other]) + archive[at + 1 :]
    yield archive[:at] + archive[at + 1 :]
    yield archive[:at] + bytes([byte ^ 85]) + archive[at:]


def sections(archive: bytes) -> list[bytes]:
    return [
        archive[block.offset : block.offset + block.size]
        for block in bitsback.open(io.BytesIO(archive)).reader.blocks
    ]


def check_damaged(
    data: bytes, whole: list[bytes], array: NDArray[np.generic], model: bitsback.Model | None
) -> None:
    """Checks everything that must hold for a damaged archive that originally had these blocks."""
    with pytest.raises(bitsback.ArchiveError, match=r"^the archive: ."):
        unpack(data, threads=1)
    with pytest.raises(bitsback.ArchiveError, match=r"^the input: ."):
        bitsback.decompress(Pipe(data), threads=1)
    stands_in = model is not None  # for the one in the archive, if nothing else is damaged
    for source in (Pipe(data), io.BytesIO(data)) if model is not None else ():
        try:
            assert_same(bitsback.decompress(source, model=model, threads=1), array)
            stands_in = True
        except bitsback.ArchiveError:  # a pipe must be right from the beginning
            stands_in = False
    try:
        opened = bitsback.open(io.BytesIO(data), model=model)
    except bitsback.ArchiveError:
        # Only a changed byte of the version looks like a newer archive.
        start = data[: len(HEAD)]
        assert start[:7] == HEAD[:7] and start[7:] != HEAD[7:]
        return
    assert opened.dtype == array.dtype
    bad = [number for number, block in enumerate(whole) if block not in data]
    first = 0
    for number in range(len(whole)):
        end = (number + 1) * COUNT // len(whole)
        if number in bad:
            with pytest.raises(bitsback.ArchiveError) as raised:
                opened[first:end]
            assert raised.value.block == number
            assert f"block {number}" in str(raised.value)
        else:
            assert_same(opened[first:end], array[first:end])
        first = end
    problems = opened.verify(threads=1)
    assert bool(problems) != stands_in
    assert {number for number, _ in problems if number is not None} == set(bad)


ONE_WAY, ALL_WAYS = pytest.param(1, id="one way"), pytest.param(WAYS, id="all ways", marks=SLOW)


@pytest.mark.parametrize("ways", [ONE_WAY, ALL_WAYS])
def test_bytes_of_an_archive(digits: NDArray[np.bool_], ways: int) -> None:
    check_bytes(digits[:COUNT], False, 1 if ways == WAYS else 13, ways)


@pytest.mark.parametrize("ways", [ONE_WAY, ALL_WAYS])
def test_bytes_of_an_archive_of_multisets(digits: NDArray[np.bool_], ways: int) -> None:
    check_bytes(in_order(digits[:COUNT]), True, 1 if ways == WAYS else 19, ways)


def check_bytes(array: NDArray[np.bool_], unordered: bool, step: int, ways: int) -> None:
    """Damages each `step`-th byte of an archive of five blocks."""
    archive = pack(array, block=BLOCK, unordered=unordered)
    whole = sections(archive)
    assert len(whole) == 5
    for at in range(0, len(archive), step):
        for data in some(damaged(archive, at), at, ways):
            check_damaged(data, whole, array, None)
    for data in (archive + b"\0", b"\0" + archive):
        check_damaged(data, whole, array, None)


@pytest.mark.parametrize("ways", [ONE_WAY, ALL_WAYS])
def test_every_byte_around_an_embedded_model(
    tiny: bitsback.Model, dots: NDArray[np.uint8], ways: int
) -> None:
    array = dots[:COUNT]
    archive = pack(array, block=BLOCK, model=tiny)
    whole = sections(archive)
    first = bitsback.open(io.BytesIO(archive)).reader.blocks[0].offset
    for at in [*range(60), *range(80, first, 151), *range(first - 8, len(archive), 3)]:
        for data in some(damaged(archive, at), at, ways):
            check_damaged(data, whole, array, tiny)


def test_the_file_of_a_damaged_model_stands_in_for_it(
    tiny: bitsback.Model, dots: NDArray[np.uint8]
) -> None:
    whole = pack(dots, block=30, model=tiny)
    start = whole.index(b"M", len(HEAD))
    for at in (start + 1, start + 5, start + 40, start + 1000):
        archive = bytearray(whole)
        archive[at] ^= 4
        problems = bitsback.open(io.BytesIO(archive)).verify()
        assert any("-m FILE" in str(problem) for _, problem in problems)
        with pytest.raises(bitsback.ArchiveError, match=r"model.*-m FILE"):
            unpack(bytes(archive))
        opened = bitsback.open(io.BytesIO(archive), model=tiny)
        assert opened.verify() == []
        assert_same(opened[:], dots)
        assert_same(unpack(bytes(archive), model=tiny), dots)
        if at > start + 3:  # behind the length of its section
            assert_same(bitsback.decompress(Pipe(bytes(archive)), model=tiny), dots)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=SLOW)])
def test_cuts(digits: NDArray[np.bool_], step: int) -> None:
    array = digits[:COUNT]
    archive = pack(array, block=BLOCK)
    blocks = bitsback.open(io.BytesIO(archive)).reader.blocks
    for size in range(0, len(archive), step):
        data = archive[:size]
        for source in (io.BytesIO(data), Pipe(data)):
            with pytest.raises(bitsback.ArchiveError):
                bitsback.decompress(source)
        if size < blocks[0].offset:
            with pytest.raises(bitsback.ArchiveError):
                bitsback.open(io.BytesIO(data))
            continue
        opened = bitsback.open(io.BytesIO(data))
        assert opened.shape == array.shape
        for block in blocks:
            end = block.first + block.items
            if block.offset + block.size <= size:
                assert_same(opened[block.first : end], array[block.first : end])
            else:
                with pytest.raises(bitsback.ArchiveError, match="missing"):
                    opened[end - 1]


def test_a_hole_that_swallows_blocks(digits: NDArray[np.bool_]) -> None:
    archive = pack(digits, block=20)
    blocks = bitsback.open(io.BytesIO(archive)).reader.blocks
    data = archive[: blocks[3].offset + 10] + archive[blocks[6].offset + 7 :]
    opened = bitsback.open(io.BytesIO(data))
    for block in blocks:
        where = slice(block.first, block.first + block.items)
        if 3 <= block.number <= 6:
            with pytest.raises(bitsback.ArchiveError, match=f"block {block.number}"):
                opened[where]
        else:
            assert_same(opened[where], digits[where])


def test_a_block_is_not_taken_for_another(digits: NDArray[np.bool_]) -> None:
    """Each section is intact, yet the file is wrong."""
    archive = pack(digits[:40], block=10)
    first, second, *_ = blocks = bitsback.open(io.BytesIO(archive)).reader.blocks
    a, b = (archive[block.offset : block.offset + block.size] for block in (first, second))
    for data in (archive.replace(a, b), archive.replace(b, b""), archive.replace(a + b, b + a)):
        for source in (io.BytesIO(data), Pipe(data)):
            with pytest.raises(bitsback.ArchiveError):
                bitsback.decompress(source)
    assert len(blocks) == 4


def test_other_messages_are_found_out(tiny: bitsback.Model, dots: NDArray[np.uint8]) -> None:
    """With matching checksums, the decoded items still fail the digest."""
    archive = pack(dots, model=tiny, embed="always", block=60)
    head, sections = archive[:8], spec.read_sections(archive)
    for at in range(1, 8):
        payload = bytearray(sections[2].payload)
        payload[-at] ^= 1
        changed = [*sections[:2], spec.Section("B", 0, bytes(payload), 0), *sections[3:]]
        forged = head + b"".join(section(each.kind.encode(), each.payload) for each in changed)
        forged += archive[-12:]
        assert len(forged) == len(archive)
        with pytest.raises(bitsback.ArchiveError, match="block 0"):
            unpack(forged)
