"""The protocol of codecs, and the helpers that combinators share.

Functions of symbols, such as a likelihood or the step of an autoregressive codec, compute
distributions. When a push calls them, the symbols are in the user's form: a list, uint8, a view in
Fortran order. When a pop calls them, they are in the form in which some codec pops them. Arithmetic
depends on the dtype, and sums of floats may depend on the order in memory, so `one_form` brings
both to the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs.exact_functions import Bits
from bitsback.errors import MessageError, MessageExhausted
from bitsback.message import Message

Symbols = TypeVar("Symbols")


Step = TypeVar("Step", bound=Callable[..., Any])


class Codec(Protocol[Symbols]):
    """One distribution over arrays of symbols, as a bijection on messages.

    push and pop change the message in place, and keep two laws:

    1. after `push(m, x)`, `pop(m)` gives x back, and m is bit for bit what it was before;
    2. after `x = pop(m)`, `push(m, x)` gives m back bit for bit, for any valid message.

    If either raises, it leaves the message as it was before the call. `check_codec` tests all this.
    A codec that calls other codecs does so within `with message:`, so that no other thread can
    interfere.

    Any class with these three methods is a codec; most call those of other codecs. This one codes
    pairs of numbers whose second is not below the first:

    >>> from bitsback.codecs import Uniform
    >>> class Ordered:
    ...     def push(self, message, pair):
    ...         with message:
    ...             Uniform(10 - pair[0], shape=()).push(message, pair[1] - pair[0])
    ...             Uniform(10, shape=()).push(message, pair[0])
    ...     def pop(self, message):
    ...         with message:
    ...             first = int(Uniform(10, shape=()).pop(message))
    ...             return first, first + int(Uniform(10 - first, shape=()).pop(message))
    ...     def bits(self, pair):
    ...         return Uniform(10, ()).bits(0) + Uniform(10 - pair[0], ()).bits(0)
    >>> codec: Codec = Ordered()
    >>> message = Message()
    >>> codec.push(message, (3, 8))
    >>> codec.pop(message)
    (3, 8)
    >>> from bitsback.codecs import check_codec
    >>> check_codec(codec, (3, 8))
    """

    def push(self, message: Message, symbols: Symbols) -> None:
        """Adds the symbols to the message: it grows by their information, -log2 of their
        probability, in bits.
        """

    def pop(self, message: Message) -> Symbols:
        """Takes symbols off the message: it shrinks by their information. Random bits give random
        samples.
        """

    def bits(self, symbols: Symbols) -> Bits:
        """The cost of a push of these symbols: -log2 of their exact probability, in bits.

        Float64 of the shape of the symbols if each has a cost of its own, otherwise one number for
        all together, so that np.sum gives the total. With bits back the cost depends on the
        latents, and this is a sample: for a `BitsBack`, the cost of a push to `Message.random()`.
        It is for people, not for coding.
        """


@contextmanager
def undoing(undo: Callable[[], object]) -> Iterator[None]:
    """Runs `undo`, which restores the message, if the body raises."""
    try:
        yield
    except BaseException:
        undo()
        raise


def one_step(method: Step) -> Step:
    """A decorator for a push or a pop that consists of several. The thread locks the message.

    Another thread that uses the message meanwhile gets a MessageError.
    """

    @wraps(method)
    def held(self: object, message: Message, *args: Any, **kwargs: Any) -> Any:
        with message:
            return method(self, message, *args, **kwargs)

    return cast(Step, held)


class naming:  # noqa: N801 - as the context managers of contextlib
    """Prefixes a MessageError of a part's codec with the name of the part."""

    def __init__(self, part: str, number: object = "") -> None:
        self._part, self._number = part, number

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, MessageError) and not isinstance(error, MessageExhausted):
            name = f"{self._part} {self._number}".rstrip()
            raise MessageError(f"{name}: {error}") from error


def require_functions(**functions: Any) -> None:
    """Raises MessageError, with its name, for anything that is not callable."""
    for name, function in functions.items():
        if not callable(function):
            raise MessageError(f"{name} must be a function, not {type(function).__name__}")


def is_codec(value: Any) -> bool:
    """Whether it has push and pop."""
    return callable(getattr(value, "push", None)) and callable(getattr(value, "pop", None))


def require_codecs(**codecs: Any) -> None:
    """Raises MessageError, with its name, for anything without push and pop."""
    for name, codec in codecs.items():
        if not is_codec(codec):
            raise MessageError(f"{name} must be a codec, not {type(codec).__name__}")


def one_form(symbols: Any) -> Any:
    """A copy of these symbols in the form that functions get.

    Integers of any dtype, or Python's own, become an array of int64, and floats one of float64.
    Both are in C order and keep their shape, which is () for a number. A list or a tuple of arrays
    of one shape becomes one array with an additional first axis. Other lists and tuples become a
    tuple. A named tuple and a dict keep their types. Other symbols are unchanged. Raises
    MessageError for integers outside of int64.

    >>> one_form(np.array([[250, 7]], np.uint8))
    array([[250,   7]])
    >>> one_form(([1, 2], [3, 4])).tolist(), one_form(True).dtype
    ([[1, 2], [3, 4]], dtype('int64'))
    """
    if isinstance(symbols, Mapping):
        return {name: one_form(part) for name, part in symbols.items()}
    if isinstance(symbols, tuple) and hasattr(symbols, "_make"):
        return type(symbols)(*map(one_form, symbols))
    if isinstance(symbols, tuple | list):
        return _joined(symbols)
    array = np.asarray(symbols)
    if array.dtype.kind in "biu":
        return _int64(array)
    if array.dtype.kind == "f":
        return array.astype(np.float64, order="C")
    if isinstance(symbols, int):
        raise MessageError(f"functions of symbols are given int64, which cannot hold {symbols}")
    return symbols


def _joined(parts: tuple[Any, ...] | list[Any]) -> Any:
    try:
        array = np.asarray(parts)  # faster than one by one for many numbers
    except ValueError:  # their shapes differ
        array = np.empty(0, object)
    if array.dtype.kind in "biu":
        return _int64(array)
    each = tuple(map(one_form, parts))
    arrays = [part for part in each if isinstance(part, np.ndarray) and part.dtype.kind in "if"]
    if len(arrays) < len(each) or len({part.shape for part in arrays}) > 1:
        return each
    return np.stack(arrays) if arrays else np.empty(0, np.int64)


def _int64(array: NDArray[Any]) -> NDArray[np.int64]:
    if array.dtype.itemsize == 8 and array.dtype.kind == "u" and array.size:
        most = int(array.max())
        if most > np.iinfo(np.int64).max:
            raise MessageError(f"functions of symbols are given int64, which cannot hold {most}")
    return array.astype(np.int64, order="C")


def codec_from(name: str, function: Callable[..., Any], *symbols: Any) -> Codec[Any]:
    """The codec that `function` returns for the symbols, which it gets in their one form. Raises
    MessageError, with its name, if that is no codec.
    """
    return returned(name, function(*map(one_form, symbols)))


def returned(name: str, made: Any) -> Codec[Any]:
    """The return value of a function. Raises MessageError, with the name, if it is no codec."""
    if not is_codec(made):
        raise MessageError(f"{name} must return a codec, and has returned {type(made).__name__}")
    codec: Codec[Any] = made
    return codec


def alike(one: Any, other: Any) -> bool:
    """Whether functions get the same symbols for both: of the same kind, shape and values."""
    return _equal(one_form(one), one_form(other))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return getattr(one, "dtype", None) == getattr(other, "dtype", None) and np.array_equal(
            one, other
        )
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
