"""What a codec is, and what its parts share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from operator import index
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bitsback.codecs.information import Bits
from bitsback.errors import MessageError, MessageExhausted
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


class naming:  # noqa: N801 - as the context managers of contextlib
    """Puts the name of a part before what a MessageError of its codec says."""

    def __init__(self, part: str, number: object = "") -> None:
        self._part, self._number = part, number

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, MessageError) and not isinstance(error, MessageExhausted):
            name = f"{self._part} {self._number}".rstrip()
            raise MessageError(f"{name}: {error}") from error


def check_precision(precision: int) -> None:
    """MessageError unless 1 <= precision <= 24."""
    if not 1 <= precision <= 24:
        raise MessageError(f"a precision must be from 1 to 24, not {precision}")


def as_symbols(
    symbols: ArrayLike,
    dtype: DTypeLike,
    shape: tuple[int, ...],
    levels: int | None = None,
    low: int = 0,
) -> NDArray[Any]:
    """The symbols, C-ordered, as `dtype`, one of integers; MessageError if they are no integers,
    differ in shape, or lie outside [low, low + levels - 1], or without `levels` do not fit `dtype`.
    """
    array = _integers(symbols, shape)
    if levels is not None:
        require_within(array, low, low + levels - 1, "symbols")
    elif array.dtype != dtype:
        info = np.iinfo(dtype)
        bounds = f"[{info.min}, {info.max}] to fit {info.dtype}"
        require_within(array, int(info.min), int(info.max), "symbols", bounds)
    return np.asarray(array, dtype, order="C")


def as_pushed(
    symbols: ArrayLike, dtype: DTypeLike, shape: tuple[int, ...], levels: int
) -> NDArray[Any]:
    """As `as_symbols`, for the core, which itself checks symbols that have the dtype already."""
    array = _integers(symbols, shape)
    if array.dtype != dtype:
        require_within(array, 0, levels - 1, "symbols")
    return np.asarray(array, dtype, order="C")


def as_one(symbols: ArrayLike, levels: int) -> int | None:
    """A single symbol below `levels` as an integer, or None for whatever else."""
    if isinstance(symbols, np.ndarray | np.generic) and not symbols.shape:
        symbols = symbols.item()
    return symbols if type(symbols) is int and 0 <= symbols < levels else None


def _integers(symbols: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    array = np.asarray(symbols)
    if array.shape != shape:
        raise MessageError(f"this codec codes symbols of shape {shape}, not {array.shape}")
    if array.dtype.kind not in "biu":
        raise MessageError(f"symbols are integers, not {array.dtype}")
    return array


def as_parameters(
    values: ArrayLike,
    dtype: type[np.integer[Any]],
    what: str,
    low: int,
    high: int,
    from_floats: str | None = None,
) -> NDArray[Any]:
    """Integer parameters as `kept` in `dtype`; MessageError, which says `what` they are, if they
    are no integers or lie outside [low, high]. from_floats: what makes a codec of floats.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        remedy = f"; {from_floats} takes floats" if from_floats and array.dtype.kind == "f" else ""
        raise MessageError(f"{what} must be integers, not {array.dtype}{remedy}")
    require_within(array, low, high, what)
    return kept(array, dtype)


def kept(values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """A C-ordered copy that cannot be written to: codecs are values, and stay what they are when
    the array that they were made of changes.
    """
    array = np.array(values, dtype, order="C")
    array.flags.writeable = False
    return array


def require_within(
    array: NDArray[Any], low: float, high: float, what: str, bounds: str | None = None
) -> None:
    """MessageError, with `what` they are, and the index and value of one, unless all numbers are
    within [low, high], which is shown as `bounds`.
    """
    if not array.size or (low <= array.min().item() and array.max().item() <= high):
        return
    # A NaN is the least number and the greatest.
    flat = array.argmax() if low <= array.min().item() else array.argmin()
    index = tuple(map(int, np.unravel_index(flat, array.shape)))
    where = f"and that at index {index} is" if index else "not"
    raise MessageError(
        f"{what} must lie in {bounds or f'[{low}, {high}]'}, {where} {array[index].item()}"
    )


def require_functions(**functions: Any) -> None:
    """MessageError, with its name, for what cannot be called."""
    for name, function in functions.items():
        if not callable(function):
            raise MessageError(f"{name} must be a function, not {type(function).__name__}")


def is_codec(value: Any) -> bool:
    """Whether it has push and pop."""
    return callable(getattr(value, "push", None)) and callable(getattr(value, "pop", None))


def require_codecs(**codecs: Any) -> None:
    """MessageError, with its name, for what has no push and pop."""
    for name, codec in codecs.items():
        if not is_codec(codec):
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


def together(
    *parameters: tuple[str, ArrayLike], shape: tuple[int, ...] | None = None
) -> list[NDArray[Any]]:
    """Parameters, each with its name, of one shape, `shape` if there is one: MessageError if they
    do not broadcast.
    """
    arrays = [np.asarray(values) for _, values in parameters]
    try:
        if shape is not None:
            return [np.broadcast_to(array, as_shape(shape)) for array in arrays]
        return list(np.broadcast_arrays(*arrays))
    except ValueError as error:
        shapes = [
            f"{name} {array.shape}" for (name, _), array in zip(parameters, arrays, strict=True)
        ]
        shapes += [] if shape is None else [f"shape {shape}"]
        raise MessageError(f"these shapes do not fit each other: {', '.join(shapes)}") from error
