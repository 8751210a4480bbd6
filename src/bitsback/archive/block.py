"""One block: items to the bytes of a `B` section, and back (docs/format.md, `B`, a block)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive import chain
from bitsback.archive.layout import BLOCK, MAX_BLOCK_BYTES, Collection, Cursor, section
from bitsback.archive.levels import (
    Levels,
    find_levels,
    from_symbols,
    model_symbols,
    symbol_dtype,
    to_symbols,
)
from bitsback.archive.runs import Run, pack_runs, read_runs
from bitsback.archive.squeeze import Coder, is_bits, squeeze, unsqueeze
from bitsback.errors import ArchiveError, MessageError
from bitsback.message import Message
from bitsback.models import Model
from bitsback.models.model import BoundModel
from bitsback.wire import varint

RAW, PACKED, CHAIN, SQUEEZED = 0, 1, 2, 3
METHODS = ("raw", "packed", "chain", "squeezed")
PREFIX_SIZE = 16
"""Bytes of a model's identity that stand for the model."""

# A lane costs a few bytes a block and lets the core overlap its steps. Measured with mnist-binary,
# coding 2,000 images of 28x28 takes with 1, 2, 4, 8 lanes 5.3, 4.1, 3.9, 3.9 us an image, and one
# image 49, 53, 72, 98 bytes.
_LANES = ((1 << 19, 4), (1 << 14, 2), (0, 1))  # from this many elements on

_WORK_OF_A_STEP = 1 << 15  # multiply-adds, in the time that it takes to begin one

FindModel = Callable[[bytes], Model]


@dataclass(frozen=True)
class Encoded:
    """A block as it goes into the archive."""

    section: bytes
    items: int
    method: int
    model: Model | None
    """The one that it was coded with."""
    two_valued: bool
    """Whether its elements have two values."""
    outdone: bool
    """Whether a model could code it, and made it larger than the method that was taken."""


def max_elements(data_size: int) -> int:
    """How many elements a block with this many bytes of data may claim to have, so that a few bytes
    cannot claim a computer's memory.
    """
    return (1 << 16) + (data_size << 12)


def affordable(model: BoundModel, items: int, data_size: int) -> bool:
    """Whether decoding so many items from so many bytes takes no more memory and time than a few
    bytes may ask for (docs/format.md, `B`, a block).
    """
    schedule = chain.schedule(items, model.model.growth, model.model.batch)
    work = items * model.work + sum(count for _, count in schedule) * model.steps * _WORK_OF_A_STEP
    return (
        items * model.most_elements <= max_elements(data_size)
        and min(items, model.model.batch) * model.room <= (1 << 26) + (data_size << 10)
        and work <= (1 << 34) + (data_size << 24)
    )


def lanes_for(elements: int) -> int:
    """The number of lanes of a chain: few where each byte counts, more where speed does."""
    return next(lanes for least, lanes in _LANES if elements >= least)


def encode(
    items: NDArray[Any],
    first: int,
    model: Model | None,
    invert: bool,
    coder: Coder = "deflate",
    contested: bool = True,
) -> Encoded:
    """Encodes a block in the smallest way.

    items: C-contiguous, [items, ...]. first: the number of the block's first item. model: one with
    as many pixels as an item has elements, if there is one. invert: the greater of two levels is
    symbol 0. coder: the general compressor, which is tried where no model is used, or where it may
    be as good, `contested`.
    """
    levels = find_levels(items)
    if levels is not None and invert:
        levels = levels[::-1]
    coded = model_symbols(model, items, levels) if model is not None else None
    way = None
    if model is not None and coded is not None:
        way = _by_model(items, model, *coded)
    pair = 2 * items.itemsize
    if way is None or contested or way.cost(pair) >= _least(items, levels is not None):
        ways = [*_otherwise(items, levels, coder), *([way] if way is not None else [])]
        way = min(ways, key=lambda way: way.cost(pair))
    runs = pack_runs([Run(len(items), items.dtype, items.shape[1:], way.levels)])
    used = model if way.method == CHAIN else None
    return Encoded(
        section(BLOCK, varint(first), runs, bytes([way.method]), *way.data),
        len(items),
        way.method,
        used,
        two_valued=levels is not None,
        outdone=coded is not None and used is None,
    )


