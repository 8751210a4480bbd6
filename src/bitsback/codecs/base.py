"""What a codec is, and what its parts share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback.errors import MessageError
from bitsback.message import Message

Symbols = TypeVar("Symbols")


class Codec(Protocol[Symbols]):
    """One distribution over arrays of symbols, as a bijection on messages.

    Both change the message in place, and keep two laws:

    1. after `push(m, x)`, `pop(m)` gives x back, and m is bit for bit what it was before;
    2. after `x = pop(m)`, `push(m, x)` gives m back bit for bit, for any valid message.

    Whatever either raises, the message is as it was before the call.

    Uniform numbers of eight bits, to which everybody's own codec can be compared:

    >>> from bitsback.codecs import Categorical, Uniform
    >>> codec: Codec = Uniform(256, shape=(2,))
    >>> message = Message([1 << 63])
    >>> codec.push(message, [3, 250])
    >>> codec.pop(message).tolist()
    [3, 250]
    """

    def push(self, message: Message, symbols: Symbols) -> None:
        """Adds the symbols to the message: it grows by their information, -log2 of their
        probability, in bits.
        """

    def pop(self, message: Message) -> Symbols:
        """Takes symbols off the message: it shrinks by their information. Random bits give random
        samples.
        """


@contextmanager
def undoing(undo: Callable[[], object]) -> Iterator[None]:
    """Runs `undo`, which puts the message back to what it was, if the body raises."""
    try:
        yield
    except BaseException:
        undo()
        raise


def bits_of(frequency: NDArray[Any], precision: int) -> NDArray[np.float64]:
    """The information of symbols with these frequencies out of 2^precision: bits, for people and
    not for coding.
    """
    return precision - np.log2(frequency.astype(np.float64))


def check_precision(precision: int) -> None:
    """MessageError unless 1 <= precision <= 24."""
    if not 1 <= precision <= 24:
        raise MessageError(f"a precision must be from 1 to 24, not {precision}")


def as_symbols(
    symbols: ArrayLike, dtype: type[np.unsignedinteger[Any]], shape: tuple[int, ...]
) -> NDArray[Any]:
    """The symbols, C-ordered, as `dtype`; MessageError if they are no integers, do not fit, or
    differ in shape.
    """
    array = np.asarray(symbols)
    if array.shape != shape:
        raise MessageError(f"this codec codes symbols of shape {shape}, not {array.shape}")
    if array.dtype == dtype:
        return np.asarray(array, order="C")
    if array.dtype.kind not in "biu":
        raise MessageError(f"symbols are integers, not {array.dtype}")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= np.iinfo(dtype).max:
        raise MessageError(
            f"symbols must lie in [0, {np.iinfo(dtype).max}] to fit {np.dtype(dtype)}"
        )
    return np.asarray(array, dtype, order="C")


def as_parameters(values: ArrayLike, dtype: type[np.integer[Any]], what: str) -> NDArray[Any]:
    """Integer parameters as a C-ordered array of `dtype`; MessageError if they are no integers or
    do not fit.
    """
    array = np.asarray(values)
    if array.dtype == dtype:
        return np.asarray(array, order="C")
    info = np.iinfo(dtype)
    if array.dtype.kind not in "iu":
        raise MessageError(f"{what} must be integers, not {array.dtype}")
    if array.size and not (info.min <= int(array.min()) and int(array.max()) <= info.max):
        raise MessageError(f"{what} must fit {np.dtype(dtype)}")
    return np.asarray(array, dtype, order="C")
