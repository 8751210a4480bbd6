"""What a codec is, and what its parts share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from operator import index
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bitsback.codecs.information import Bits
from bitsback.errors import MessageError
from bitsback.message import Message

Symbols = TypeVar("Symbols")
Step = TypeVar("Step", bound=Callable[..., Any])


class Codec(Protocol[Symbols]):
    """One distribution over arrays of symbols, as a bijection on messages.

    push and pop change the message in place, and keep two laws:

    1. after `push(m, x)`, `pop(m)` gives x back, and m is bit for bit what it was before;
    2. after `x = pop(m)`, `push(m, x)` gives m back bit for bit, for any valid message.

    Whatever either raises, the message is as it was before the call. `check_codec` tries all this.
    A codec that pushes and pops by others does so within `with message:`, so that no other thread
    gets between.

    A codec of one's own is a class with these three methods, mostly by those of others. Here pairs
    of numbers whose second is not below the first:

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
    >>> import bitsback
    >>> bitsback.check_codec(codec, (3, 8))
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
        """What a push of these symbols costs: -log2 of their exact probability, in bits.

        Float64 of the shape of the symbols where each has a cost of its own, and one number for all
        together otherwise, so that np.sum is the whole. A codec that has bits back costs what the
        latents make of it, and this is a sample: what a push to `Message.random()` costs, of a
        `BitsBack`. For people, not for coding.
        """


@contextmanager
def undoing(undo: Callable[[], object]) -> Iterator[None]:
    """Runs `undo`, which puts the message back to what it was, if the body raises."""
    try:
        yield
    except BaseException:
        undo()
        raise


def one_step(method: Step) -> Step:
    """A push or a pop that is made of several, during which the thread holds the message: another
    one that uses it meanwhile gets a MessageError.
    """

    @wraps(method)
    def held(self: object, message: Message, *args: Any, **kwargs: Any) -> Any:
        with message:
            return method(self, message, *args, **kwargs)

    return cast(Step, held)


def check_precision(precision: int) -> None:
    """MessageError unless 1 <= precision <= 24."""
    if not 1 <= precision <= 24:
        raise MessageError(f"a precision must be from 1 to 24, not {precision}")


def as_symbols(symbols: ArrayLike, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """The symbols, C-ordered, as `dtype`, one of integers; MessageError if they are no integers, do
    not fit, or differ in shape.
    """
    array, info = np.asarray(symbols), np.iinfo(dtype)
    if array.shape != shape:
        raise MessageError(f"this codec codes symbols of shape {shape}, not {array.shape}")
    if array.dtype == dtype:
        return np.asarray(array, order="C")
    if array.dtype.kind not in "biu":
        raise MessageError(f"symbols are integers, not {array.dtype}")
    if array.size and not info.min <= int(array.min()) <= int(array.max()) <= info.max:
        raise MessageError(f"symbols must lie in [{info.min}, {info.max}] to fit {np.dtype(dtype)}")
    return np.asarray(array, dtype, order="C")


def as_parameters(
    values: ArrayLike, dtype: type[np.integer[Any]], what: str, low: int, high: int
) -> NDArray[Any]:
    """Integer parameters as a C-ordered array of `dtype`; MessageError, which says `what` they are,
    if they are no integers or lie outside [low, high].
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise MessageError(f"{what} must be integers, not {array.dtype}")
    if array.size and not low <= int(array.min()) <= int(array.max()) <= high:
        found = int(array.min()) if int(array.min()) < low else int(array.max())
        raise MessageError(f"{what} must lie within [{low}, {high}], and one is {found}")
    return np.asarray(array, dtype, order="C")


def require_below(symbols: NDArray[Any], levels: int) -> None:
    """MessageError unless all symbols are below `levels`."""
    if symbols.size and int(symbols.max()) >= levels:
        raise MessageError(f"the symbol {int(symbols.max())} is not below {levels}")


def require_functions(**functions: Any) -> None:
    """MessageError, with its name, for what cannot be called."""
    for name, function in functions.items():
        if not callable(function):
            raise MessageError(f"{name} must be a function, not {type(function).__name__}")


def require_codecs(**codecs: Any) -> None:
    """MessageError, with its name, for what has no push and pop."""
    for name, codec in codecs.items():
        if not (callable(getattr(codec, "push", None)) and callable(getattr(codec, "pop", None))):
            raise MessageError(f"{name} must be a codec, not {type(codec).__name__}")


def as_shape(shape: Any) -> tuple[int, ...]:
    """A number, or a sequence of them, as a shape; MessageError if it is none."""
    try:
        sizes = tuple(map(index, (shape,) if isinstance(shape, int) else shape))
    except TypeError as error:
        raise MessageError(f"a shape is a tuple of integers, not {shape!r}") from error
    if min(sizes, default=0) < 0:
        raise MessageError(f"the sizes of a shape are from 0 on, not {sizes}")
    return sizes


def together(*parameters: tuple[str, ArrayLike]) -> list[NDArray[Any]]:
    """Parameters, each with its name, of one shape: MessageError if they do not broadcast."""
    arrays = [np.asarray(values) for _, values in parameters]
    try:
        return list(np.broadcast_arrays(*arrays))
    except ValueError as error:
        shapes = ", ".join(
            f"{name} {array.shape}" for (name, _), array in zip(parameters, arrays, strict=True)
        )
        raise MessageError(f"these shapes do not fit each other: {shapes}") from error
