"""Integers near a mean: discretised normal and logistic distributions, and mixtures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core, tables
from bitsback.codecs.array_codec import ArrayCodec
from bitsback.codecs.symbol_arrays import (
    as_parameters,
    as_pushed,
    as_shape,
    as_symbols,
    check_precision,
    require_within,
    together,
)
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message

Component = Literal["logistic", "normal"]

WEIGHT_BITS = 16
MEAN_BITS = 8


def check_levels(levels: int, precision: int) -> None:
    """Raises MessageError unless there are 2 to 65,536 levels, and enough precision for them."""
    check_precision(precision)
    if not 2 <= levels <= 65536 or 1 << precision < 16 * levels:
        raise MessageError(
            "there must be 2 to 65,536 levels, and a precision from log2(levels) + 4 to 24, not"
            f" {levels} and {precision}"
        )


def as_inverse_scales(values: ArrayLike, what: str) -> NDArray[np.uint32]:
    """The inverse scales in units of 2^-16."""
    scales: NDArray[np.uint32] = as_parameters(values, np.uint32, what, 1, 2**26, "from_float")
    return scales


def rounded_scales(scale: NDArray[np.float64], codec: str) -> NDArray[np.uint32]:
    """Converts float scales to inverse scales in units of 2^-16. Raises MessageError for scales
    outside [2^-10, 2^16].
    """
    require_within(scale, 2.0**-10, 2.0**16, f"a scale of a {codec}", "[2^-10, 2^16]")
    return np.rint(65536 / scale).astype(np.uint32)


_TABLES: dict[Component, Callable[[], tuple[NDArray[np.int32], int]]] = {
    "logistic": lambda: (tables.logistic_cdf(), 4),
    "normal": lambda: (tables.normal_cdf(), 3),
}
"""The distribution function of each standard component, and log2 of its reach."""


@dataclass(frozen=True, eq=False, repr=False)
class DiscretisedMixture(ArrayCodec):
    """A symbol, 0 ... levels - 1, is a draw from a mixture, rounded to the nearest integer and
    clamped to the range.

    The ends of the range take the tails, so that one component is the discretised logistic (or, on
    a fixed grid, the discretised Gaussian). Source: Salimans et al. 2017 (PixelCNN++), section 2.1;
    docs/format.md for its integers.

    weight: uint32 [..., components], of sum 2^16 over the components. mean: int32 in units of 2^-8,
    within [-2^24, 2^24]. inverse_scale: uint32, one over the scale, in units of 2^-16, within [1,
    2^26]. Their shapes broadcast. levels: 2 to 65,536. precision: log2(levels) + 4 to 24. shape: of
    the symbols; as a rule [...], or one to which that broadcasts. Pops uint16. Raises MessageError
    for parameters out of range.

    >>> message = Message()
    >>> codec = DiscretisedMixture.from_float(
    ...     [[1, 3]], mean=[[40, 200]], scale=[[2, 5]], levels=256
    ... )
    >>> codec.push(message, [200])
    >>> codec.pop(message).tolist()
    [200]
    >>> [round(float(codec.bits([c])[0]), 1) for c in (40, 200, 120)]
    [5.0, 4.7, 23.0]
    """

    weight: NDArray[np.uint32]
    mean: NDArray[np.int32]
    inverse_scale: NDArray[np.uint32]
    levels: int
    precision: int = 24
    component: Component = "logistic"
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_levels(self.levels, self.precision)
        named = (
            ("weight", self.weight),
            ("mean", self.mean),
            ("inverse_scale", self.inverse_scale),
        )
        weight, mean, scale = together(*named)
        if not weight.ndim or not weight.shape[-1]:
            raise MessageError("the weights of a mixture have the shape [..., components]")
        if self.shape is not None:
            shape = (*as_shape(self.shape), weight.shape[-1])
            weight, mean, scale = together(*named, shape=shape)
        object.__setattr__(self, "shape", weight.shape[:-1])
        what = "the weights of a mixture"
        weight = as_parameters(weight, np.uint32, what, 0, 2**WEIGHT_BITS, "from_float")
        if (weight.sum(-1, dtype=np.uint64) != 2**WEIGHT_BITS).any():
            raise MessageError("the weights of a mixture must sum to 2^16")
        object.__setattr__(self, "weight", weight)
        what = "the means of a mixture"
        mean = as_parameters(mean, np.int32, what, -(2**24), 2**24, "from_float")
        object.__setattr__(self, "mean", mean)
        scale = as_inverse_scales(scale, "the inverse scales of a mixture")
        object.__setattr__(self, "inverse_scale", scale)
        if self.component not in _TABLES:
            raise MessageError(
                f"the component of a mixture is one of {', '.join(_TABLES)}, not {self.component!r}"
            )

    @classmethod
    def from_float(
        cls,
        weight: ArrayLike,
        mean: ArrayLike,
        scale: ArrayLike,
        levels: int,
        precision: int = 24,
        component: Component = "logistic",
        shape: tuple[int, ...] | None = None,
    ) -> DiscretisedMixture:
        """From floats of one shape [..., components]; weights need not sum to one.

        Each is rounded once, halves to even: q = round(weight * 2^32 / the largest weight of its
        row), round(mean * 2^8), round(2^16 / scale). The rest is integer: with S[k] = q[0] + ... +
        q[k - 1] and S the sum of all, weight k is floor(2^16 * S[k + 1] / S) - floor(2^16 * S[k] /
        S). Raises MessageError for weights that are negative or all zero, and parameters out of
        range.
        """
        w, mu, sigma = together(
            ("weight", np.asarray(weight, np.float64)),
            ("mean", np.asarray(mean, np.float64)),
            ("scale", np.asarray(scale, np.float64)),
        )
        if not w.ndim:
            raise MessageError("the weights of a mixture have the shape [..., components]")
        largest = w.max(-1, keepdims=True, initial=0)
        if not bool(np.all((w >= 0) & (largest > 0) & np.isfinite(w))):
            raise MessageError(
                "the weights of a mixture must be finite and not negative, and not all zero"
            )
        ends = np.cumsum(np.rint(w / largest * 2.0**32).astype(np.uint64), -1)
        ends = (ends << np.uint64(WEIGHT_BITS)) // ends[..., -1:]
        weights = np.diff(ends, axis=-1, prepend=np.uint64(0)).astype(np.uint32)
        require_within(mu, -(2.0**16), 2.0**16, "a mean of a mixture", "[-2^16, 2^16]")
        means = np.rint(mu * 2.0**MEAN_BITS).astype(np.int32)
        scales = rounded_scales(sigma, "mixture")
        return cls(weights, means, scales, levels, precision, component, shape)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_pushed(symbols, np.uint16, self.weight.shape[:-1], self.levels)
        _core.push_mixture(message, *self._arguments(), x.reshape(-1))

    def pop(self, message: Message) -> NDArray[np.uint16]:
        return _core.pop_mixture(message, *self._arguments()).reshape(self.weight.shape[:-1])

    def _arguments(
        self,
    ) -> tuple[
        NDArray[np.int32], int, NDArray[np.uint32], NDArray[np.int32], NDArray[np.uint32], int, int
    ]:
        """The arguments of the core: the distribution function of a component, log2 of its reach,
        and the parameters.
        """
        cdf, reach_bits = _TABLES[self.component]()
        shape = (-1, self.weight.shape[-1])
        parameters = (
            self.weight.reshape(shape),
            self.mean.reshape(shape),
            self.inverse_scale.reshape(shape),
        )
        return cdf, reach_bits, *parameters, self.levels, self.precision


_FARTHEST = 1 << 22  # the bound of `low` and of means


@dataclass(frozen=True, eq=False, repr=False)
class Discretised(ArrayCodec):
    """A `DiscretisedMixture` of one component, whose symbols begin at `low` and pop as int32."""

    mean: NDArray[np.int32]
    inverse_scale: NDArray[np.uint32]
    levels: int
    low: int = 0
    precision: int = 24
    shape: tuple[int, ...] | None = None

    _component: ClassVar[Component]
    _name: ClassVar[str]

    def __post_init__(self) -> None:
        check_levels(self.levels, self.precision)
        if not -_FARTHEST <= self.low <= _FARTHEST:
            raise MessageError(f"low must lie within [-2^22, 2^22], not {self.low}")
        mean, scale = together(
            ("mean", self.mean), ("inverse_scale", self.inverse_scale), shape=self.shape
        )
        at, owner, floats = self.low << MEAN_BITS, f"of a {self._name} codec", "from_float"
        what = f"the means {owner}"
        means = as_parameters(mean, np.int32, what, at - 2**24, at + 2**24, floats)
        object.__setattr__(self, "mean", means)
        scale = as_inverse_scales(scale, f"the inverse scales {owner}")
        object.__setattr__(self, "inverse_scale", scale)
        object.__setattr__(self, "shape", means.shape)

    @classmethod
    def from_float(
        cls,
        mean: ArrayLike,
        scale: ArrayLike,
        levels: int | None = None,
        low: int = 0,
        precision: int = 24,
        shape: tuple[int, ...] | None = None,
        *,
        within: Sequence[int] | None = None,
    ) -> Self:
        """From floats: round(mean * 2^8) and round(2^16 / scale), halves to even.

        within: the least and the greatest symbol, in place of `low` and `levels`. Raises
        MessageError for means further than 2^16 from `low` or above 2^22, and for scales outside
        [2^-10, 2^16].
        """
        if (levels is None) == (within is None):
            raise MessageError("give either levels or within=(least, greatest)")
        if within is not None:
            low, levels = within[0], within[1] - within[0] + 1
        assert levels is not None
        mu, sigma = together(
            ("mean", np.asarray(mean, np.float64)), ("scale", np.asarray(scale, np.float64))
        )
        what = f"the means of a {cls._name} codec"
        require_within(mu, -_FARTHEST, _FARTHEST, what, "[-2^22, 2^22]")
        means = np.rint(mu * 2.0**MEAN_BITS).astype(np.int32)
        scales = rounded_scales(sigma, f"{cls._name} codec")
        return cls(means, scales, levels, low, precision, shape)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        self._mixture.push(message, self._levels_of(symbols))

    def pop(self, message: Message) -> NDArray[np.int32]:
        return self._mixture.pop(message).astype(np.int32) + np.int32(self.low)

    def _levels_of(self, symbols: ArrayLike) -> NDArray[np.uint16]:
        x = as_symbols(symbols, np.int64, self.mean.shape, self.levels, self.low)
        return (x - self.low).astype(np.uint16)

    @cached_property
    def _mixture(self) -> DiscretisedMixture:
        means = self.mean.astype(np.int32) - np.int32(self.low << MEAN_BITS)
        weights = np.full((*means.shape, 1), 1 << WEIGHT_BITS, np.uint32)
        return DiscretisedMixture(
            weights,
            means[..., None],
            self.inverse_scale[..., None],
            self.levels,
            self.precision,
            self._component,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Normal(Discretised):
    """A symbol, low ... low + levels - 1, is a draw from a normal distribution, rounded to the
    nearest integer and clamped to the range. For latents in equally likely buckets, see
    `GaussianBuckets`.

    mean: int32 in units of 2^-8, within 2^24 of low * 2^8. inverse_scale: uint32, one over the
    standard deviation, in units of 2^-16, within [1, 2^26]. Their shapes broadcast to that of
    the symbols. levels: 2 to 65,536. low: within [-2^22, 2^22]. precision: log2(levels) + 4 to
    24. Pops int32. Raises MessageError for parameters out of range.

    >>> from bitsback import Message
    >>> message = Message()
    >>> codec = Normal.from_float([35.2, -1.7], [10.1, 2.5], within=(-100, 100))
    >>> codec.push(message, [23, -2])
    >>> codec.pop(message).tolist()
    [23, -2]
    >>> codec.bits([23, -2]).round(2).tolist()
    [5.71, 2.67]
    """

    _component: ClassVar[Component] = "normal"
    _name: ClassVar[str] = "Normal"


@dataclass(frozen=True, eq=False, repr=False)
class Logistic(Discretised):
    """A symbol, low ... low + levels - 1, is a draw from a logistic distribution, rounded to the
    nearest integer and clamped to the range. Source: Salimans et al. 2017 (PixelCNN++), section
    2.1.

    mean: int32 in units of 2^-8, within 2^24 of low * 2^8. inverse_scale: uint32, one over the
    scale s of 1 / (1 + e^-(x / s)), in units of 2^-16, within [1, 2^26]. Their shapes broadcast
    to that of the symbols. levels: 2 to 65,536. low: within [-2^22, 2^22]. precision:
    log2(levels) + 4 to 24. Pops int32. Raises MessageError for parameters out of range.

    >>> from bitsback import Message
    >>> message = Message()
    >>> codec = Logistic.from_float([35.2, -1.7], [10.1, 2.5], within=(-100, 100))
    >>> codec.push(message, [23, -2])
    >>> codec.pop(message).tolist()
    [23, -2]
    >>> codec.bits([23, -2]).round(2).tolist()
    [5.83, 3.33]
    """

    _component: ClassVar[Component] = "logistic"
    _name: ClassVar[str] = "Logistic"
