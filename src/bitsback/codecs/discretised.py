"""What the codecs of one discretised distribution share: integers near a mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback.codecs.base import as_parameters, as_symbols, require_within, together
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.mixture import (
    MEAN_BITS,
    WEIGHT_BITS,
    Component,
    Mixture,
    as_inverse_scales,
    check_levels,
    rounded_scales,
)
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message

_FARTHEST = 1 << 22  # of `low` and of means


@dataclass(frozen=True, eq=False, repr=False)
class Discretised(ByValue):
    """A `Mixture` of one component, whose symbols begin at `low` and pop as int32."""

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
        at, of, floats = self.low << MEAN_BITS, f"of a {self._name} codec", "from_float"
        what = f"the means {of}"
        means = as_parameters(mean, np.int32, what, at - 2**24, at + 2**24, floats)
        object.__setattr__(self, "mean", means)
        scale = as_inverse_scales(scale, f"the inverse scales {of}")
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
        MessageError for means further than 2^16 from `low`, or above 2^22, and scales outside
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

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        return self._mixture.bits(self._levels_of(symbols))

    def _levels_of(self, symbols: ArrayLike) -> NDArray[np.uint16]:
        x = as_symbols(symbols, np.int64, self.mean.shape, self.levels, self.low)
        return (x - self.low).astype(np.uint16)

    @cached_property
    def _mixture(self) -> Mixture:
        means = self.mean.astype(np.int32) - np.int32(self.low << MEAN_BITS)
        weights = np.full((*means.shape, 1), 1 << WEIGHT_BITS, np.uint32)
        return Mixture(
            weights,
            means[..., None],
            self.inverse_scale[..., None],
            self.levels,
            self.precision,
            self._component,
        )
