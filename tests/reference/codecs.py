"""The codecs of docs/format.md, with an interval for each symbol, and bits back over any of
them.
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from .message import Message
from .picks import Picks

TABLES = Path(__file__).resolve().parents[2] / "src" / "bitsback" / "tables"


class Codec(Protocol):
    def push(self, message: Message, symbols: Any) -> None: ...

    def pop(self, message: Message) -> Any: ...


class Interval(Protocol):
    """One symbol's distribution: cumulative(c) rises strictly from 0 to 2^precision at c = size."""

    @property
    def precision(self) -> int: ...

    @property
    def size(self) -> int: ...

    def cumulative(self, c: int) -> int: ...


@dataclass
class Array:
    """One step: symbol i has the distribution distributions[i] and goes to lane i mod lanes."""

    distributions: Sequence[Interval]

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        assert len(symbols) == len(self.distributions)
        for i in reversed(range(len(symbols))):
            d, c = self.distributions[i], symbols[i]
            if d.size > 1:
                start = d.cumulative(c)
                message.push(
                    i % len(message.heads), start, d.cumulative(c + 1) - start, d.precision
                )

    def pop(self, message: Message) -> list[int]:
        symbols = []
        for i, d in enumerate(self.distributions):
            c = 0
            if d.size > 1:
                lane = i % len(message.heads)
                c = (
                    bisect_right(range(d.size), message.peek(lane, d.precision), key=d.cumulative)
                    - 1
                )
                start = d.cumulative(c)
                message.pop(lane, start, d.cumulative(c + 1) - start, d.precision)
            symbols.append(c)
        return symbols


@dataclass
class Uniform:
    """n equally likely symbols, 1 <= n <= 2^24."""

    size: int
    precision: int = 24

    def cumulative(self, c: int) -> int:
        return c * 2**24 // self.size


@dataclass
class Bernoulli:
    """0 or 1; a one has the frequency `ones` out of 2^precision."""

    ones: int
    precision: int
    size: int = 2

    def cumulative(self, c: int) -> int:
        return (0, 2**self.precision - self.ones, 2**self.precision)[c]


@dataclass
class Categorical:
    frequencies: Sequence[int]
    precision: int

    @property
    def size(self) -> int:
        return len(self.frequencies)

    @cached_property
    def starts(self) -> list[int]:
        return [0, *accumulate(self.frequencies)]

    def cumulative(self, c: int) -> int:
        return self.starts[c]


@dataclass
class CdfTable:
    """L symbols with the cumulative distribution T[c] = 2^16 times the probability of a symbol
    below c.
    """

    table: Sequence[int]
    precision: int

    @property
    def size(self) -> int:
        return len(self.table)

    def cumulative(self, c: int) -> int:
        if c == self.size:
            return 1 << self.precision
        return c + (self.table[c] * ((1 << self.precision) - self.size) >> 16)


def _table(name: str) -> tuple[int, ...]:
    data = (TABLES / name).read_bytes()
    return struct.unpack(f"<{len(data) // 4}i", data)


P = _table("normal_cdf.bin")
Q = _table("normal_quantile.bin")
COMPONENTS = {  # with their reaches
    "normal": (P, 8),
    "logistic": (_table("logistic_cdf.bin"), 16),
}


@dataclass
class GaussianBuckets:
    """N(mean, 1 / inverse_scale^2), in units of 2^-16, over 2^bits buckets equally likely under
    N(0, 1).
    """

    mean: int
    inverse_scale: int
    bits: int
    precision: int

    @property
    def size(self) -> int:
        return 1 << self.bits

    def cumulative(self, c: int) -> int:
        if c == 0:
            return 0
        if c == self.size:
            return 1 << self.precision
        t = (Q[c << (13 - self.bits)] - self.mean) * self.inverse_scale
        p = look_up(P, t, reach=8, units=32)
        return c + (p * ((1 << self.precision) - self.size) >> 28)


def look_up(table: Sequence[int], t: int, reach: int, units: int) -> int:
    """Linear interpolation in a table of 2,048 steps from -reach to reach, at t in units of
    2^-units.
    """
    t = min(max(t + (reach << units), 0), (2 * reach << units) - 1)
    step = (2 * reach << units) // 2048
    j, f = t // step, t % step
    return table[j] + (table[j + 1] - table[j]) * f // step


@dataclass
class DiscretisedMixture:
    """Components on the integers 0 ... size - 1: weights of sum 2^16, means in 2^-8, inverse scales
    in 2^-16.
    """

    weights: Sequence[int]
    means: Sequence[int]
    inverse_scales: Sequence[int]
    size: int
    precision: int
    component: str

    def cumulative(self, c: int) -> int:
        return self.cumulative_at(c, (2 * c - 1) * 2**7)

    def cumulative_at(self, c: int, end: int) -> int:
        """The cumulative frequency of symbol c, whose lower end is `end` in the units of the
        means.
        """
        if c == 0:
            return 0
        if c == self.size:
            return 1 << self.precision
        table, reach = COMPONENTS[self.component]
        total = 0
        for w, m, v in zip(self.weights, self.means, self.inverse_scales, strict=True):
            total += w * look_up(table, (end - m) * v, reach, units=24)
        return c + ((total >> 16) * ((1 << self.precision) - self.size) >> 28)


@dataclass
class From:
    """Symbols that begin at `low`."""

    low: int
    codec: Codec

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        self.codec.push(message, [symbol - self.low for symbol in symbols])

    def pop(self, message: Message) -> list[int]:
        return [symbol + self.low for symbol in self.codec.pop(message)]


