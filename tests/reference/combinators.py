"""Codecs of parts that depend on each other (docs/codecs.md)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor, fsum, sqrt
from struct import unpack
from typing import Any

from .codecs import TABLES, Array, BitsBack, Codec
from .message import Message
from .weights import Weighted

X = unpack("<1024I", (TABLES / "exp2.bin").read_bytes())


@dataclass
class Named:
    codecs: Mapping[str, Codec]

    def push(self, message: Message, symbols: Mapping[str, Any]) -> None:
        for name in reversed(list(self.codecs)):
            self.codecs[name].push(message, symbols[name])

    def pop(self, message: Message) -> dict[str, Any]:
        return {name: codec.pop(message) for name, codec in self.codecs.items()}


@dataclass
class OnLanes:
    codec: Codec
    lanes: slice | Sequence[int]

    def push(self, message: Message, symbols: Any) -> None:
        part = self._part(message)
        self.codec.push(part, symbols)
        self._take_back(message, part)

    def pop(self, message: Message) -> Any:
        part = self._part(message)
        popped = self.codec.pop(part)
        self._take_back(message, part)
        return popped

    def _part(self, message: Message) -> Message:
        return Message([message.heads[i] for i in self._of(message)], message.tail, message.depth)

    def _take_back(self, message: Message, part: Message) -> None:
        message.tail, message.depth = part.tail, part.depth
        for i, head in zip(self._of(message), part.heads, strict=True):
            message.heads[i] = head

    def _of(self, message: Message) -> Sequence[int]:
        lanes = self.lanes
        return range(len(message.heads))[lanes] if isinstance(lanes, slice) else lanes


@dataclass
class Dependent:
    """From the parts so far to the codec of the next one, or None."""

    codec_after: Callable[[Sequence[Any]], Codec | None]

    def push(self, message: Message, symbols: Sequence[Any]) -> None:
        for count in reversed(range(len(symbols))):
            codec = self.codec_after(symbols[:count])
            assert codec is not None
            codec.push(message, symbols[count])

    def pop(self, message: Message) -> tuple[Any, ...]:
        parts: list[Any] = []
        while (codec := self.codec_after(parts)) is not None:
            parts.append(codec.pop(message))
        return tuple(parts)


def log2(f: int) -> float:
    e = f.bit_length()
    m = f / 2**e
    if m < sqrt(0.5):
        m, e = 2 * m, e - 1
    s = (m - 1) / (m + 1)
    t = 0.0
    for k in range(23, 0, -2):
        t = t * (s * s) + 1 / k
    return e + s * t * 2.8853900817779268


def bits(distributions: Sequence[Any], symbols: Sequence[int]) -> Iterator[float]:
    """The bits of each symbol."""
    for d, c in zip(distributions, symbols, strict=True):
        yield d.precision - log2(d.cumulative(c + 1) - d.cumulative(c))


@dataclass
class LatentMixture:
    """A latent mixture of codecs of one step each."""

    weights: Sequence[float]
    codecs: Sequence[Array]

    def posterior(self, x: Sequence[int]) -> Array:
        b = [fsum(bits(codec.distributions, x)) for codec in self.codecs]
        prior = Weighted(self.weights).starts
        found = []
        for k, of_k in enumerate(b):
            d = floor(min(of_k - min(b), 40) * 1024)
            found.append(float((X[d % 1024] >> (d // 1024)) * (prior[k + 1] - prior[k])))
        return Array([Weighted(found)])

    def bits_back(self) -> BitsBack:
        return BitsBack(
            Array([Weighted(self.weights)]), lambda k: self.codecs[k[0]], self.posterior
        )

    def push(self, message: Message, x: Sequence[int]) -> None:
        self.bits_back().push(message, x)

    def pop(self, message: Message) -> Any:
        return self.bits_back().pop(message)
