"""Decode the bytes of a `B` section to tiles (docs/format.md, `B`, a block)."""

import math
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.coding import chain, layouts
from bitsback.coding.block import (
    DECODED,
    DIGITS,
    FALLBACK,
    INFLATED,
    MODEL,
    PACKED,
    RAW,
    STREAMS,
    Block,
    read_header,
)
from bitsback.coding.decoded import decode_pixels
from bitsback.coding.fallback import decode_fallback
from bitsback.coding.inflated import decode_inflated
from bitsback.coding.multisets import Multisets
from bitsback.coding.number_digits import dtype_of, fits, joined, read_exceptions
from bitsback.coding.streams import decode_streams
from bitsback.errors import ArchiveError, MessageError
from bitsback.format import adaptive
from bitsback.format.array_part import ArrayPart
from bitsback.format.layout import MAX_BLOCK_BYTES
from bitsback.format.runs import Run, pack_runs
from bitsback.format.tiles import Tiles
from bitsback.message import Message
from bitsback.models import Model
from bitsback.models.costs import check_claim, excess
from bitsback.wire import Cursor

FindModel = Callable[[bytes], Model]


def decode(
    payload: memoryview,
    part: ArrayPart,
    first: int,
    items: int,
    find_model: FindModel,
    stop: int | None = None,
    before: int = 0,
) -> Tiles:
    """The tiles of a block, or only the first `stop` of them.

    A shorter result needs tiles of one shape, and its digest is not verified. first, items: the
    number of the block's first tile and the number of its tiles, according to the index. before:
    the number of the part's first tile. find_model: finds a model by the first 16 bytes of its
    identity. Raises ArchiveError for any damage, before it allocates memory for the tiles.
    """
    block = read_header(payload)
    if (block.first, block.items) != (first, items):
        raise ArchiveError(
            f"its header states {block.items} items from {block.first} on, and the index"
            f" {items} from {first} on"
        )
    _check_shapes(block, part, first - before)
    count = items
    if stop is not None and part.plain and not block.method.multiset:  # whose order needs all items
        count = min(stop, items)
    flat = decode_elements(block, part.dtype, find_model, count, stop is None)
    if count < items:
        return Tiles.stacked(
            flat[: count * math.prod(part.item_shape)].reshape(count, *part.item_shape)
        )
    alike = groupby(block.runs, key=lambda run: run.shape)  # runs may differ in values alone
    return Tiles(flat, tuple((sum(run.items for run in runs), shape) for shape, runs in alike))


def _check_shapes(block: Block, part: ArrayPart, at: int) -> None:
    """Raises ArchiveError unless the block has the dtype and shapes of the part's tiles from number
    `at` on.
    """
    for run in block.runs:
        if run.dtype != part.dtype or any(
            shape != run.shape for _, shape in part.alike(at, run.items)
        ):
            raise ArchiveError("its items do not have the archive's dtype and shape")
        at += run.items


def decode_elements(
    block: Block, dtype: np.dtype[Any], find_model: FindModel, stop: int, verify: bool = True
) -> NDArray[Any]:
    """The elements, flat, of a block whose header has been read.

    stop: if a model codes the block, at least the elements of the first `stop` items are decoded,
    and perhaps no more. Raises ArchiveError.
    """
    method, size = block.method.number, len(block.data)
    elements = sum(run.elements for run in block.runs)
    if elements * dtype.itemsize > MAX_BLOCK_BYTES:
        raise ArchiveError(f"it claims {elements} elements, more than a block can have")
    if method == MODEL:
        return _decode_by_model(block, find_model, stop, verify)
    if method == PACKED:
        return _decode_packed(block, elements)
    if method == RAW:
        if size != elements * dtype.itemsize:
            raise ArchiveError(f"it has {size} bytes for {elements} elements")
        return np.require(np.frombuffer(block.data, dtype), requirements=["ALIGNED"])
    if any(run.value_map is not None for run in block.runs):
        raise ArchiveError("its elements have a value map that is not used")
    if method == FALLBACK:
        return decode_fallback(block.data, dtype, [(run.items, run.shape) for run in block.runs])
    if method in (STREAMS, INFLATED):
        if dtype != np.uint8 or any(len(run.shape) != 1 for run in block.runs):
            raise ArchiveError("its items are not bytes, so they cannot contain streams")
        if method == STREAMS:
            return np.frombuffer(decode_streams(block.data, elements), np.uint8)
        picture = partial(decode_picture, find_model)
        return np.frombuffer(decode_inflated(block.data, elements, picture), np.uint8)
    if method == DECODED:
        return decode_pixels(block.data, block.runs)
    if method == DIGITS:
        return _decode_digits(block, dtype, find_model, stop, verify)
    check_claim(elements, "elements", size)
    return adaptive.unpack(block.data, elements, dtype)


