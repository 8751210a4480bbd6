"""The chain: a block's items, coded one batch after another into a message that starts from their
digest.

docs/format.md, Bits back and the chain.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.message import Message
from bitsback.models import Model

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


def schedule(items: int, growth: int, batch: int) -> list[int]:
    """The sizes of the batches, in the order of coding. The first batches are small, so that there
    are always enough bits on the stack for a batch to choose its latents with.
    """
    sizes, done = [], 0
    while done < items:
        sizes.append(min(max(done * growth >> 8, 1), batch, items - done))
        done += sizes[-1]
    return sizes


def encode(model: Model, symbols: NDArray[np.uint8], content: bytes, lanes: int) -> bytes:
    """The bytes of the message that holds the symbols, uint8 [items, pixels]; `content` is their
    digest.
    """
    message = initial(content, lanes)
    model.push(message, symbols, schedule(len(symbols), model.growth, model.batch))
    return message.to_bytes()


def decode(model: Model, message: Message, items: int, stop: int) -> NDArray[np.uint8]:
    """Decodes the first `stop` of a block's items, or a few more: uint8 [>= stop, pixels].

    With stop = items the message ends up as the initial one, if all is well.
    """
    sizes = schedule(items, model.growth, model.batch)[::-1]
    if stop < items:
        ends = np.cumsum(sizes)
        sizes = sizes[: int(np.searchsorted(ends, stop)) + 1]
    return model.pop(message, sizes)


def check_end(message: Message, content: bytes) -> None:
    """Raises ArchiveError unless decoding ended in the message that the items' digest gives."""
    if message != initial(content, message.lanes):
        raise ArchiveError("its items do not have the digest that it was made from")
