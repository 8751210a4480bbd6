"""Malicious archives: claims far beyond their content are refused before anything is allocated for
them.
"""

from __future__ import annotations

import io
import lzma
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.coding import chain, layouts
from bitsback.coding.block import ADAPTIVE, FALLBACK, MODEL, PREFIX_SIZE, Method
from bitsback.coding.fallback import decode_fallback
from bitsback.coding.multisets import Multisets
from bitsback.format import adaptive, layout
from bitsback.format.array_part import ArrayPart
from bitsback.format.layout import BLOCK, HEAD, section
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.wire import Cursor, varint
from in_memory import Pipe, pack, unpack
from packing import index_of

BOOL = np.dtype(bool)
SET = Method(MODEL, multiset=True).pack()
LEVELS = (b"\0", b"\1")
MNIST = (28, 28)


def archive(
    collection: ArrayPart | FileCollection, *blocks: tuple[int, bytes], others: bytes = b""
) -> bytes:
    """An archive of blocks, given as the items that the index lists and the payload."""
    packed = [section(BLOCK, payload) for _, payload in blocks]
    data = HEAD + collection.pack() + b"".join(packed) + others
    return data + index_of(data, [items for items, _ in blocks])


def block(first: int, run: Run, method: int, data: bytes) -> bytes:
    return varint(first) + pack_runs([run]) + bytes([method]) + data


def refuse(data: bytes, match: str = ".", whole: bool = False) -> None:
    """Checks that every way of reading, or of reading the whole array, refuses it, and that none
    takes memory for its claims.
    """
    readers: list[Callable[[], object]] = [
        lambda: unpack(data),
        lambda: bitsback.decompress(Pipe(data)),
        lambda: bitsback.decompress(io.BytesIO(data), io.BytesIO()),
        lambda: bitsback.open(io.BytesIO(data))[0],
    ][: 3 if whole else 4]
    bitsback.load_model("mnist-binary")
    tracemalloc.start()
    for read in readers:
        with pytest.raises(bitsback.ArchiveError, match=match):
            read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("count", [10**6, 1 << 31, 1 << 40, 1 << 60])
@pytest.mark.parametrize("method", [0, 1, 2, 3, 4, SET])
def test_many_items_in_few_bytes(count: int, method: int) -> None:
    name = bitsback.load_model("mnist-binary").identity[:PREFIX_SIZE]
    message = b"\1\1" + bytes(7) + b"\1"
    levels = None if method in (FALLBACK, ADAPTIVE) else LEVELS
    data = block(0, Run(count, BOOL, MNIST, levels), method, name + message)
    shape = (count, *MNIST)
    if count < 1 << 50:
        refuse(archive(ArrayPart(BOOL, shape, 1), (count, data)), "claims|bytes for|compression")
    else:
        refuse(archive(ArrayPart(BOOL, shape, 1), (count, data)), "memory")


def test_items_without_elements_are_as_many_as_they_are() -> None:
    shape = (1 << 59, 0)
    data = archive(
        ArrayPart(BOOL, shape, 1), (1 << 59, block(0, Run(1 << 59, BOOL, (0,), None), 0, b""))
    )
    opened = bitsback.open(io.BytesIO(data))
    assert len(opened) == 1 << 59
    assert opened[1 << 58].shape == (0,)
    assert unpack(data).shape == shape


def test_a_shape_that_no_array_can_have() -> None:
    for shape in ((1 << 40, 1 << 40, 0), (1 << 63,), (1 << 32, 1 << 32)):
        refuse(archive(ArrayPart(BOOL, shape, 1)), "memory")
    many = ArrayPart(BOOL, (1,) * 33, 1)
    refuse(archive(many), "dimensions")


