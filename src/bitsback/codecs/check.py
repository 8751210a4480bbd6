"""Check that a codec keeps the laws of codecs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs.codec import Codec
from bitsback.codecs.exact_functions import total
from bitsback.codecs.push_traces import Entry, calls, difference, ledger
from bitsback.errors import CodecError, MessageExhausted
from bitsback.message import Message

_MESSAGES = [(seed, lanes) for seed, lanes in enumerate((1, 1, 2, 3, 4, 8, 1, 1, 2, 4, 1, 1))]
"""Seeds and numbers of lanes."""
_SLACK = 0.01
"""The most bits by which the cost of a symbol may differ from its information: a small head rounds.
"""


def check_codec(codec: Codec[Any], symbols: Any, *, lanes: int = 1) -> None:
    """Tests both laws of codecs, and `bits`, with these symbols on random messages.

    symbols: as the codec pops them, such as the items of a `Multiset` in order. lanes: the least
    number of lanes of the messages, for codecs that need several.

    By the first law, a pop after a push must restore the symbols and the message. By the second, a
    push after a pop must restore the message. A push must make the message grow by `bits`, up to
    the rounding of heads. If a codec pops latents before it pushes, the cost of a push depends on
    the latents. Each codec that takes part is then compared with its own `bits`. If the codec
    raises an error, the message must be unchanged, and the error is raised again.

    Pushes and pops must call functions that return codecs with arguments of the same dtype, shape
    and contiguity, since arithmetic depends on them (`one_form`). Integers of other dtypes, in
    Fortran order, or in lists must be pushed as the same bits, or raise. Raises CodecError, which
    says what is broken, and for which message.

    >>> from bitsback.codecs import Bernoulli, check_codec
    >>> check_codec(Bernoulli.from_probability([0.1, 0.9]), [0, 1])
    """
    pushes: list[tuple[list[Entry], str]] = []
    for seed, some in _MESSAGES:
        message = Message.random(seed, max(some, lanes))
        where = f" (Message.random({seed}, lanes={message.lanes}))"
        before = message.to_bytes()

        entries = ledger(partial(_try, partial(_pushed, codec, symbols), message, "push", where))
        pushes.append((entries, where))
        popped = _try(codec.pop, message, "pop", where)
        if not _same(popped, symbols):
            raise CodecError(
                f"the first law is broken: {_short(symbols)} was pushed, and {_short(popped)}"
                f" popped{where}"
            )
        if message.to_bytes() != before:
            raise CodecError(
                "the first law is broken: after push and pop the message is another one" + where
            )

        popped, of_pop = calls(partial(_try, codec.pop, message, "pop", where))
        push = partial(_try, partial(_pushed, codec, popped), message, "push", where)
        _, of_push = calls(push)
        if message.to_bytes() != before:
            raise CodecError(
                f"the second law is broken: after {_short(popped)} was popped and pushed, the"
                f" message is another one{where}"
            )
        if differs := difference(of_push, of_pop):
            raise CodecError(f"{differs}: bring symbols to one form, as one_form does{where}")
    _check_forms(codec, symbols, lanes)
    for entries, where in pushes:
        for entry in entries:
            _check_entry(entry, where)
    growths = [math.fsum(entry.growth for entry in entries) for entries, _ in pushes]
    _check_bits(codec, symbols, growths)


def _check_forms(codec: Codec[Any], symbols: Any, lanes: int) -> None:
    """Checks that a push gives the same for all forms of the symbols, unless the codec refuses a
    form.
    """
    begun = Message.random(1, max(2, lanes))
    message = begun.copy()
    codec.push(message, symbols)
    popped = codec.pop(message)
    codec.push(message, popped)
    for name, form in _FORMS.items():
        other = begun.copy()
        try:
            _try(partial(_pushed, codec, _in_form(popped, form)), other, "push", f" of {name}")
        except CodecError:
            raise
        except Exception:
            continue
        if other != message:
            raise CodecError(
                f"symbols are pushed as other bits if they are given as {name}: bring them to one"
                f" form, as one_form does ({_short(popped)})"
            )


def _least(array: NDArray[Any]) -> NDArray[Any]:
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    return array.astype(np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high)))


def _with_gaps(array: NDArray[Any]) -> NDArray[Any]:
    return np.stack([array, array + 1], -1)[..., 0]


_FORMS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "arrays of the least dtype": _least,
    "arrays of int64": lambda array: array.astype(np.int64),
    "arrays in Fortran order": lambda array: np.array(array, order="F"),
    "arrays that are not contiguous": _with_gaps,
    "lists": lambda array: array.tolist(),
}


def _in_form(symbols: Any, form: Callable[[NDArray[Any]], Any]) -> Any:
    """The symbols with another form of each array of integers."""
    if isinstance(symbols, Mapping):
        return {name: _in_form(part, form) for name, part in symbols.items()}
    if type(symbols) in (tuple, list):
        return type(symbols)(_in_form(part, form) for part in symbols)
    is_array = isinstance(symbols, np.ndarray | np.integer) and symbols.dtype.kind in "iu"
    return form(np.asarray(symbols)) if is_array else symbols


def _check_entry(entry: Entry, where: str) -> None:
    """Checks that a push costs what `bits` says, or the sum of the pushes and pops that it consists
    of, if each of these costs what its own `bits` says.
    """
    bits = _bits(entry.codec, entry.symbols)
    growth = entry.growth if entry.pushed else -entry.growth
    if abs(bits - growth) <= _slack(entry.symbols, bits):
        return
    for part in entry.parts:
        _check_entry(part, where)
    if not entry.parts and not _takes_bits(entry.codec, entry.symbols):
        raise CodecError(
            f"bits of {type(entry.codec).__name__} says {bits:.3f}, but a push makes a message grow"
            f" by {growth:.3f} bits{where}"
        )


def _check_bits(codec: Codec[Any], symbols: Any, growths: list[float]) -> None:
    bits = _bits(codec, symbols)
    # Without latents all growths are the same, up to rounding.
    slack = _slack(symbols, bits) + 8 * float(np.ptp(growths))
    if abs(bits - float(np.mean(growths))) > slack:
        raise CodecError(
            f"bits says {bits:.3f}, but a push makes a message grow by {np.mean(growths):.3f} bits"
        )


def _takes_bits(codec: Codec[Any], symbols: Any) -> bool:
    """Whether it pops before it pushes."""
    try:
        codec.push(Message([1 << 32]), symbols)
    except MessageExhausted:
        return True
    return False


def _bits(codec: Codec[Any], symbols: Any) -> float:
    each = codec.bits(symbols)
    bits = total(each)
    if np.asarray(each).dtype != np.float64 or not np.isfinite(bits):
        raise CodecError(f"bits must be finite numbers of float64, not {_short(each)}")
    return bits


def _slack(symbols: Any, bits: float) -> float:
    return _SLACK * (1 + _count(symbols) + abs(bits))


def _pushed(codec: Codec[Any], symbols: Any, message: Message) -> None:
    codec.push(message, symbols)


def _try(step: Any, message: Message, name: str, where: str) -> Any:
    before = message.to_bytes()
    try:
        return step(message)
    except Exception as error:
        if message.to_bytes() != before:
            raise CodecError(
                f"a {name} that raised {type(error).__name__} has changed the message{where}"
            ) from error
        raise


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(_same(part, other[name]) for name, part in one.items())
        )
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    return np.array_equal(one, other)


def _count(symbols: Any) -> int:
    if isinstance(symbols, Mapping):
        return sum(map(_count, symbols.values()))
    if isinstance(symbols, tuple | list):
        return sum(map(_count, symbols))
    return int(np.size(symbols))


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
