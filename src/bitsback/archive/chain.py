"""The chain: a block's items, coded one batch after another into a message that starts from their
digest.

docs/format.md, Bits back and the chain.
"""

import hashlib
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.message import Message
from bitsback.models.model import BoundModel

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


def schedule(items: int, growth: int, batch: int) -> list[tuple[int, int]]:
    """The sizes of the batches, in the order of coding, and how many batches of that size follow
    one another. The first batches are small, so that there are always enough bits on the stack for
    a batch to choose its latents with.
    """
    runs: list[tuple[int, int]] = []
    done = 0
    while done < items:
        size = min(max(done * growth >> 8, 1), batch, items - done)
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


def encode(
    model: BoundModel,
    symbols: NDArray[Any],
    content: bytes,
    lanes: int,
    order: Order | None = None,
) -> bytes:
    """The bytes of the message that holds the symbols [items, elements]; `content` is their
    digest. order: of the items if they are a multiset.
    """
    message = initial(content, lanes)
    batches = schedule(len(symbols), model.model.growth, model.model.batch)
    if order is None:
        model.push(message, symbols, batches)
    else:
        model.push_set(message, symbols, batches, order.value)
    return message.to_bytes()


def decode(
    model: BoundModel, message: Message, items: int, stop: int, order: Order | None = None
) -> NDArray[Any]:
    """Decodes the first `stop` of a block's items, or a few more: [>= stop, elements]; of a
    multiset always all.

    With stop = items the message ends up as the initial one, if all is well.
    """
    if order is not None:
        batches = schedule(items, model.model.growth, model.model.batch)[::-1]
        return model.pop_set(message, batches, order.value)
    batches, left = [], stop
    for size, count in reversed(schedule(items, model.model.growth, model.model.batch)):
        if left <= 0:
            break
        batches.append((size, min(count, -(-left // size))))
        left -= size * batches[-1][1]
    return model.pop(message, batches)


def check_end(message: Message, content: bytes) -> None:
    """Raises ArchiveError unless decoding ended in the message that the items' digest gives."""
    if message != initial(content, message.lanes):
        raise ArchiveError("its items do not have the digest that it was made from")
