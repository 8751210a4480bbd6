"""A normal distribution over the buckets that are equally likely under N(0, 1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import as_parameters, as_symbols, bits_of, check_precision
from bitsback.errors import MessageError
from bitsback.message import Message
from bitsback.tables import normal_cdf, normal_quantile


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A symbol is the bucket, 0 ... 2^bits - 1, of a draw from N(mean, scale^2).

    The buckets are those of maximum entropy under the prior: 2^bits intervals of the real line,
    equally likely under N(0, 1), so that the prior over them is Uniform(2^bits). Source: Townsend,
    Bird, Barber 2019, section 2.5.1 and Figure 4.

    mean: int32 of any shape, which is the shape of the symbols, in units of 2^-16, within [-2^20,
    2^20]. inverse_scale: uint32 of the same shape, one over the standard deviation, in units of
    2^-16, within [2^10, 2^26]. bits: 1 to 12. precision: bits + 4 to 24. Pops uint16.

    >>> message = Message([1 << 63], depth=0)
    >>> codec = Gaussian.from_float(mean=[0.0, 2.0], scale=[1.0, 0.1], bits=8)
    >>> codec.push(message, [128, 250])
    >>> codec.pop(message).tolist()
    [128, 250]
    >>> [round(float(bits), 2) for bits in codec.information([128, 250])]
    [8.0, 1.8]
    """

    mean: NDArray[np.int32]
    inverse_scale: NDArray[np.uint32]
    bits: int
    precision: int = 24

    def __post_init__(self) -> None:
        check_precision(self.precision)
        object.__setattr__(self, "mean", as_parameters(self.mean, np.int32, "means"))
        object.__setattr__(
            self, "inverse_scale", as_parameters(self.inverse_scale, np.uint32, "inverse scales")
        )
        if self.mean.shape != self.inverse_scale.shape:
            raise MessageError(
                f"means of shape {self.mean.shape}, inverse scales of {self.inverse_scale.shape}"
            )

    @classmethod
    def from_float(
        cls, mean: ArrayLike, scale: ArrayLike, bits: int, precision: int = 24
    ) -> "Gaussian":
        """From float means and standard deviations: round(mean * 2^16) and round(2^16 / scale).

        One correctly rounded operation, then halves to even: every machine gives the same integers.
        Raises MessageError for means outside [-16, 16] and scales outside [2^-10, 2^6].
        """
        mu, sigma = np.broadcast_arrays(np.asarray(mean, np.float64), np.asarray(scale, np.float64))
        if not bool(np.all(np.abs(mu) <= 16)):
            raise MessageError("a Gaussian mean must lie within [-16, 16]")
        if not bool(np.all((sigma >= 2.0**-10) & (sigma <= 2.0**6))):
            raise MessageError("a Gaussian scale must lie within [2^-10, 2^6]")
        fixed_mean = np.rint(mu * 65536).astype(np.int32)
        return cls(fixed_mean, np.rint(65536 / sigma).astype(np.uint32), bits, precision)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        symbols = as_symbols(symbols, np.uint16, self.mean.shape)
        tables = normal_quantile(), normal_cdf()
        _core.push_gaussian(
            message, *tables, self.mean, self.inverse_scale, self.bits, self.precision, symbols
        )

    def pop(self, message: Message) -> NDArray[np.uint16]:
        tables = normal_quantile(), normal_cdf()
        return _core.pop_gaussian(
            message, *tables, self.mean, self.inverse_scale, self.bits, self.precision
        )

    def frequency(self, symbols: ArrayLike) -> NDArray[np.uint32]:
        """The exact probability of each symbol, out of 2^precision."""
        bucket = as_symbols(symbols, np.uint32, self.mean.shape)
        tables = normal_quantile(), normal_cdf()
        first, end = (
            _core.gaussian_starts(
                *tables, self.mean, self.inverse_scale, self.bits, self.precision, b
            )
            for b in (bucket, bucket + np.uint32(1))
        )
        return end - first

    def information(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        return bits_of(self.frequency(symbols), self.precision)
