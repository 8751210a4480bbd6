"""The bytes of a `B` section to pieces (docs/format.md, `B`, a block)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive import adaptive, chain, plane_sets, planes
from bitsback.archive.block import (
    ADAPTIVE,
    METHODS,
    PACKED,
    PLANES,
    RAW,
    SQUEEZED,
    Opened,
    affordable,
    max_elements,
    read_header,
)
from bitsback.archive.collection import Collection
from bitsback.archive.layout import MAX_BLOCK_BYTES
from bitsback.archive.levels import from_symbols, symbol_dtype
from bitsback.archive.pieces import Pieces
from bitsback.archive.runs import Run
from bitsback.archive.squeeze import unsqueeze
from bitsback.errors import ArchiveError, MessageError
from bitsback.message import Message
from bitsback.models import Model

FindModel = Callable[[bytes], Model]


def decode(
    payload: memoryview,
    part: Collection,
    first: int,
    items: int,
    find_model: FindModel,
    stop: int | None = None,
    before: int = 0,
) -> Pieces:
    """The pieces of a block, or only the first `stop` of them, unverified, if they are of one
    shape.

    first, items: where the block stands and how many pieces it holds, according to the index.
    before: the number of the part's first piece. find_model: the model for the first 16 bytes of
    an identity. Raises ArchiveError for whatever is not right, before it allocates anything for it.
    """
    block = read_header(payload)
    if (block.first, block.items) != (first, items):
        raise ArchiveError(
            f"it says that it holds {block.items} items from {block.first} on, and the index"
            f" {items} from {first} on"
        )
    _check_shapes(block, part, first - before)
    count = items if stop is None else min(stop, items)
    if not part.plain or block.multiset:  # whose items have their order when all are there
        count = items
    flat = decode_elements(block, part.dtype, find_model, count, stop is None)
    if count < items:
        return Pieces.stacked(
            flat[: count * math.prod(part.item_shape)].reshape(count, *part.item_shape)
        )
    return Pieces(flat, tuple((run.items, run.shape) for run in block.runs))


def _check_shapes(block: Opened, part: Collection, at: int) -> None:
    """Raises ArchiveError unless the block's pieces are those of the part from number `at` on."""
    for run in block.runs:
        if run.dtype != part.dtype or any(
            shape != run.shape for _, shape in part.alike(at, run.items)
        ):
            raise ArchiveError("its items are not of the dtype and shape of the archive's")
        at += run.items


def decode_elements(
    block: Opened, dtype: np.dtype[Any], find_model: FindModel, stop: int, verify: bool = True
) -> NDArray[Any]:
    """The elements, flat, of a block of this dtype, whose header has been read; of one that is a
    chain, those of the first `stop` items at least. Raises ArchiveError.
    """
    size, elements = len(block.data), sum(run.elements for run in block.runs)
    if elements * dtype.itemsize > MAX_BLOCK_BYTES:
        raise ArchiveError(f"it claims {elements} elements, more than a block can have")
    if block.method == RAW:
        if size != elements * dtype.itemsize:
            raise ArchiveError(f"it has {size} bytes for {elements} elements")
        return np.frombuffer(block.data, dtype)
    if block.method == SQUEEZED:
        return _decode_squeezed(block, dtype)
    if block.method == ADAPTIVE:
        return _decode_adaptive(block, dtype, elements)
    if block.method == PLANES:
        return _decode_planes(block, elements, find_model, verify)
    two_levels = {run.levels is not None for run in block.runs}
    if len(two_levels) > 1 or (False in two_levels and block.method == PACKED):
        raise ArchiveError("its elements have no two levels to choose from")
    if block.method == PACKED:
        if size != (elements + 7) // 8:
            raise ArchiveError(f"it has {size} bytes for {elements} elements of one bit")
        return _elements_of(_unpack_bits(np.frombuffer(block.data, np.uint8), elements), block.runs)
    return _decode_chain(block, find_model, stop, verify)


def _decode_squeezed(block: Opened, dtype: np.dtype[Any]) -> NDArray[Any]:
    if any(run.levels is not None for run in block.runs):
        raise ArchiveError("its elements have levels to choose from in vain")
    return unsqueeze(block.data, dtype, [(run.items, run.shape) for run in block.runs])