def _decode_packed(block: Block, elements: int) -> NDArray[Any]:
    if any(run.value_map is None for run in block.runs):
        raise ArchiveError("its elements have no two values to choose from")
    if len(block.data) != (elements + 7) // 8:
        raise ArchiveError(f"it has {len(block.data)} bytes for {elements} elements of one bit")
    bits = np.unpackbits(np.frombuffer(block.data, np.uint8), bitorder="little")
    if bits[elements:].any():
        raise ArchiveError("its last byte is not filled with zeros")
    return layouts.elements_of(bits[:elements], block.runs)


def _decode_digits(
    block: Block, dtype: np.dtype[Any], find_model: FindModel, stop: int, verify: bool
) -> NDArray[Any]:
    assert block.digits is not None, "the method DIGITS has them"
    cut, data, digits = block.digits.cut, block.data, []
    if sum(head.size for head in block.digits.heads) > len(data):
        raise ArchiveError("its digits have more bytes than there are")
    for bits, head in zip(cut.bits, block.digits.heads, strict=True):
        digit_dtype = dtype_of(bits)
        runs = [Run(run.items, digit_dtype, run.shape, head.value_map) for run in block.runs]
        digit_data, data = data[: head.size], data[head.size :]
        digit = Block(block.first, runs, pack_runs(runs), head.method, head.model, digit_data)
        digits.append(decode_elements(digit, digit_dtype, find_model, stop, verify))
        if not fits(digits[-1], bits):
            raise ArchiveError("a digit of its elements has more bits than its header states")
    least = min(map(len, digits))
    elements = sum(run.elements for run in block.runs)
    exceptions = read_exceptions(data, dtype, elements)
    return joined(cut, (digit[:least] for digit in digits), exceptions, dtype)


def decode_picture(find_model: FindModel, cursor: Cursor) -> bytes:
    """The file of an embedded picture, whose fields start at the cursor."""
    from bitsback.files import embedded

    bands = list[NDArray[Any]]()
    for number in range(cursor.varint()):
        block = read_header(memoryview(cursor.take(cursor.varint())))
        run = block.runs[0]
        alike = not bands or (run.dtype, run.shape[1:]) == (bands[0].dtype, bands[0].shape[1:])
        if not alike or block.items != 1 or not run.shape or block.first != number:
            raise ArchiveError("the blocks of an embedded picture are not consecutive bands of it")
        if block.method.number in (STREAMS, INFLATED):
            raise ArchiveError("an embedded picture has a method that none can have")
        bands.append(decode_elements(block, run.dtype, find_model, 1).reshape(run.shape))
    if not bands:
        raise ArchiveError("an embedded picture has no pixels")
    pixels = np.concatenate(bands, dtype=bands[0].dtype)  # in its byte order
    return embedded.file(pixels, cursor.take(cursor.varint()))


def _decode_by_model(block: Block, find_model: FindModel, stop: int, verify: bool) -> NDArray[Any]:
    size, multiset = len(block.data), block.method.multiset
    check_claim(block.items, "items", size)  # before a model is loaded, which may take long
    assert block.model is not None, "the method MODEL has one"
    model = find_model(block.model)
    shapes = layouts.item_shapes(model, block.runs, block.method.layout)
    parts = chain.stretches(model, shapes)
    if not chain.affordable(parts, size, multiset):
        raise excess(block.items, "items", size)
    try:
        message = Message.from_bytes(bytes(block.data))
    except MessageError as error:
        raise ArchiveError(str(error)) from None
    if message.depth is None:
        raise ArchiveError("its message is finite, and that of a chain is not")
    if multiset:
        sets = Multisets(block.runs)
        chain.decode_sets(parts, message, sets)
        elements = sets.elements()
    else:
        elements = layouts.elements_of(chain.decode(parts, message, stop), block.runs)
    if verify:
        chain.check_end(message, chain.digest(block.runs_field, elements.view(np.uint8).data))
    return elements
