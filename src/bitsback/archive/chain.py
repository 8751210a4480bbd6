"""The chain: a block's items, coded one batch after another into a message that starts from their
digest.

docs/format.md, Bits back and the chain.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.grid import Shape
from bitsback.errors import ArchiveError
from bitsback.message import Message
from bitsback.models.model import BoundModel, Model

Buffer = bytes | memoryview


def digest(runs: bytes, items: Buffer) -> bytes:
    """SHA-256 of a block's content: 256 bits that are as good as random, and that a decoder can
    check.
    """
    state = hashlib.sha256(runs)
    state.update(items)
    return state.digest()


def initial(content: bytes, lanes: int) -> Message:
    """The message that the chain of a block with this digest starts from, and ends in when it is
    decoded.
    """
    words = np.frombuffer(content, "<u4")
    heads = np.full(lanes, 1 << 32, np.uint64)
    heads[: len(words)] |= words[:lanes].astype(np.uint64)
    return Message(
        heads, words[: lanes - 1 : -1].astype(np.uint32) if lanes < len(words) else (), 0
    )


@dataclass(frozen=True)
class Stretch:
    """Items in a row that are images of one size."""

    model: BoundModel
    items: int


Stretches = Sequence[Stretch]


def stretches(model: Model, shapes: Iterable[tuple[int, Shape]]) -> list[Stretch] | None:
    """Of items of these shapes, how many in a row having which; None where the model does not code
    them all.
    """
    found: list[Stretch] = []
    for count, shape in shapes:
        bound = model.fitted(shape)
        if bound is None:
            return None
        if found and found[-1].model.size == bound.size:
            bound, count = found[-1].model, found.pop().items + count
        found.append(Stretch(bound, count))
    return found


def schedule(items: int, growth: int, batch: int, before: int = 0) -> list[tuple[int, int]]:
    """The sizes of the batches, in the order of coding, and how many batches of that size follow
    one another. The first batches are small, so that there are always enough bits on the stack for
    a batch to choose its latents with.

    before: how many items what has been coded before is as good as.
    """
    runs: list[tuple[int, int]] = []
    done = 0
    while done < items:
        size = min(max((before + done) * growth >> 8, 1), batch, items - done)
        count = (items - done) // size if size == batch else 1
        runs.append((size, count))
        done += size * count
    return runs


class Order(Enum):
    """How the bytes of items are ordered, which are a multiset, by symbols."""

    RISING = False
    FALLING = True
    """Those that symbol 0 of two stands for come behind those of symbol 1."""

    @classmethod
    def of(cls, levels: tuple[bytes, bytes] | None) -> "Order":
        """levels: the two values that symbols stand for."""
        return cls(levels is not None and levels[0] > levels[1])


def schedules(parts: Stretches) -> list[list[tuple[int, int]]]:
    """The batches of each of the stretches of a block."""
    found, elements = [], 0
    for part in reversed(parts):
        model = part.model.model
        before = elements // part.model.elements
        found.append(schedule(part.items, model.growth, model.batch, before))
        elements += part.items * part.model.elements
    return found[::-1]


def encode(
    parts: Stretches,
    symbols: NDArray[Any],
    content: bytes,
    lanes: int,
    order: Order | None = None,
) -> bytes:
    """The bytes of the message that holds the symbols, those of all items one after the other;
    `content` is their digest. order: of the items if they are a multiset, which are one stretch.
    """
    message, end = initial(content, lanes), symbols.size
    for part, batches in zip(reversed(parts), reversed(schedules(parts)), strict=True):
        start = end - part.items * part.model.elements
        items = symbols.reshape(-1)[start:end].reshape(part.items, part.model.elements)
        if order is None:
            part.model.push(message, items, batches)
        else:
            part.model.push_set(message, items, batches, order.value)
        end = start
    return message.to_bytes()


def decode(
    parts: Stretches, message: Message, stop: int, order: Order | None = None
) -> NDArray[Any]:
    """Decodes the first `stop` of a block's items, or a few more: their symbols, flat; of a
    multiset always all.

    If all are decoded, the message ends up as the initial one, if all is well.
    """
    found, left = [], stop
    for part, schedule in zip(parts, schedules(parts), strict=True):
        if order is not None:
            found.append(part.model.pop_set(message, schedule[::-1], order.value))
            continue
        batches = []
        for size, count in reversed(schedule):
            if left <= 0:
                break
            batches.append((size, min(count, -(-left // size))))
            left -= size * batches[-1][1]
        if batches:
            found.append(part.model.pop(message, batches))
    flat = [symbols.reshape(-1) for symbols in found] or [np.empty(0, np.uint8)]
    return flat[0] if len(flat) == 1 else np.concatenate(flat)


def check_end(message: Message, content: bytes) -> None:
    """Raises ArchiveError unless decoding ended in the message that the items' digest gives."""
    if message != initial(content, message.lanes):
        raise ArchiveError("its items do not have the digest that it was made from")
