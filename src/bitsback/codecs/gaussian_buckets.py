"""A normal distribution over buckets that are equally likely under N(0, 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.array_codec import ArrayCodec, pushed_frequencies
from bitsback.codecs.symbol_arrays import (
    as_parameters,
    as_pushed,
    check_precision,
    require_within,
    together,
)
from bitsback.errors import MessageError
from bitsback.message import Message
from bitsback.tables import normal_cdf, normal_quantile


@dataclass(frozen=True, eq=False, repr=False)
class GaussianBuckets(ArrayCodec):
    """A symbol is the bucket, 0 ... 2^bucket_bits - 1, of a draw from N(mean, scale^2).

    The buckets have maximum entropy under the prior: 2^bucket_bits intervals of the real line,
    equally likely under N(0, 1), so that the prior over them is Uniform(2^bucket_bits). For
    integers, see `Normal`. Source: Townsend, Bird, Barber 2019, section 2.5.1 and Figure 4.

    mean: int32 in units of 2^-16, within [-2^20, 2^20]. inverse_scale: uint32, one over the
    standard deviation, in units of 2^-16, within [2^10, 2^26]. bucket_bits: 1 to 12. precision:
    bucket_bits + 4 to 24. shape: of the symbols; as a rule that to which mean and inverse_scale
    broadcast. Pops uint16. Raises MessageError for parameters out of range.

    >>> message = Message()
    >>> codec = GaussianBuckets.from_float(mean=[0.0, 2.0], scale=[1.0, 0.1], bucket_bits=8)
    >>> codec.push(message, [128, 250])
    >>> codec.pop(message).tolist()
    [128, 250]
    >>> [round(float(bits), 2) for bits in codec.bits([128, 250])]
    [8.0, 1.8]
    >>> GaussianBuckets.centres(8)[[128, 250]].round(3).tolist()  # what a network sees of them
    [0.005, 2.024]
    """

    mean: NDArray[np.int32]
    inverse_scale: NDArray[np.uint32]
    bucket_bits: int
    precision: int = 24
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_precision(self.precision)
        if not 1 <= self.bucket_bits <= 12 or self.precision < self.bucket_bits + 4:
            raise MessageError(
                "a Gaussian codec needs bucket_bits from 1 to 12 and a precision from bucket_bits +"
                f" 4 on, not {self.bucket_bits} and {self.precision}"
            )
        mean, scale = together(
            ("mean", self.mean), ("inverse_scale", self.inverse_scale), shape=self.shape
        )
        owner, floats = "of a Gaussian codec", "GaussianBuckets.from_float"
        mean = as_parameters(mean, np.int32, f"the means {owner}", -(2**20), 2**20, floats)
        scale = as_parameters(scale, np.uint32, f"the inverse scales {owner}", 2**10, 2**26, floats)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "inverse_scale", scale)
        object.__setattr__(self, "shape", mean.shape)

    @classmethod
    def from_float(
        cls,
        mean: ArrayLike,
        scale: ArrayLike,
        bucket_bits: int,
        precision: int = 24,
        shape: tuple[int, ...] | None = None,
    ) -> GaussianBuckets:
        """From float means and standard deviations: round(mean * 2^16) and round(2^16 / scale).

        One correctly rounded operation, then halves to even: every machine gives the same integers.
        Raises MessageError for means outside [-16, 16] and scales outside [2^-10, 2^6].
        """
        mu, sigma = together(
            ("mean", np.asarray(mean, np.float64)), ("scale", np.asarray(scale, np.float64))
        )
        require_within(mu, -16, 16, "a Gaussian mean")
        require_within(sigma, 2.0**-10, 2.0**6, "a Gaussian scale", "[2^-10, 2^6]")
        fixed_mean = np.rint(mu * 65536).astype(np.int32)
        inverse_scale = np.rint(65536 / sigma).astype(np.uint32)
        return cls(fixed_mean, inverse_scale, bucket_bits, precision, shape)

    @staticmethod
    def centres(bucket_bits: int) -> NDArray[np.float64]:
        """A number for each bucket, float64 [2^bucket_bits]: the median of its part of N(0, 1), for
        the networks that see a latent.

        They come from a table in the package, in units of 2^-16, so they are the same floats
        everywhere. The codec does not use them: they affect bytes only through distributions that
        networks compute from them.
        """
        if not 1 <= bucket_bits <= 12:
            raise MessageError(f"bucket_bits must be from 1 to 12, not {bucket_bits}")
        middles = (2 * np.arange(1 << bucket_bits) + 1) << (12 - bucket_bits)
        centres: NDArray[np.float64] = normal_quantile()[middles] / 2.0**16
        return centres

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_pushed(symbols, np.uint16, self.mean.shape, 1 << self.bucket_bits)
        tables = normal_quantile(), normal_cdf()
        _core.push_gaussian(
            message,
            *tables,
            self.mean,
            self.inverse_scale,
            self.bucket_bits,
            self.precision,
            x,
        )

    def pop(self, message: Message) -> NDArray[np.uint16]:
        tables = normal_quantile(), normal_cdf()
        return _core.pop_gaussian(
            message, *tables, self.mean, self.inverse_scale, self.bucket_bits, self.precision
        )

    def frequency(self, symbols: ArrayLike) -> NDArray[np.uint32]:
        """The exact probability of each symbol, out of 2^precision."""
        frequencies = pushed_frequencies(
            lambda message: self.push(message, symbols), self.precision
        )
        return frequencies.reshape(self.mean.shape)
