"""Integer frequencies of a few symbols: the same for each, or each its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import (
    as_one,
    as_parameters,
    as_pushed,
    as_shape,
    as_symbols,
    check_precision,
    kept,
)
from bitsback.codecs.by_value import ByValue, short
from bitsback.codecs.information import bits_of
from bitsback.codecs.logits import softmax_weights
from bitsback.codecs.own_weights import OwnWeights
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class Categorical(ByValue):
    """Symbol c has probability frequencies[..., c] / 2^precision.

    frequencies: integers [..., levels], each at least 1, of sum 2^precision over the levels.
    precision: 1 to 24. shape: of the symbols; as a rule [...], to which the frequencies broadcast,
    so that those of shape [levels] are the same for all symbols. Pops uint32. Raises MessageError
    for frequencies that do not sum to 2^precision.

    >>> message = Message()
    >>> codec = Categorical([8, 4, 4], precision=4, shape=(5,))
    >>> codec.push(message, [0, 1, 0, 2, 0])
    >>> codec.bits([0, 1, 0, 2, 0]).tolist()
    [1.0, 2.0, 1.0, 2.0, 1.0]
    >>> codec.pop(message).tolist()
    [0, 1, 0, 2, 0]
    >>> Categorical.from_probability([[0.9, 0.1], [0.2, 0.8]]).bits([0, 0]).round(3).tolist()
    [0.152, 2.322]
    """

    frequencies: NDArray[np.uint32]
    precision: int
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_precision(self.precision)
        total = 1 << self.precision
        frequencies = as_parameters(
            self.frequencies,
            np.uint32,
            "the frequencies of a categorical codec",
            1,
            total,
            "Categorical.from_probability",
        )
        if not frequencies.ndim or not frequencies.shape[-1]:
            raise MessageError(
                "the frequencies of a categorical codec have the shape [..., levels], not"
                f" {frequencies.shape}"
            )
        _core.check_own_categorical(frequencies.reshape(-1, frequencies.shape[-1]), self.precision)
        own = frequencies.shape[:-1]
        shape = own if self.shape is None else as_shape(self.shape)
        if own:
            try:
                frequencies = np.broadcast_to(frequencies, (*shape, frequencies.shape[-1]))
            except ValueError as error:
                raise MessageError(
                    f"frequencies of shape {frequencies.shape} do not fit symbols of shape {shape}"
                ) from error
        object.__setattr__(self, "shape", shape)
        if not frequencies.flags.c_contiguous:
            frequencies = kept(frequencies, np.uint32)
        object.__setattr__(self, "frequencies", frequencies)

    @classmethod
    def from_probability(
        cls, probability: ArrayLike, precision: int = 24, shape: tuple[int, ...] | None = None
    ) -> "Categorical":
        """From float probabilities [..., levels], which need not sum to one; 1 to 65,536 levels, at
        most 2^precision.

        Each is rounded once, halves to even: with 2^e the least power of two above the largest of
        its row, q[c] = round(p[c] * 2^(32 - e)). The rest is integers (docs/codecs.md), and every
        symbol gets a frequency of at least 1. Rows for each symbol of its own are kept as float32
        or float64, and only the frequencies that are asked for are computed. Raises
        MessageError for what is negative, not finite, or a row that is all zero.
        """
        p = np.asarray(probability)
        p = kept(p, p.dtype if p.dtype in (np.float32, np.float64) else np.float64)
        if not p.ndim or not p.shape[-1]:
            raise MessageError(f"probabilities have the shape [..., levels], not {p.shape}")
        rows = p.reshape(-1, p.shape[-1])
        if p.ndim > 1 and (shape is None or as_shape(shape) == p.shape[:-1]):
            return CategoricalOfWeights(OwnWeights.of(rows, precision), p.shape[:-1])
        frequencies = _core.frequencies_of(rows.astype(np.float64, copy=False), precision)
        return cls(frequencies.reshape(p.shape), precision, shape)

    @classmethod
    def from_logits(
        cls, logits: ArrayLike, precision: int = 24, shape: tuple[int, ...] | None = None
    ) -> "Categorical":
        """From the logarithms of probabilities [..., levels], floats, which any number may be added
        to: what networks give to a softmax. -inf is a probability of 0.

        Differences to the greatest one of a row are rounded once, halves to even, to 2^-10 of a
        bit; the rest is a table of powers of two and integers (docs/codecs.md), so that every
        machine gives the same frequencies, which a softmax of floats does not promise. Raises
        MessageError for a NaN, and for rows without a finite greatest number.
        """
        values = np.asarray(logits, np.float64)
        if not values.ndim or not values.shape[-1]:
            raise MessageError(f"logits have the shape [..., levels], not {values.shape}")
        return cls.from_probability(softmax_weights(values), precision, shape)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        single = not self.shape and self._is_fixed
        if single and (symbol := as_one(symbols, self._levels)) is not None:
            self._table.push_one(message, symbol)
            return
        x = as_pushed(symbols, np.uint32, self._shape, self._levels)
        if self._is_fixed:
            self._table.push(message, x)
        else:
            _core.push_own_categorical(message, self._rows(), self.precision, x.reshape(-1))

    def pop(self, message: Message) -> NDArray[np.uint32]:
        if self._is_fixed:
            if not self.shape:
                return np.array(self._table.pop_one(message), np.uint32)
            return self._table.pop(message, self._shape)
        return _core.pop_own_categorical(message, self._rows(), self.precision).reshape(self._shape)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        x = as_symbols(symbols, np.uint32, self._shape, self._levels)
        if self._is_fixed:
            return bits_of(self.frequencies[x], self.precision)
        own = np.take_along_axis(self.frequencies, x[..., None].astype(np.intp), -1)[..., 0]
        return bits_of(own, self.precision)

    @property
    def _shape(self) -> tuple[int, ...]:
        assert self.shape is not None
        return self.shape

    @property
    def _levels(self) -> int:
        return int(self.frequencies.shape[-1])

    @property
    def _is_fixed(self) -> bool:
        """Whether all symbols have the same frequencies."""
        return self.frequencies.ndim == 1

    @cached_property
    def _table(self) -> _core.Categorical:
        """What finds symbols fast, where all have the same frequencies."""
        return _core.Categorical(self.frequencies, self.precision)

    def _rows(self) -> NDArray[np.uint32]:
        return self.frequencies.reshape(-1, self.frequencies.shape[-1])


class CategoricalOfWeights(Categorical):
    """Its frequencies are made when somebody asks for them."""

    def __init__(self, weights: OwnWeights, shape: tuple[int, ...]) -> None:
        for name, value in (
            ("_weights", weights),
            ("precision", weights.precision),
            ("shape", shape),
        ):
            object.__setattr__(self, name, value)

    _weights: OwnWeights

    def __repr__(self) -> str:
        weights = self._weights.weights.reshape(*self._shape, -1)
        return f"Categorical.from_probability({short(weights)}, precision={self.precision})"

    def _value(self) -> tuple[Any, ...]:
        """It is equal to the codec of its frequencies."""
        return Categorical, *super()._value()[1:]

    @property
    def _levels(self) -> int:
        return int(self._weights.weights.shape[-1])

    @cached_property
    def frequencies(self) -> NDArray[np.uint32]:
        return self._weights.frequencies().reshape(*self._shape, -1)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_pushed(symbols, np.uint32, self._shape, self._levels)
        self._weights.push(message, x.reshape(-1))

    def pop(self, message: Message) -> NDArray[np.uint32]:
        return self._weights.pop(message).reshape(self._shape)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        x = as_symbols(symbols, np.uint32, self._shape, self._levels)
        frequencies = self._weights.frequencies_of(x.reshape(-1)).reshape(self._shape)
        return bits_of(frequencies, self.precision)