def _least(items: NDArray[Any], two_valued: bool) -> int:
    """Bytes that a block takes as it is, or packed."""
    packed = 2 * items.itemsize + (items.size + 7) // 8
    return min(items.nbytes, packed) if two_valued else items.nbytes


def _by_model(
    items: NDArray[Any], model: Model, levels: Levels | None, symbols: NDArray[Any]
) -> "_Way | None":
    """With a model, unless a reader would refuse that."""
    bound = model.fitted(items.shape[1:])
    if bound is None or not affordable(bound, len(items), items.nbytes):
        return None
    runs = pack_runs([Run(len(items), items.dtype, items.shape[1:], levels)])
    digest = chain.digest(runs, items.reshape(-1).view(np.uint8).data)
    symbols = symbols.reshape(len(items), -1)
    data = chain.encode(bound, symbols, digest, lanes_for(symbols.size))
    if not affordable(bound, len(items), len(data)):
        return None
    return _Way(CHAIN, levels, [bound.model.identity[:PREFIX_SIZE], data])


def _otherwise(items: NDArray[Any], levels: Levels | None, coder: Coder) -> Iterator["_Way"]:
    """All ways without a model, of which the first is taken if they are equal."""
    yield _Way(RAW, None, [items.reshape(-1).view(np.uint8).data])
    bits = None
    if levels is not None:
        bits = np.packbits(to_symbols(items, levels), bitorder="little")
        yield _Way(PACKED, levels, [bits.data])
    if items.size:
        squeezed = squeeze(items, bits, coder)
        size = items.nbytes if bits is None else items.size
        if squeezed is not None and size > max_elements(len(squeezed)):
            squeezed, levels = squeeze(items, None, "deflate"), None  # which never is so small
        if squeezed is not None:
            yield _Way(SQUEEZED, levels, [squeezed])


@dataclass(frozen=True)
class _Way:
    """A way to store a block."""

    method: int
    levels: tuple[bytes, bytes] | None
    data: list[bytes | memoryview]

    def cost(self, pair: int) -> int:
        """Bytes. pair: of two levels."""
        return sum(map(len, self.data)) + (pair if self.levels is not None else 0)


@dataclass(frozen=True)
class Opened:
    """A block whose header has been read and checked."""

    first: int
    runs: list[Run]
    runs_field: bytes
    method: int
    model: bytes | None
    """The first 16 bytes of the model's identity, for the method chain."""
    data: memoryview

    @property
    def items(self) -> int:
        return sum(run.items for run in self.runs)


def read_header(payload: memoryview) -> Opened:
    """Reads the header of a block. Its data may be cut short. Raises ArchiveError."""
    cursor = Cursor(payload)
    first = cursor.varint()
    start = cursor.at
    runs = read_runs(cursor)
    runs_field = bytes(payload[start : cursor.at])
    method = cursor.byte()
    if method >= len(METHODS):
        raise ArchiveError(f"it has the method {method}: it needs a newer bitsback")
    model = cursor.take(PREFIX_SIZE) if method == CHAIN else None
    return Opened(first, runs, runs_field, method, model, payload[cursor.at :])


def decode(
    payload: memoryview,
    collection: Collection,
    first: int,
    items: int,
    find_model: FindModel,
    stop: int | None = None,
) -> NDArray[Any]:
    """The items of a block: [items, *item shape], or only the first `stop` of them, unverified.

    first, items: where the block stands and what it holds, according to the index. find_model: the
    model for the first 16 bytes of an identity. Raises ArchiveError for whatever is not right,
    before it allocates anything for it.
    """
    block = read_header(payload)
    if (block.first, block.items) != (first, items):
        raise ArchiveError(
            f"it says that it holds {block.items} items from {block.first} on, and the index"
            f" {items} from {first} on"
        )
    if any(
        (run.dtype, run.shape) != (collection.dtype, collection.item_shape) for run in block.runs
    ):
        raise ArchiveError("its items are not of the dtype and shape of the archive's")
    flat = _decode_elements(
        block, collection, find_model, items if stop is None else stop, stop is None
    )
    count = items if stop is None else min(stop, items)
    return flat[: count * collection.item_elements].reshape(count, *collection.item_shape)


