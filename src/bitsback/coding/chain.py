"""The chain: a block's items, coded one batch after another into a message that starts from their
digest.

docs/format.md, Bits back and the chain.
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

ENOUGH = 1 << 15
"""Elements after which a batch of items of any shape ends: what so many need stays in a cache."""

Buffer = bytes | memoryview


def digest(runs: bytes, items: Buffer) -> bytes:
    """SHA-256 of a block's content: 256 bits that are practically random, and that a decoder can
    check.
    """
    state = hashlib.sha256(runs)
    state.update(items)
    return state.digest()


def initial(content: bytes, lanes: int) -> Message:
    """The initial message of a block with this digest, and the final one after decoding."""
    words = np.frombuffer(content, "<u4")
    heads = np.full(lanes, 1 << 32, np.uint64)
    heads[: len(words)] |= words[:lanes].astype(np.uint64)
    return Message(
        heads, words[: lanes - 1 : -1].astype(np.uint32) if lanes < len(words) else (), 0
    )


Stretches = Sequence[BoundModel]
"""The items of a block as a model sees them: consecutive items that may share a batch."""


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
    """The sizes of the batches, in the order of coding, and how many batches of that size follow
    one another. The first batches are small, so that there are always enough bits on the stack for
    a batch to choose its latents with.

    before: what has been coded before, as a number of such items.
    """
    runs: list[tuple[int, int]] = []
    done = 0
    while done < items:
        size = min(max((before + done) * growth >> 8, 1), batch, items - done)
        count = (items - done) // size if size == batch else 1
        runs.append((size, count))
        done += size * count
    return runs


def batches_by_elements(shapes: Iterable[tuple[int, ItemShape]]) -> list[tuple[int, int]]:
    """The same for items of these shapes: from the first one on each batch has as few as have
    ENOUGH elements.
    """
    runs: list[tuple[int, int]] = []
    items = elements = 0  # of the batch that is not full
    for count, shape in shapes:
        while count:
            wanted = -(-(ENOUGH - elements) // shape.elements)
            if items == 0 and count >= wanted:
                runs.append((wanted, count // wanted))
                count %= wanted
                continue
            some = min(wanted, count)
            items, elements, count = items + some, elements + some * shape.elements, count - some
            if elements >= ENOUGH:
                runs.append((items, 1))
                items = elements = 0
    return [*([(items, 1)] if items else []), *reversed(runs)]


def schedules(parts: Stretches, multiset: bool = False) -> list[list[tuple[int, int]]]:
    """The batches of each of the stretches of a block."""
    found, elements = [], 0
    for part in reversed(parts):
        model, items = part.model, part.items
        if model.any_shape and multiset:  # bits of all earlier items choose those of a batch
            found.append(schedule(items, 256, items))
        elif model.any_shape:  # what learns from its items has all of them in one batch
            learns = model.counted or not model.wavefront
            found.append([(items, 1)] if learns else batches_by_elements(part.shapes))
        else:
            before = elements // part.shapes[0][1].elements
            found.append(schedule(items, model.growth, model.batch, before))
        elements += part.elements
    return found[::-1]


def affordable(parts: Stretches, data_size: int, multiset: bool = False) -> bool:
    """Whether a reader accepts the cost of decoding them from this number of bytes (docs/format.md,
    `B`, a block).
    """
    batches = (sum(n for _, n in schedule) for schedule in schedules(parts, multiset))
    return costs.affordable(zip(parts, batches, strict=True), data_size)


def encode(
    parts: Stretches,
    symbols: NDArray[Any],
    content: bytes,
    lanes: int,
    sets: Multisets | None = None,
) -> bytes:
    """The bytes of the message that holds the symbols of all items, one after the other; `content`
    is their digest. sets: the items, if their order does not matter.
    """
    message = initial(content, lanes)
    first, end = sum(part.items for part in parts), symbols.size
    found = schedules(parts, sets is not None)
    for part, batches in zip(reversed(parts), reversed(found), strict=True):
        first, start, stop = first - part.items, end - part.elements, part.items
        if sets is None:
            part.push(message, symbols[start:end], batches, kept=False)
            end = start
            continue
        for size in _each(batches):
            places = range(stop - size, stop)
            symbols = sets.pick(message, _shifted(places, first))
            part.part(places).push(message, symbols, kept=False)
            stop -= size
    return message.to_bytes()


def decode(parts: Stretches, message: Message, stop: int) -> NDArray[Any]:
    """Decodes the first `stop` of a block's items, or a few more: their symbols, flat.

    Once all are decoded, the message must be the initial one.
    """
    found = [np.empty(0, np.uint8)]
    for part, batches in zip(parts, schedules(parts), strict=True):
        needed, taken = [], 0
        for size, count in reversed(batches):
            if taken >= stop:
                break
            needed.append((size, min(count, -(-(stop - taken) // size))))
            taken += size * needed[-1][1]
        if needed:
            found.append(part.part(range(taken)).pop(message, needed, kept=False))
        stop -= taken
    return found[1] if len(found) == 2 else np.concatenate(found)


def decode_sets(parts: Stretches, message: Message, sets: Multisets) -> None:
    """Decodes all items of a block whose order does not matter. Then the message must be the
    initial one, too.
    """
    first = 0
    for part, batches in zip(parts, schedules(parts, multiset=True), strict=True):
        start = 0
        for size in _each(reversed(batches)):
            places = range(start, start + size)
            symbols = part.part(places).pop(message, kept=False)
            sets.put(message, _shifted(places, first), symbols)
            start += size
        first += part.items


def _each(batches: Iterable[tuple[int, int]]) -> Iterator[int]:
    for size, count in batches:
        yield from repeat(size, count)


def _shifted(places: range, first: int) -> range:
    return range(places.start + first, places.stop + first)


def check_end(message: Message, content: bytes) -> None:
    """Raises ArchiveError unless decoding ended in the initial message of the items' digest."""
    if message != initial(content, message.lanes):
        raise ArchiveError("its items do not have the digest that it was made from")
