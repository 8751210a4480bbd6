"""What functions of symbols are given: one form, whichever direction codes.

A likelihood, a posterior, the step of an autoregressive codec compute distributions from symbols.
When a push calls them, the symbols are as a user has them: a list, uint8, a view in Fortran order.
When a pop calls them, they are as some codec pops them. Arithmetic depends on the dtype, and so may
sums of floats on the order of memory, so `one_form` brings both to the same form.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs.base import Codec, is_codec
from bitsback.errors import MessageError


def one_form(symbols: Any) -> Any:
    """A copy of these symbols in the form in which functions are given them.

    Integers, of any dtype or Python's own, become an array of int64, floats one of float64, both in
    C order and of the same shape, () for a number. Parts, in a list or a tuple, become one array
    with an axis in front if they are arrays of one shape, and a tuple otherwise; a named tuple and
    a dict stay what they are. Whatever else a codec pops stays as it is. Raises MessageError for
    integers outside of int64.

    >>> one_form(np.array([[250, 7]], np.uint8))
    array([[250,   7]])
    >>> one_form(([1, 2], [3, 4])).tolist(), one_form(True).dtype
    ([[1, 2], [3, 4]], dtype('int64'))
    """
    if isinstance(symbols, Mapping):
        return {name: one_form(part) for name, part in symbols.items()}
    if isinstance(symbols, tuple) and hasattr(symbols, "_make"):
        return symbols._make(map(one_form, symbols))
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
        array = np.asarray(parts)  # of many numbers at once
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
    """The codec that `function` makes of the symbols, which it is given in their one form.
    MessageError, with its name, if that is no codec.
    """
    return returned(name, function(*map(one_form, symbols)))


def returned(name: str, made: Any) -> Codec[Any]:
    """What a function has returned, if it is a codec; MessageError, with its name, if not."""
    if not is_codec(made):
        raise MessageError(f"{name} must return a codec, and has returned {type(made).__name__}")
    codec: Codec[Any] = made
    return codec


def alike(one: Any, other: Any) -> bool:
    """Whether functions are given the same of both: symbols of the same kind, shape and values."""
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