def _decode_elements(
    block: Opened, collection: Collection, find_model: FindModel, stop: int, verify: bool
) -> NDArray[Any]:
    size, elements = len(block.data), sum(run.elements for run in block.runs)
    if elements * collection.dtype.itemsize > MAX_BLOCK_BYTES:
        raise ArchiveError(f"it claims {elements} elements, more than a block can have")
    if block.method == RAW:
        if size != elements * collection.dtype.itemsize:
            raise ArchiveError(f"it has {size} bytes for {elements} elements")
        return np.frombuffer(block.data, collection.dtype)
    if block.method == SQUEEZED:
        return _decode_squeezed(block, collection.dtype, elements)
    two_levels = {run.levels is not None for run in block.runs}
    if len(two_levels) > 1 or (False in two_levels and block.method == PACKED):
        raise ArchiveError("its elements have no two levels to choose from")
    if block.method == PACKED:
        if size != (elements + 7) // 8:
            raise ArchiveError(f"it has {size} bytes for {elements} elements of one bit")
        return _elements_of(_unpack_bits(np.frombuffer(block.data, np.uint8), elements), block.runs)
    assert block.model is not None, "it has the method chain"
    return _decode_chain(block, block.model, find_model, stop, verify)


def _decode_squeezed(block: Opened, dtype: np.dtype[Any], elements: int) -> NDArray[Any]:
    bits = is_bits(block.data)
    if any((run.levels is not None) != bits for run in block.runs):
        raise ArchiveError("its elements have no two levels to choose from, or have them in vain")
    size = (elements + 7) // 8 if bits else elements * dtype.itemsize
    if size > max_elements(len(block.data)):
        raise ArchiveError(f"it claims {size} bytes in {len(block.data)}, which no writer would")
    content = unsqueeze(block.data, size, dtype.itemsize)
    if bits:
        return _elements_of(_unpack_bits(content, elements), block.runs)
    return content.view(dtype)


def _unpack_bits(packed: NDArray[np.uint8], elements: int) -> NDArray[np.uint8]:
    bits = np.unpackbits(packed, bitorder="little")
    if bits[elements:].any():
        raise ArchiveError("its last byte is not filled with zeros")
    return bits[:elements]


def _decode_chain(
    block: Opened, name: bytes, find_model: FindModel, stop: int, verify: bool
) -> NDArray[Any]:
    if block.items > max_elements(
        len(block.data)
    ):  # before a model is looked for, which may take long
        raise ArchiveError(
            f"it claims {block.items} items in {len(block.data)} bytes, which no writer would"
        )
    model = find_model(name)
    shapes = {run.shape for run in block.runs}
    fitted = [model.fitted(shape) for shape in shapes]
    bound = fitted[0]
    if bound is None or any(other is not bound for other in fitted):
        raise ArchiveError(
            f"its items, of the shape {next(iter(shapes))}, are not what its model {model.name}"
            f" codes, {model.items_in_words}"
        )
    two_levels = block.runs[0].levels is not None
    if two_levels != (model.levels == 2):
        raise ArchiveError(
            f"its elements have {'two' if two_levels else 'no two'} levels, and those of its model"
            f" {model.name} {model.levels}"
        )
    if not two_levels and any(run.dtype.str != symbol_dtype(model) for run in block.runs):
        raise ArchiveError(f"its elements are no symbols of its model {model.name}")
    if not affordable(bound, block.items, len(block.data)):
        raise ArchiveError(
            f"it claims {block.items} items in {len(block.data)} bytes, which no writer would"
        )
    try:
        message = Message.from_bytes(bytes(block.data))
    except MessageError as error:
        raise ArchiveError(str(error)) from None
    if message.depth is None:
        raise ArchiveError("its message is finite, and that of a chain is not")
    symbols = chain.decode(bound, message, block.items, stop)
    elements = _elements_of(symbols.reshape(-1), block.runs)
    if verify:
        chain.check_end(message, chain.digest(block.runs_field, elements.view(np.uint8).data))
    return elements


def _elements_of(symbols: NDArray[np.uint8], runs: list[Run]) -> NDArray[Any]:
    """The elements of the runs, or of as many as there are symbols."""
    parts, at = [], 0
    for run in runs:
        part = symbols[at : at + run.elements]
        parts.append(
            from_symbols(part, run.levels, run.dtype)
            if run.levels is not None
            else part.astype(run.dtype, copy=False)
        )
        at += run.elements
    return parts[0] if len(parts) == 1 else np.concatenate(parts, dtype=parts[0].dtype)