@dataclass
class Adaptive:
    """One step of symbols, each with a probability proportional to its earlier count plus one."""

    size: int
    count: int

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        assert len(symbols) == self.count
        for i in reversed(range(self.count)):
            self._after(symbols[:i]).push_to(message, i % len(message.heads), symbols[i])

    def pop(self, message: Message) -> list[int]:
        symbols: list[int] = []
        for i in range(self.count):
            symbols.append(self._after(symbols).pop_from(message, i % len(message.heads)))
        return symbols

    def _after(self, symbols: Sequence[int]) -> "_Counted":
        counts = [1 + symbols.count(c) for c in range(self.size)]
        return _Counted(list(accumulate(counts, initial=0)))


@dataclass
class _Counted:
    sums: list[int]

    def edge(self, c: int) -> int:
        return self.sums[c] * 2**24 // self.sums[-1]

    def push_to(self, message: Message, lane: int, c: int) -> None:
        if len(self.sums) > 2:
            message.push(lane, self.edge(c), self.edge(c + 1) - self.edge(c), 24)

    def pop_from(self, message: Message, lane: int) -> int:
        if len(self.sums) == 2:
            return 0
        c = bisect_right(range(len(self.sums)), message.peek(lane, 24), key=self.edge) - 1
        message.pop(lane, self.edge(c), self.edge(c + 1) - self.edge(c), 24)
        return c


@dataclass
class Serial:
    """Several codecs in turn: the first one's symbols pop first."""

    codecs: Sequence[Codec]

    def push(self, message: Message, symbols: Sequence[Any]) -> None:
        for codec, part in zip(reversed(self.codecs), reversed(symbols), strict=True):
            codec.push(message, part)

    def pop(self, message: Message) -> tuple[Any, ...]:
        return tuple(codec.pop(message) for codec in self.codecs)


@dataclass
class BitsBack:
    """x with a latent z: the paper's Figure 5. Popping undoes the steps from the last to the
    first.
    """

    prior: Codec
    likelihood: Callable[[Any], Codec]  # of x, given z
    posterior: Callable[[Any], Codec]  # of z, given x

    def push(self, message: Message, x: Any) -> None:
        z = self.posterior(x).pop(message)
        self.likelihood(z).push(message, x)
        self.prior.push(message, z)

    def pop(self, message: Message) -> Any:
        z = self.prior.pop(message)
        x = self.likelihood(z).pop(message)
        self.posterior(x).push(message, z)
        return x


@dataclass
class BitSwap:
    """x with latents z1, z2, ...: each pops after the push of what depends on the one below."""

    posteriors: Sequence[Callable[[Any], Codec]]
    likelihoods: Sequence[Callable[[Any], Codec]]
    prior: Codec

    def push(self, message: Message, x: Any) -> None:
        below = x
        for posterior, likelihood in zip(self.posteriors, self.likelihoods, strict=True):
            z = posterior(below).pop(message)
            likelihood(z).push(message, below)
            below = z
        self.prior.push(message, below)

    def pop(self, message: Message) -> Any:
        value = self.prior.pop(message)
        for posterior, likelihood in zip(
            reversed(self.posteriors), reversed(self.likelihoods), strict=True
        ):
            below = likelihood(value).pop(message)
            posterior(below).push(message, value)
            value = below
        return value


@dataclass
class TopDown:
    """x with latents z1 ... zT: all of them pop before anything is pushed, the last one first."""

    posteriors: Sequence[Callable[..., Codec]]  # of z1 given z2 and x, ..., of zT given x
    likelihoods: Sequence[Callable[[Any], Codec]]
    prior: Codec

    def push(self, message: Message, x: Any) -> None:
        latents = [self.posteriors[-1](x).pop(message)]
        for posterior in reversed(self.posteriors[:-1]):
            latents.insert(0, posterior(latents[0], x).pop(message))
        for likelihood, above, below in zip(self.likelihoods, latents, [x, *latents], strict=False):
            likelihood(above).push(message, below)
        self.prior.push(message, latents[-1])

    def pop(self, message: Message) -> Any:
        latents = [self.prior.pop(message)]
        for likelihood in reversed(self.likelihoods):
            latents.insert(0, likelihood(latents[0]).pop(message))
        x, *latents = latents
        for posterior, below, above in zip(self.posteriors, latents, latents[1:], strict=False):
            posterior(above, x).push(message, below)
        self.posteriors[-1](x).push(message, latents[-1])
        return x


@dataclass
class Mapped:
    codec: Codec
    forward: Callable[[Any], Any]
    inverse: Callable[[Any], Any]

    def push(self, message: Message, x: Any) -> None:
        self.codec.push(message, self.forward(x))

    def pop(self, message: Message) -> Any:
        return self.inverse(self.codec.pop(message))


@dataclass
class ChainRule:
    """A pair (a, b): b depends on a, which pops first. Swapped, the pair is (b, a)."""

    first: Codec
    then: Callable[[Any], Codec]
    swapped: bool

    def push(self, message: Message, symbols: tuple[Any, Any]) -> None:
        a, b = symbols[::-1] if self.swapped else symbols
        self.then(a).push(message, b)
        self.first.push(message, a)

    def pop(self, message: Message) -> tuple[Any, Any]:
        a = self.first.pop(message)
        b = self.then(a).pop(message)
        return (b, a) if self.swapped else (a, b)


@dataclass
class Multiset:
    """`size` items, pushed in any order and popped in canonical order."""

    item: Codec
    size: int

    def push(self, message: Message, symbols: Sequence[Any]) -> None:
        assert len(symbols) == self.size
        picks = Picks(symbols)
        for _ in range(self.size):
            self.item.push(message, picks.pop(message, 1)[0])

    def pop(self, message: Message) -> tuple[Any, ...]:
        picks = Picks()
        for _ in range(self.size):
            picks.push(message, [self.item.pop(message)])
        return tuple(picks.left)
