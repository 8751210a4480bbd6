"""Code the items of a block with bits back (docs/format.md, Bits back and the chain).

The batches of items form a chain: they are coded one after another into one message. The initial
bits of the message are the digest of the items.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.coding.multisets import Multisets
from bitsback.errors import ArchiveError
from bitsback.message import Message
from bitsback.models import costs
from bitsback.models.item_shape import ItemShape
from bitsback.models.model import BoundModel, Model

Buffer = bytes | memoryview

# A lane costs a few bytes a block and lets the core overlap its steps. Measured with mnist-binary,
# coding 2,000 images of 28x28 takes with 1, 2, 4, 8 lanes 5.3, 4.1, 3.9, 3.9 us an image, and one
# image 49, 53, 72, 98 bytes.
_LANES = ((1 << 19, 4), (1 << 14, 2), (0, 1))  # from this many elements on


def lanes_for(elements: int) -> int:
    """The number of lanes of a chain: one for few elements, to save bytes; else more, for speed."""
    return next(lanes for least, lanes in _LANES if elements >= least)


def digest(runs: bytes, items: Buffer) -> bytes:
    """The SHA-256 of a block's content: 256 bits that are practically random.

    They are the initial bits of the chain, and a decoder checks them.
    """
    state = hashlib.sha256(runs)
    state.update(items)
    return state.digest()


def initial(content: bytes, lanes: int) -> Message:
    """The message that encoding a block with this digest starts from, and that decoding ends in."""
    words = np.frombuffer(content, "<u4")
    heads = np.full(lanes, 1 << 32, np.uint64)
    heads[: len(words)] |= words[:lanes].astype(np.uint64)
    return Message(
        heads, words[: lanes - 1 : -1].astype(np.uint32) if lanes < len(words) else (), 0
    )


Stretches = Sequence[BoundModel]
"""The items of a block, in stretches of consecutive items that may share a batch."""


def stretches(model: Model, shapes: Iterable[tuple[int, ItemShape]]) -> list[BoundModel]:
    """The stretches of items of these shapes."""
    parts: list[list[tuple[int, ItemShape]]] = []
    for count, shape in shapes:
        if not parts or not (model.any_shape or parts[-1][-1][1] == shape):
            parts.append([(count, shape)])
        elif parts[-1][-1][1] == shape:
            parts[-1][-1] = parts[-1][-1][0] + count, shape
        else:
            parts[-1].append((count, shape))
    return [model.bind(part) for part in parts]


def schedule(items: int, growth: int, batch: int, before: int = 0) -> list[tuple[int, int]]:
    """Pairs (batch size, number of consecutive batches of that size), in the order of coding.

    The first batches are small, so that the message always has enough bits for a batch to choose
    its latents with.

    growth: the greatest batch, in 1/256 of the items coded before it. before: the number of items
    that the message already holds.
    """
    runs: list[tuple[int, int]] = []
    done = 0
    while done < items:
        size = min(max((before + done) * growth >> 8, 1), batch, items - done)
        count = (items - done) // size if size == batch else 1
        runs.append((size, count))
        done += size * count
    return runs


def schedules(parts: Stretches, multiset: bool = False) -> list[list[tuple[int, int]]]:
    """The batches of each of the stretches of a block."""
    batches, elements = [], 0
    for part in reversed(parts):
        model, items = part.model, part.items
        if model.any_shape and multiset:  # a batch takes bits from all items before it
            batches.append(schedule(items, 256, items))
        elif model.any_shape:
            batches.append([(items, 1)])
        else:
            before = elements // part.shapes[0][1].elements
            batches.append(schedule(items, model.growth, model.batch, before))
        elements += part.elements
    return batches[::-1]


def affordable(parts: Stretches, data_size: int, multiset: bool = False) -> bool:
    """Whether a reader accepts the cost of decoding the stretches from so many bytes
    (docs/format.md, `B`, a block).
    """
    batches = (sum(n for _, n in runs) for runs in schedules(parts, multiset))
    return costs.affordable(zip(parts, batches, strict=True), data_size)


def encode(
    parts: Stretches,
    symbols: NDArray[Any],
    content: bytes,
    lanes: int,
    sets: Multisets | None = None,
) -> bytes:
    """The bytes of the message with the symbols of all items.

    symbols: of all items in order, flat. content: the digest of the items. sets: the items, if
    their order is dropped.
    """
    message = initial(content, lanes)
    first, end = sum(part.items for part in parts), symbols.size
    all_batches = schedules(parts, sets is not None)
    for part, batches in zip(reversed(parts), reversed(all_batches), strict=True):
        first, start, stop = first - part.items, end - part.elements, part.items
        if sets is None:
            part.push(message, symbols[start:end], batches, atomic=False)
            end = start
            continue
        for size in _sizes(batches):
            places = range(stop - size, stop)
            symbols = sets.pick(message, _shifted(places, first))
            part.part(places).push(message, symbols, atomic=False)
            stop -= size
    return message.to_bytes()


def decode(parts: Stretches, message: Message, stop: int) -> NDArray[Any]:
    """Decodes the first `stop` items of a block, or a few more. Returns their symbols, flat.

    After all items the message must be the initial one; see `check_end`.
    """
    symbols = [np.empty(0, np.uint8)]
    for part, batches in zip(parts, schedules(parts), strict=True):
        needed, decoded = [], 0
        for size, count in reversed(batches):
            if decoded >= stop:
                break
            if part.model.any_shape and part.model.wavefront:
                size = part.decodable(stop)
            needed.append((size, min(count, -(-(stop - decoded) // size))))
            decoded += size * needed[-1][1]
        if needed:
            symbols.append(part.part(range(decoded)).pop(message, needed, atomic=False))
        stop -= decoded
    return symbols[1] if len(symbols) == 2 else np.concatenate(symbols)


def decode_sets(parts: Stretches, message: Message, sets: Multisets) -> None:
    """Decodes all items of a block without an order into `sets`.

    After all items the message must be the initial one; see `check_end`.
    """
    first = 0
    for part, batches in zip(parts, schedules(parts, multiset=True), strict=True):
        start = 0
        for size in _sizes(reversed(batches)):
            places = range(start, start + size)
            symbols = part.part(places).pop(message, atomic=False)
            sets.put(message, _shifted(places, first), symbols)
            start += size
        first += part.items


def _sizes(batches: Iterable[tuple[int, int]]) -> Iterator[int]:
    for size, count in batches:
        yield from repeat(size, count)


def _shifted(places: range, first: int) -> range:
    return range(places.start + first, places.stop + first)


def check_end(message: Message, content: bytes) -> None:
    """Raises ArchiveError unless the message after decoding is the initial one of the digest."""
    if message != initial(content, message.lanes):
        raise ArchiveError("its items do not match their digest")
