"""Mixtures of discretised logistic or normal distributions over a range of integers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core, tables
from bitsback.codecs.base import as_parameters, as_symbols, bits_of, check_precision
from bitsback.errors import MessageError
from bitsback.message import Message

Component = Literal["logistic", "normal"]

WEIGHT_BITS = 16
MEAN_BITS = 8


@dataclass(frozen=True, eq=False)
class Mixture:
    """A symbol, 0 ... levels - 1, is a draw from a mixture, rounded to the nearest integer and held
    to the range.

    The ends of the range take the tails, so that one component is the discretised logistic (or, on
    a fixed grid, the discretised Gaussian). Source: Salimans et al. 2017 (PixelCNN++), section 2.1;
    docs/format.md for its integers.

    weight: uint32 [..., components], of sum 2^16 over the components. mean: int32 of the same
    shape, in units of 2^-8, within [-2^24, 2^24]. inverse_scale: uint32 of the same shape, one over
    the scale, in units of 2^-16, within [1, 2^26]. levels: 2 to 65,536. precision: log2(levels) + 4
    to 24. Symbols have the shape [...]; pops uint16.

    >>> message = Message([1 << 63])
    >>> codec = Mixture.from_float([[1, 3]], mean=[[40, 200]], scale=[[2, 5]], levels=256)
    >>> codec.push(message, [200])
    >>> codec.pop(message).tolist()
    [200]
    >>> [round(float(codec.information([c])[0]), 1) for c in (40, 200, 120)]
    [5.0, 4.7, 23.0]
    """

    weight: NDArray[np.uint32]
    mean: NDArray[np.int32]
    inverse_scale: NDArray[np.uint32]
    levels: int
    precision: int = 24
    component: Component = "logistic"

    def __post_init__(self) -> None:
        check_precision(self.precision)
        object.__setattr__(self, "weight", as_parameters(self.weight, np.uint32, "weights"))
        object.__setattr__(self, "mean", as_parameters(self.mean, np.int32, "means"))
        object.__setattr__(
            self, "inverse_scale", as_parameters(self.inverse_scale, np.uint32, "inverse scales")
        )
        if (
            not self.weight.ndim
            or not self.weight.shape == self.mean.shape == self.inverse_scale.shape
        ):
            shapes = f"{self.weight.shape}, {self.mean.shape} and {self.inverse_scale.shape}"
            raise MessageError(
                "weights, means and inverse scales must have one shape [..., components], not"
                f" {shapes}"
            )
        if self.component not in ("logistic", "normal"):
            raise MessageError(
                f"the components of a mixture are logistic or normal, not {self.component!r}"
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
    ) -> "Mixture":
        """From floats of one shape [..., components]; weights need not sum to one.

        Each is rounded once, halves to even: q = round(weight * 2^32 / the largest weight of its
        row), round(mean * 2^8), round(2^16 / scale). The rest is integer: with S[k] = q[0] + ... +
        q[k - 1] and S the sum of all, weight k is floor(2^16 * S[k + 1] / S) - floor(2^16 * S[k] /
        S). Raises MessageError for weights that are negative or all zero, and parameters out of
        range.
        """
        parts = (np.asarray(part, np.float64) for part in (weight, mean, scale))
        w, mu, sigma = np.broadcast_arrays(*parts)
        largest = w.max(-1, keepdims=True, initial=0)
        if not bool(np.all((w >= 0) & (largest > 0) & np.isfinite(w))):
            raise MessageError(
                "the weights of a mixture must be finite and not negative, and not all zero"
            )
        if not bool(np.all(np.abs(mu) <= 2.0**16)):
            raise MessageError("a mean of a mixture must lie within [-2^16, 2^16]")
        if not bool(np.all((sigma >= 2.0**-10) & (sigma <= 2.0**16))):
            raise MessageError("a scale of a mixture must lie within [2^-10, 2^16]")
        ends = np.cumsum(np.rint(w / largest * 2.0**32).astype(np.uint64), -1)
        ends = (ends << np.uint64(WEIGHT_BITS)) // ends[..., -1:]
        weights = np.diff(ends, axis=-1, prepend=np.uint64(0)).astype(np.uint32)
        means = np.rint(mu * 2.0**MEAN_BITS).astype(np.int32)
        return cls(
            weights, means, np.rint(65536 / sigma).astype(np.uint32), levels, precision, component
        )

    def push(self, message: Message, symbols: ArrayLike) -> None:
        flat = as_symbols(symbols, np.uint16, self.weight.shape[:-1]).reshape(-1)
        _core.push_mixture(message, *self._arguments(), flat)

    def pop(self, message: Message) -> NDArray[np.uint16]:
        return _core.pop_mixture(message, *self._arguments()).reshape(self.weight.shape[:-1])

    def information(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        c = as_symbols(symbols, np.uint32, self.weight.shape[:-1])
        edges = (c.reshape(-1), c.reshape(-1) + np.uint32(1))
        first, end = (_core.mixture_starts(*self._arguments(), edge) for edge in edges)
        return bits_of(end - first, self.precision).reshape(c.shape)

    def _arguments(
        self,
    ) -> tuple[
        NDArray[np.int32], int, NDArray[np.uint32], NDArray[np.int32], NDArray[np.uint32], int, int
    ]:
        """What the core needs: the distribution function of a component, log2 of how far it
        reaches, the parameters.
        """
        cdf, reach_bits = (
            (tables.logistic_cdf(), 4) if self.component == "logistic" else (tables.normal_cdf(), 3)
        )
        shape = (-1, self.weight.shape[-1])
        parameters = (
            self.weight.reshape(shape),
            self.mean.reshape(shape),
            self.inverse_scale.reshape(shape),
        )
        return cdf, reach_bits, *parameters, self.levels, self.precision