def _decode_adaptive(block: Opened, dtype: np.dtype[Any], elements: int) -> NDArray[Any]:
    if elements > max_elements(len(block.data)):
        raise ArchiveError(
            f"it claims {elements} elements in {len(block.data)} bytes, which no writer would"
        )
    if any(run.levels is not None for run in block.runs):
        raise ArchiveError("its elements have levels to choose from in vain")
    return adaptive.unpack(block.data, elements, dtype)


def _unpack_bits(packed: NDArray[np.uint8], elements: int) -> NDArray[np.uint8]:
    bits = np.unpackbits(packed, bitorder="little")
    if bits[elements:].any():
        raise ArchiveError("its last byte is not filled with zeros")
    return bits[:elements]


def _find_model(block: Opened, find_model: FindModel, claimed: int) -> Model:
    """claimed: how many items, or elements; checked before a model is looked for, which may take
    long.
    """
    if claimed > max_elements(len(block.data)):
        raise ArchiveError(
            f"it claims {claimed} items in {len(block.data)} bytes, which no writer would"
        )
    assert block.model is not None, "its method has one"
    model = find_model(block.model)
    if model.free != (block.method == PLANES):
        raise ArchiveError(f"its model {model.name} is none for the method {METHODS[block.method]}")
    return model


def _message(block: Opened) -> Message:
    try:
        message = Message.from_bytes(bytes(block.data))
    except MessageError as error:
        raise ArchiveError(str(error)) from None
    if message.depth is None:
        raise ArchiveError("its message is finite, and that of a chain is not")
    return message


def _decode_planes(
    block: Opened, elements: int, find_model: FindModel, verify: bool
) -> NDArray[Any]:
    model = _find_model(block, find_model, elements)
    shapes = planes.plane_shapes(block.runs, block.layout)
    if any(shape.levels > model.levels for shape in shapes):
        raise ArchiveError(
            f"its elements have more levels than its model {model.name} codes, {model.levels}"
        )
    batches = len(plane_sets.batches(block.items)) if block.multiset else 1
    if not planes.affordable(model, shapes, len(block.data), batches):
        raise ArchiveError(
            f"it claims {elements} elements in {len(block.data)} bytes, which no writer would"
        )
    message = _message(block)
    if block.multiset:
        found = plane_sets.decode(model, message, block.runs, block.layout)
    else:
        found = planes.decode(model, message, block.runs, shapes)
    if verify:
        chain.check_end(message, chain.digest(block.runs_field, found.view(np.uint8).data))
    return found


def _decode_chain(block: Opened, find_model: FindModel, stop: int, verify: bool) -> NDArray[Any]:
    model = _find_model(block, find_model, block.items)
    parts = chain.stretches(model, ((run.items, run.shape) for run in block.runs))
    if parts is None:
        unfit = next(run.shape for run in block.runs if model.size_of(run.shape) is None)
        raise ArchiveError(
            f"its items, of the shape {unfit}, are not what its model {model.name} codes,"
            f" {model.items_in_words}"
        )
    if block.multiset and len(block.runs) > 1:
        raise ArchiveError("its items are one multiset, and of several runs")
    two_levels = block.runs[0].levels is not None
    if two_levels != (model.levels == 2):
        raise ArchiveError(
            f"its elements have {'two' if two_levels else 'no two'} levels, and those of its model"
            f" {model.name} {model.levels}"
        )
    if not two_levels and any(run.dtype.str != symbol_dtype(model) for run in block.runs):
        raise ArchiveError(f"its elements are no symbols of its model {model.name}")
    if not affordable(parts, len(block.data)):
        raise ArchiveError(
            f"it claims {block.items} items in {len(block.data)} bytes, which no writer would"
        )
    message = _message(block)
    order = chain.Order.of(block.runs[0].pair) if block.multiset else None
    elements = _elements_of(chain.decode(parts, message, stop, order), block.runs)
    if verify:
        chain.check_end(message, chain.digest(block.runs_field, elements.view(np.uint8).data))
    return elements


def _elements_of(symbols: NDArray[np.uint8], runs: list[Run]) -> NDArray[Any]:
    """The elements of the runs, or of as many as there are symbols."""
    parts, at = [], 0
    for run in runs:
        part = symbols[at : at + run.elements]
        parts.append(
            from_symbols(part, run.pair, run.dtype)
            if run.pair is not None
            else part.astype(run.dtype, copy=False)
        )
        at += run.elements
    return parts[0] if len(parts) == 1 else np.concatenate(parts, dtype=parts[0].dtype)