def test_an_index_with_claims_of_its_own(digits: NDArray[np.bool_]) -> None:
    data = pack(digits[:20], block=10)
    start = data[: bitsback.open(io.BytesIO(data)).reader.blocks[0].offset]
    first, second = bitsback.open(io.BytesIO(data)).reader.blocks
    blocks = data[len(start) : second.end]

    def ending(*numbers: int) -> bytes:
        kind = b"".join(bytes([n & 255]) if at == 1 else varint(n) for at, n in enumerate(numbers))
        index = section(b"I", kind)
        return index + len(index).to_bytes(8, "little") + layout.END

    collection = [1, ord("C"), 8, len(start) - 8]
    numbers = [*collection, 1, 0, first.offset, 2, 10, first.size, 10, second.size]
    assert start + blocks + ending(*numbers) == data
    for at, number in enumerate(numbers):
        for other in {0, number - 1, number + 1, 2 * number, 1 << 60} - {number, -1}:
            refuse(start + blocks + ending(*numbers[:at], other, *numbers[at + 1 :]), whole=True)
    refuse(start + blocks + ending(*numbers[:4], 0))
    refuse(start + blocks + ending(*numbers[:7], 1, 10, first.size))
    refuse(start + blocks + ending(*numbers[:7], 1, 20, len(blocks)))
    count = section(b"I", varint(9) + varint(1 << 60))
    for end in (
        count + len(count).to_bytes(8, "little"),
        data[-30:-12] + (1 << 60).to_bytes(8, "little"),
    ):
        refuse(start + blocks + end + layout.END, whole=True)


def test_a_section_that_claims_a_length_beyond_all() -> None:
    start = HEAD + ArrayPart(BOOL, (5, 28, 28), 1).pack()
    refuse(start + b"B" + varint(1 << 60) + bytes(100))
    refuse(HEAD + b"C" + varint(1 << 63) + bytes(100))


def test_blocks_that_break_a_rule() -> None:
    collection = ArrayPart(BOOL, (8, 3), 1)
    fine = Run(8, BOOL, (3,), LEVELS)
    cases = {
        "update|newer": block(0, fine, 65, bytes(3)),
        "one bit": block(0, fine, 1, bytes(4)),
        "bytes for": block(0, fine, 0, bytes(23)),
        "two values": block(0, Run(8, BOOL, (3,), None), 1, bytes(3)),
        "the same": block(0, Run(8, BOOL, (3,), (b"\1", b"\1")), 1, bytes(3)),
        "dtype": block(0, Run(8, BOOL, (4,), LEVELS), 1, bytes(4)),
        "dtype and": block(0, Run(8, np.dtype("u1"), (3,), LEVELS), 1, bytes(3)),
        "index": block(0, Run(7, BOOL, (3,), LEVELS), 1, bytes(3)),
        "from 1|index": block(1, fine, 1, bytes(3)),
        "empty": varint(0) + pack_runs([fine, Run(0, BOOL, (3,), None)]) + b"\1" + bytes(3),
        "cut short": varint(0) + pack_runs([fine])[:-2],
        "no items|index": varint(0) + b"\0\0",
        "neither": block(0, fine, 2, bytes(16) + b"\1\1" + bytes(7) + b"\1"),
    }
    for match, payload in cases.items():
        data = archive(collection, (8, payload))
        with pytest.raises(bitsback.ArchiveError, match=f"block 0.*({match})"):
            unpack(data)
        refuse(data)
    refuse(
        archive(ArrayPart(BOOL, (9,), 1), (9, block(0, Run(9, BOOL, (), LEVELS), 1, b"\0\2"))),
        "zeros",
    )


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def test_adaptive_blocks() -> None:
    """Records of two columns, three of them."""
    dtype = np.dtype(">u2")
    run, collection = Run(3, dtype, (2,), None), ArrayPart(dtype, (3, 2), 1)
    records = np.array([[7, 1], [7, 256], [9, 256]], dtype)
    data = adaptive.pack(records)
    assert data is not None
    stream = deflated(bytes.fromhex("0007 0009 0100 0001"))
    message = data[-len(data) + 4 + len(stream) :]
    assert data == bytes([2, 2, 2, len(stream)]) + stream + message
    assert (
        unpack(archive(collection, (3, block(0, run, ADAPTIVE, data)))).tolist() == records.tolist()
    )

    def of(columns: list[int], values: bytes, left: bytes = message) -> bytes:
        return bytes(columns) + bytes([len(values)]) + values + left

    two = [2, 2, 2]
    for match, bad in (
        ("not records of 4", of([4, 1, 1, 1, 1], stream)),
        ("not records of 0", of([0], stream)),
        ("not records of 17", of([17], stream)),
        ("other values", of([2, 2, 4], stream)),
        ("other values", of([2, 0, 2], stream)),
        ("are damaged", of(two, deflated(bytes(7)))),
        ("are damaged", of(two, deflated(bytes(9)))),
        ("are damaged", of(two, stream[:-1])),
        ("are damaged", of(two, stream + b"x")),
        ("are damaged", of(two, b"\xff\xff")),
        ("not in order", of(two, deflated(bytes.fromhex("0009 0007 0100 0001")))),
        ("not in order", of(two, deflated(bytes.fromhex("0007 0007 0100 0001")))),
        ("invalid message bytes", of(two, stream, message[:-1])),
        ("not finite", of(two, stream, message[:1] + b"\1" + message[2:])),
        ("not end|exhausted", of(two, stream, message[:-1] + bytes([message[-1] ^ 1]))),
        ("exhausted", of(two, stream, b"\1\0" + bytes(4) + b"\1\0\0\0")),
        ("cut short|ends", bytes([2, 2])),
    ):
        refuse(archive(collection, (3, block(0, run, ADAPTIVE, bad))), match)
    mapped = Run(3, dtype, (2,), (b"\0\1", b"\0\2"))
    refuse(archive(collection, (3, block(0, mapped, ADAPTIVE, data))), "not used")


