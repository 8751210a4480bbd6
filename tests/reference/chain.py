"""A block of items and one message (docs/format.md): digest, batches, both directions."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .message import LOW, Message
from .model import Bound
from .picks import Picks


class MismatchError(Exception):
    """A decoded chain does not end in its initial message."""


def digest(runs: bytes, items: bytes) -> bytes:
    """SHA-256 over the block's `runs` field and its items' bytes."""
    return hashlib.sha256(runs + items).digest()


def initial(of: bytes, lanes: int) -> Message:
    """The message that a block with this digest starts from."""
    d = [int.from_bytes(of[i : i + 4], "little") for i in range(0, 32, 4)]
    heads = [LOW + word for word in d[:lanes]] + [LOW] * (lanes - 8)
    return Message(heads, d[lanes:][::-1], depth=0)


def schedule(n: int, growth: int, batch: int) -> list[int]:
    """The sizes of the batches in coding order; the first batch has the last items."""
    sizes: list[int] = []
    while (done := sum(sizes)) < n:
        sizes.append(min(min(max(done * growth >> 8, 1), batch), n - done))
    return sizes


def several(sizes: list[tuple[int, int]], growth: int, batch: int) -> list[int]:
    """The same for images of several sizes. sizes: for each run of images of one size, the elements
    of an image and the number of images.
    """
    batches: list[int] = []
    coded = 0
    for n, elements in reversed(sizes):
        left = n
        while left:
            done = coded // elements
            size = min(min(max(done * growth >> 8, 1), batch), left)
            batches.append(size)
            coded, left = coded + size * elements, left - size
    return batches


def batches_of(parts: list[tuple[Bound, int]]) -> list[Any]:
    """The codecs of the batches, the first items first. parts: a model bound to a size and the
    number of items, for each run of items of one size.
    """
    growth, batch = parts[0][0].growth, parts[0][0].batch
    sizes = several([(n, model.elements) for model, n in parts], growth, batch)
    codecs = []
    for model, n in parts:
        left = n
        while left:
            codecs.append(model.codec(sizes[-1]))
            left -= sizes.pop()
    return codecs


def decode_several(parts: list[tuple[Bound, int]], message: Message) -> NDArray[Any]:
    """The symbols of all items, flat."""
    symbols = [c for codec in batches_of(parts) for c in codec.pop(message)]
    return np.array(symbols, np.int64)


def block_macs(parts: list[tuple[Bound, int]]) -> int:
    """The MACs of all items and of the arrays of their batches."""
    total = coded = 0
    for model, n in reversed(parts):
        batches, done, before = 0, 0, coded // model.elements
        while done < n:
            size = min(min(max((before + done) * model.growth >> 8, 1), model.batch), n - done)
            count = (
                (n - done) // size if size == model.batch else 1
            )  # all later ones have this size
            batches, done = batches + count, done + count * size
        total += n * model.macs + batches * model.steps * 2**15
        coded += n * model.elements
    return total


def encode(model: Bound, symbols: NDArray[Any], start: bytes, lanes: int) -> Message:
    """Code the symbols [n, elements] of a block with the digest `start`."""
    message, end = initial(start, lanes), len(symbols)
    for size in schedule(len(symbols), model.growth, model.batch):
        model.codec(size).push(message, symbols[end - size : end].ravel().tolist())
        end -= size
    return message


def decode(model: Bound, message: Message, n: int) -> NDArray[Any]:
    """Decodes the symbols [n, elements]; `message` becomes the initial one."""
    batches = [
        model.codec(size).pop(message) for size in reversed(schedule(n, model.growth, model.batch))
    ]
    return np.array([c for batch in batches for c in batch], np.int64).reshape(n, model.elements)


def encode_set(
    model: Bound, symbols: NDArray[Any], key: Callable[[list[int]], bytes], start: bytes, lanes: int
) -> Message:
    """Code them as a multiset, ordered by the bytes that `key` makes of an item's symbols."""
    message = initial(start, lanes)
    picks = Picks((key(item), item) for item in symbols.tolist())
    for size in schedule(len(symbols), model.growth, model.batch):
        batch = picks.pop(message, size)
        model.codec(size).push(message, [c for _, item in batch for c in item])
    return message


def decode_set(
    model: Bound, message: Message, n: int, key: Callable[[list[int]], bytes]
) -> NDArray[Any]:
    """The symbols [n, elements] in the order of their bytes; `message` becomes the initial one."""
    picks = Picks()
    for size in reversed(schedule(n, model.growth, model.batch)):
        flat = model.codec(size).pop(message)
        items = [flat[at : at + model.elements] for at in range(0, len(flat), model.elements)]
        picks.push(message, [(key(item), item) for item in items])
    return np.array([item for _, item in picks.left], np.int64).reshape(n, model.elements)


def doubling(n: int) -> list[int]:
    """The sizes of the batches of planes that are multisets."""
    sizes: list[int] = []
    while (done := sum(sizes)) < n:
        sizes.append(min(max(done, 1), n - done))
    return sizes


def check_end(message: Message, of: bytes) -> None:
    """Checks that the message left after decoding is the initial one for the digest of the decoded
    items.
    """
    if message.canonical() != initial(of, len(message.heads)).canonical():
        raise MismatchError("the items that came out are not those that went in")
