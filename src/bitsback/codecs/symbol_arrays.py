"""Check, copy, compare, print and pickle the parameters and symbols of codecs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field
from functools import partial
from operator import index
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bitsback.errors import MessageError
from bitsback.lazy import cached_property


def check_precision(precision: int) -> None:
    """Raises MessageError unless 1 <= precision <= 24."""
    if not 1 <= precision <= 24:
        raise MessageError(f"a precision must be from 1 to 24, not {precision}")


def as_symbols(
    symbols: ArrayLike,
    dtype: DTypeLike,
    shape: tuple[int, ...],
    levels: int | None = None,
    low: int = 0,
) -> NDArray[Any]:
    """The symbols in C order, as `dtype`, an integer type.

    Raises MessageError if they are not integers, have another shape, or lie outside [low, low +
    levels - 1]. Without `levels` they must fit `dtype`.
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
    """Like `as_symbols`, for the core, which itself checks symbols that have the dtype already."""
    array = _integers(symbols, shape)
    if array.dtype != dtype:
        require_within(array, 0, levels - 1, "symbols")
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def as_one(symbols: ArrayLike, levels: int) -> int | None:
    """A single symbol below `levels` as an integer; None for anything else."""
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
    """Integer parameters as a read-only copy of `dtype`.

    what: their name for messages. from_floats: the method that accepts floats, for messages. Raises
    MessageError if they are not integers, or lie outside [low, high].
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        remedy = f"; {from_floats} takes floats" if from_floats and array.dtype.kind == "f" else ""
        raise MessageError(f"{what} must be integers, not {array.dtype}{remedy}")
    require_within(array, low, high, what)
    return kept(array, dtype)


def kept(values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """A read-only copy in C order.

    Codecs are values. They do not change with the arrays that they were made from.
    """
    array = np.array(values, dtype, order="C")
    array.flags.writeable = False
    return array


def require_within(
    array: NDArray[Any], low: float, high: float, what: str, bounds: str | None = None
) -> None:
    """Raises MessageError unless all numbers are within [low, high].

    The message has `what`, the limits as `bounds`, and the index and value of a wrong number.
    """
    if not array.size or (low <= array.min().item() and array.max().item() <= high):
        return
    # With a NaN, both the least and the greatest number are NaN.
    flat = array.argmax() if low <= array.min().item() else array.argmin()
    index = tuple(map(int, np.unravel_index(flat, array.shape)))
    where = f"and that at index {index} is" if index else "not"
    raise MessageError(
        f"{what} must lie in {bounds or f'[{low}, {high}]'}, {where} {array[index].item()}"
    )


def as_shape(shape: Any) -> tuple[int, ...]:
    """A number, or a sequence of numbers, as a shape. Raises MessageError for anything else."""
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
    """Broadcasts named parameters to one shape, to `shape` if it is given. Raises MessageError if
    they do not broadcast.
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


_FEW = 8
"""The greatest number of elements of an array to show."""


class ByValue:
    """The base of codecs, which makes them equal if they have the same class and equal parameters.

    Arrays are equal if their elements are; functions must be the same. An unpickled codec therefore
    equals the original. Cached values are not pickled.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def _value(self) -> tuple[Any, ...]:
        """The value that decides equality and the hash."""
        return type(self), *(plain(getattr(self, name)) for name in self.__dataclass_fields__)

    def __eq__(self, other: object) -> bool:
        return self._value() == other._value() if isinstance(other, ByValue) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value())

    def __repr__(self) -> str:
        shown = (f"{name}={short(getattr(self, name))}" for name in self.__dataclass_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __getstate__(self) -> dict[str, Any]:
        kind = type(self)
        return {
            name: value
            for name, value in vars(self).items()
            if not isinstance(getattr(kind, name, None), cached_property)
        }


def plain(value: Any) -> Any:
    """A parameter as a value that can be compared and hashed."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    if isinstance(value, Mapping):
        return tuple((name, plain(part)) for name, part in value.items())
    if isinstance(value, slice):
        return slice, value.start, value.stop, value.step
    if isinstance(value, partial):
        return partial, value.func, plain(value.args), plain(value.keywords)
    return value


def short(value: Any) -> str:
    """A parameter in one line. Large arrays show dtype and shape, functions their name."""
    if isinstance(value, np.ndarray):
        if value.size <= _FEW:
            return repr(value.tolist())
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    if isinstance(value, list):
        return f"[{', '.join(map(short, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(short, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name!r}: {short(part)}' for name, part in value.items())}}}"
    if isinstance(value, np.dtype):
        return str(value)
    if hasattr(value, "__qualname__"):
        return str(value.__qualname__).rpartition("<locals>.")[2]
    return repr(value)