LZMA = [{"id": lzma.FILTER_LZMA2, "preset": 6}]


@pytest.mark.parametrize("coder", [0, 1])
def test_fallback_blocks(coder: int) -> None:
    def stream(content: bytes) -> bytes:
        if coder == 0:
            return deflated(content)
        return lzma.compress(content, lzma.FORMAT_RAW, filters=LZMA)

    content = bytes(range(240))
    head = bytes([coder, 0, 0])
    plain, two = Run(80, np.dtype("u1"), (3,), None), Run(80, np.dtype("u1"), (3,), LEVELS)
    collection = ArrayPart(np.dtype("u1"), (80, 3), 1)
    fine = archive(collection, (80, block(0, plain, FALLBACK, head + stream(content))))
    assert unpack(fine).tobytes() == content
    for match, run, data in (
        ("newer", plain, b"\2\0\0" + stream(content)),
        ("newer", plain, bytes([coder, 3, 0]) + stream(content)),
        ("newer", plain, bytes([coder, 0])),
        ("not used", two, head + stream(content)),
        ("exactly 240", plain, head + stream(content[:-1])),
        ("exactly 240", plain, head + stream(content + b"x")),
        ("exactly 240", plain, head + stream(content) + b"x"),
        ("exactly 240", plain, head + stream(bytes(1 << 24))),
        ("damaged|exactly", plain, head + stream(content)[:-1]),
        ("damaged|exactly", plain, head + b"\xff" * 90),
        ("damaged|exactly", plain, head),
    ):
        refuse(archive(collection, (80, block(0, run, FALLBACK, data))), match)
    many = 1 << 26
    claim = ArrayPart(np.dtype("u1"), (many, 1), 1)
    bomb = head + stream(bytes(many))[:2000]
    refuse(
        archive(claim, (many, block(0, Run(many, claim.dtype, (1,), None), FALLBACK, bomb))),
        "claims",
    )


