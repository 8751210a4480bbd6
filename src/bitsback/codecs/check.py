"""Whether a codec keeps the laws of codecs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bitsback.codecs.base import Codec
from bitsback.codecs.information import total
from bitsback.errors import CodecError, MessageExhausted
from bitsback.message import Message

_MESSAGES = [(seed, lanes) for seed, lanes in enumerate((1, 1, 2, 3, 4, 8, 1, 1, 2, 4, 1, 1))]
"""Seeds and numbers of lanes."""
_SLACK = 0.01
"""How much more or less than its information a symbol may take: what a small head rounds."""


def check_codec(codec: Codec[Any], symbols: Any) -> None:
    """Tries both laws of codecs with these symbols, and `bits`, on random messages.

    symbols: as the codec pops them: the items of a `Multiset` in their order.
    A codec breaks the first law if pop does not give back what was pushed, or not the message; the
    second, if push does not give back a message that was popped from; and `bits`, if a push makes
    messages grow by something else, further off than heads round and than latents vary; of a codec
    that first takes bits to choose latents with, only that `bits` is a number. An error that the
    codec raises must leave the message as it was, and is raised again.
    Raises CodecError, which says what is broken, and on which message.

    >>> from bitsback import Bernoulli, check_codec
    >>> check_codec(Bernoulli.from_probability([0.1, 0.9]), [0, 1])
    """
    growths = []
    for seed, lanes in _MESSAGES:
        message = Message.random(seed, lanes)
        where = f" (Message.random({seed}, lanes={lanes}))"
        before, held = message.to_bytes(), message.bits

        _try(lambda m: codec.push(m, symbols), message, "push", where)
        growths.append(message.bits - held)
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

        popped = _try(codec.pop, message, "pop", where)
        _try(lambda m, x=popped: codec.push(m, x), message, "push", where)
        if message.to_bytes() != before:
            raise CodecError(
                f"the second law is broken: after {_short(popped)} was popped and pushed, the"
                f" message is another one{where}"
            )
    _check_bits(codec, symbols, growths)


def _check_bits(codec: Codec[Any], symbols: Any, growths: list[float]) -> None:
    each = codec.bits(symbols)
    bits = total(each)
    if np.asarray(each).dtype != np.float64 or not np.isfinite(bits):
        raise CodecError(f"bits must be finite numbers of float64, not {_short(each)}")
    if _takes_bits(codec, symbols):
        return
    # Without latents all growths are the same but for rounding.
    slack = _SLACK * (1 + _count(symbols) + abs(bits)) + 8 * float(np.ptp(growths))
    if abs(bits - float(np.mean(growths))) > slack:
        raise CodecError(
            f"bits says {bits:.3f}, but a push makes a message grow by {np.mean(growths):.3f} bits"
        )


def _takes_bits(codec: Codec[Any], symbols: Any) -> bool:
    """Whether it pops before it pushes, so that what it costs is what latents make of it."""
    try:
        codec.push(Message([1 << 32]), symbols)
    except MessageExhausted:
        return True
    return False


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