@pytest.mark.parametrize("coder", [0, 1])
def test_rows_of_pictures(coder: int) -> None:
    def stream(content: bytes) -> bytes:
        if coder == 0:
            return deflated(content)
        return lzma.compress(content, lzma.FORMAT_RAW, filters=LZMA)

    dtype, shape, rows = np.dtype("u1"), (4, 5, 3), 8
    collection, run = ArrayPart(dtype, (2, *shape), 1), Run(2, dtype, shape, None)
    left, indexes = bytes(range(120)), bytes([0b01_10_10_00, 0b01_000000] * rows)
    colours = bytes(range(9))
    fine = bytes([coder, 2, 0]) + stream(bytes(rows) + left)
    assert unpack(archive(collection, (2, block(0, run, FALLBACK, fine)))).tobytes() == left
    few = bytes([coder, 2, 5, 2]) + stream(colours + bytes(rows) + indexes)
    found = unpack(archive(collection, (2, block(0, run, FALLBACK, few))))
    assert [pixel[0] // 3 for pixel in found[0, 0]] == [1, 2, 2, 0, 1]
    for match, head, content in (
        ("exactly 128", [coder, 2, 0], bytes(rows) + left + b"x"),
        ("exactly 128", [coder, 2, 1], left),
        ("no writer", [coder, 2, 2], bytes(rows) + left),
        ("no writer", [coder, 2, 3], bytes(rows) + left),
        ("not among its colours", [coder, 2, 8, 2], colours + bytes(rows) + indexes),
        ("not among its colours", [coder, 2, 5, 4], bytes(15 + rows) + indexes),
        ("not among its colours", [coder, 2, 255, 255], bytes(rows) + left),
        ("not among its colours", [coder, 2, 5, 1], colours[:6] + bytes(rows) + indexes),
        (
            "filled with zeros",
            [coder, 2, 5, 2],
            colours + bytes(rows) + bytes([0b01_10_10_00, 1] * rows),
        ),
        ("unknown filter", [coder, 2, 0], b"\5" + bytes(rows - 1) + left),
    ):
        data = bytes(head) + stream(content)
        refuse(archive(collection, (2, block(0, run, FALLBACK, data))), match)
    refuse(archive(collection, (2, block(0, run, FALLBACK, bytes([coder, 2, 5])))), "damaged")
    one = ArrayPart(dtype, (2, 4, 5), 1)
    data = bytes([coder, 2, 1]) + stream(bytes(rows + 40))
    refuse(archive(one, (2, block(0, Run(2, dtype, (4, 5), None), FALLBACK, data))), "no writer")
    floats, of_floats = ArrayPart(np.dtype("<f4"), (2, 4), 1), Run(2, np.dtype("<f4"), (4,), None)
    data = bytes([coder, 2, 0]) + stream(bytes(34))
    refuse(archive(floats, (2, block(0, of_floats, FALLBACK, data))), "no writer")
    with pytest.raises(bitsback.ArchiveError, match="without elements"):
        decode_fallback(memoryview(bytes([coder, 2, 0]) + stream(b"")), dtype, [(2, (0, 5))])
    many = ArrayPart(dtype, (1 << 30, 1), 1)
    data = bytes([coder, 2, 0]) + stream(bytes(1 << 16))[:2000]
    refuse(
        archive(many, (1 << 30, block(0, Run(1 << 30, dtype, (1,), None), FALLBACK, data))),
        "claims",
    )


def test_messages_that_are_none() -> None:
    model = bitsback.load_model("mnist-binary")
    run = Run(2, BOOL, MNIST, LEVELS)
    for message in (
        b"", b"\0\1", b"\1\0" + bytes(4) + b"\1\0\0\0", b"\1\1" + bytes(8), b"\1\1" + bytes(7),
        b"\xff\1" + bytes(8 * 255), b"\1\1" + bytes(7) + b"\1",
        b"\1\1" + bytes(7) + b"\1" + bytes(400),
        b"\1" + b"\xff" * 8 + b"\x7f" + bytes(7) + b"\1",
    ):  # fmt: skip
        data = archive(
            ArrayPart(BOOL, (2, *MNIST), 1), (2, block(0, run, 2, model.identity[:16] + message))
        )
        refuse(data, "block 0")


def test_multisets_that_are_none(digits: NDArray[np.bool_]) -> None:
    """Any message decodes to a multiset; the final check finds that it began otherwise."""
    model = bitsback.load_model("mnist-binary")
    words = np.random.default_rng(0).integers(0, 256, 4000, np.uint8).tobytes()
    message = b"\1\1" + bytes(7) + b"\1" + words
    runs = [Run(2, BOOL, MNIST, LEVELS), Run(3, BOOL, MNIST, (b"\1", b"\0"))]
    for match, some, data in (
        ("digest", runs[:1], model.identity[:16] + message),
        ("digest", runs[1:], model.identity[:16] + message),
        ("digest", runs, model.identity[:16] + message),
        ("invalid message bytes", runs[:1], model.identity[:16] + message[:31]),
    ):
        count = sum(run.items for run in some)
        payload = varint(0) + pack_runs(some) + bytes([SET]) + data
        refuse(archive(ArrayPart(BOOL, (count, *MNIST), 1), (count, payload)), match)
    for method in (0, 1, 3, 4, 5, 6, 7, 96):  # and one with an unused bit
        payload = block(0, runs[0], 32 + method, b"")
        refuse(archive(ArrayPart(BOOL, (2, *MNIST), 1), (2, payload)), "newer")


def test_another_order_of_a_multiset(digits: NDArray[np.bool_]) -> None:
    """The digest covers the items in canonical order, so any other order fails."""
    model = bitsback.load_model("mnist-binary")
    run = Run(20, BOOL, MNIST, LEVELS)
    x = digits[:20]
    flat = x.view(np.uint8).reshape(-1)
    for keys in (x.reshape(-1), 1 - flat):
        message = chain.encode(
            [model.bind([(20, model.shape_of())])],
            flat,
            chain.digest(pack_runs([run]), x.tobytes()),
            1,
            Multisets([run], keys, flat),
        )
        payload = block(0, run, SET, model.identity[:16] + message)
        refuse(archive(ArrayPart(BOOL, x.shape, 1), (20, payload)), "digest")


def test_runs_of_different_levels_in_one_block() -> None:
    """The writer makes one run a block; the format knows more."""
    runs = [
        Run(3, np.dtype(">u2"), (2,), (b"\0\1", b"\1\0")),
        Run(1, np.dtype(">u2"), (2,), (b"\0\7", b"\0\3")),
    ]
    payload = varint(0) + pack_runs(runs) + b"\1" + bytes([0b10_011010])
    data = archive(ArrayPart(np.dtype(">u2"), (4, 2), 1), (4, payload))
    expected = np.array([[1, 256], [1, 256], [256, 1], [7, 3]], ">u2")
    np.testing.assert_array_equal(unpack(data), expected)
    assert unpack(data).dtype.str == ">u2"


def test_parts_of_other_kinds(digits: NDArray[np.bool_]) -> None:
    data = pack(digits[:20], block=10)
    last = bitsback.open(io.BytesIO(data)).reader.blocks[-1]
    end = last.offset + last.size
    for kind in (b"x", b"N"):
        more = data[:end] + section(kind, b"whatever")
        more += index_of(more, [10, 10])
        for source in (io.BytesIO(more), Pipe(more)):
            restored = bitsback.decompress(source)
            np.testing.assert_array_equal(restored, digits[:20])
        assert bitsback.open(io.BytesIO(more)).verify() == []
        damaged = bytearray(more)
        damaged[end + 4] ^= 1
        for source in (io.BytesIO(damaged), Pipe(bytes(damaged))):
            with pytest.raises(bitsback.ArchiveError):
                bitsback.decompress(source)
    more = data[:end] + section(b"Q", b"whatever")
    refuse(more + index_of(more, [10, 10]), "update")


def test_newer_archives(digits: NDArray[np.bool_]) -> None:
    data = pack(digits[:20])
    for version in (layout.VERSION + 1, 255):
        changed = bytearray(data)
        changed[7] = version
        refuse(bytes(changed), "newer|shortest")


def test_what_is_no_archive(digits: NDArray[np.bool_]) -> None:
    npy = io.BytesIO()
    np.save(npy, digits[:2])
    for data in (b"", b"\x89", b"hello", bytes(100), npy.getvalue(), pack(digits[:3])[:9]):
        refuse(data, "no bitsback archive|damaged|cut")


def test_varints_have_one_form() -> None:
    for value in (0, 1, 127, 128, 300, (1 << 64) - 1):
        assert Cursor(varint(value)).varint() == value
    for data in (b"\x80\0", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", b"\x80" * 11, b"\x80"):
        with pytest.raises(bitsback.ArchiveError):
            Cursor(data).varint()


def test_many_small_blocks_have_no_work_for_nothing() -> None:
    """Each block would take 2^32 multiply-adds for a message of ten bytes."""
    model = bitsback.load_model("universal-16")
    pixels = np.dtype("u1")
    start = pack_runs([Run(1, pixels, (424, 424), None)])
    method = bytes([MODEL]) + model.identity[:PREFIX_SIZE]
    message = b"\1\1" + bytes(7) + b"\1"
    blocks = [(1, varint(number) + start + method + message) for number in range(100)]
    data = archive(ArrayPart(pixels, (100, 424, 424), 1), *blocks)
    opened = bitsback.open(io.BytesIO(data))
    assert len(opened.verify()) == 100
    refuse(data, "claims")


@pytest.mark.parametrize("name", ["universal", "series", "mnist-binary-context"])
def test_what_a_block_may_take_is_linear_in_its_bytes(name: str) -> None:
    model = bitsback.load_model(name)
    for size in (10, 100, 1000, 10_000):
        for count in (1, 10, 100, 1000, 10_000, 100_000):
            run = Run(count, np.dtype("u1" if model.any_shape else bool), MNIST, None)
            seen_as = layouts.SERIES if model.serial else layouts.PICTURES
            if model.serial:
                run = replace(run, shape=(16,))
            elif not model.any_shape:
                run = replace(run, value_map=LEVELS)
            parts = chain.stretches(model, layouts.item_shapes(model, [run], seen_as))
            fits = chain.affordable(parts, size)
            macs = sum(part.macs + part.steps * 2**15 for part in parts)
            payload = varint(0) + pack_runs([run]) + bytes([MODEL]) + bytes(PREFIX_SIZE + size)
            in_index = len(varint(count)) + 1
            assert not fits or macs <= 2**26 * (len(section(BLOCK, payload)) + in_index)


def test_more_files_than_can_be_counted() -> None:
    """16 parts of 2^59 pictures each, in about 400 bytes."""
    part = ArrayPart.of_items("|u1", (1, 1), 1 << 59)
    start = HEAD + FileCollection(FOLDER, (part,) * 16).pack()
    refuse(start + index_of(start, []), "more than any computer's memory", whole=True)


def test_numbers_that_are_cut_into_tiles() -> None:
    """A scalar is its own single tile: an odd archive, but a valid one."""
    collection = ArrayPart(np.dtype("u1"), (3,), 1, cut=())
    data = archive(collection, (3, block(0, Run(3, np.dtype("u1"), (), None), 0, b"\1\2\3")))
    assert unpack(data).tolist() == [1, 2, 3]
    opened = bitsback.open(io.BytesIO(data))
    assert opened.verify() == [] and opened[1] == 2 and opened[:].tolist() == [1, 2, 3]
