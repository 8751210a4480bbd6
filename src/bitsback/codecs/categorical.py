"""Listed probabilities: of all symbols, of each symbol, or rows of a table that symbols share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.array_codec import ArrayCodec
from bitsback.codecs.exact_functions import softmax_weights
from bitsback.codecs.symbol_arrays import (
    as_one,
    as_parameters,
    as_pushed,
    as_shape,
    check_precision,
    kept,
    require_within,
    together,
)
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class Categorical(ArrayCodec):
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
    ) -> Categorical:
        """From float probabilities [..., levels], which need not sum to one; 1 to 65,536 levels, at
        most 2^precision.

        Each is rounded once, halves to even: with 2^e the least power of two above the largest of
        its row, q[c] = round(p[c] * 2^(32 - e)). The rest is integer arithmetic (docs/codecs.md),
        and every symbol gets a frequency of at least 1. Raises MessageError for numbers that are
        negative or not finite, and for rows that are all zero.
        """
        p = np.asarray(probability, np.float64)
        if not p.ndim or not p.shape[-1]:
            raise MessageError(f"probabilities have the shape [..., levels], not {p.shape}")
        frequencies = _core.frequencies_of(p.reshape(-1, p.shape[-1]), precision)
        return cls(frequencies.reshape(p.shape), precision, shape)

    @classmethod
    def from_logits(
        cls, logits: ArrayLike, precision: int = 24, shape: tuple[int, ...] | None = None
    ) -> Categorical:
        """From the logarithms of probabilities [..., levels], floats, up to a constant: the inputs
        of a softmax. -inf is a probability of 0.

        Differences to the maximum of a row are rounded once, halves to even, to 2^-10 of a bit. The
        rest is integer arithmetic and a table of powers of two (docs/codecs.md). Every machine
        therefore gives the same frequencies, which a softmax of floats does not promise. Raises
        MessageError for a NaN, and for rows without a finite maximum.
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
        """A table for fast searches, if all symbols have the same frequencies."""
        return _core.Categorical(self.frequencies, self.precision)

    def _rows(self) -> NDArray[np.uint32]:
        return self.frequencies.reshape(-1, self.frequencies.shape[-1])


CUMULATIVE_BITS = 16  # cumulative probabilities are in units of 2^-16


def starts_of(cumulative: NDArray[np.unsignedinteger[Any]], precision: int) -> NDArray[np.uint32]:
    """R(c) = c + ((T[c] * (2^precision - levels)) >> 16), R(levels) = 2^precision: strictly
    increasing by construction.

    cumulative: T, [..., levels], in units of 2^-16: T[0] = 0, not decreasing, at most 2^16.
    Returns uint32 [..., levels + 1].
    """
    levels = cumulative.shape[-1]
    if not 16 * levels <= 1 << precision <= 1 << 24:
        raise MessageError(
            f"{levels} levels need a precision from log2(levels) + 4 to 24, not {precision}"
        )
    spread = (cumulative.astype(np.uint64) * np.uint64((1 << precision) - levels)) >> np.uint64(
        CUMULATIVE_BITS
    )
    starts = np.empty((*cumulative.shape[:-1], levels + 1), np.uint32)
    starts[..., :-1] = spread + np.arange(levels, dtype=np.uint64)
    starts[..., -1] = 1 << precision
    return starts


@dataclass(frozen=True, eq=False, repr=False)
class CdfTable(ArrayCodec):
    """Symbol i, 0 ... levels - 1, has the distribution of row index[i].

    starts: uint32 [rows, levels + 1], each row strictly increasing from 0 to 2^precision: symbol c
    has the interval [starts[c], starts[c + 1]). At most 65,536 rows and 256 levels; precision up to
    24. index: uint16 of any shape. shape: of the symbols; that of the index, or one to which it
    broadcasts. Pops uint8.

    >>> message = Message([1 << 63])
    >>> codec = CdfTable.from_probability([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])
    >>> codec.push(message, [0, 2])
    >>> codec.pop(message).tolist()
    [0, 2]
    """

    starts: NDArray[np.uint32]
    index: NDArray[np.uint16]
    precision: int = 24
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_precision(self.precision)
        total = 1 << self.precision
        starts = as_parameters(
            self.starts, np.uint32, "the starts of rows", 0, total, "CdfTable.from_probability"
        )
        if starts.ndim != 2 or not 1 <= len(starts) <= 65536 or not 2 <= starts.shape[1] <= 257:
            raise MessageError(
                "the starts of rows have the shape [rows, levels + 1], with 1 to 65,536 rows and 1"
                f" to 256 levels, not {starts.shape}"
            )
        if (starts[:, 0] != 0).any() or (starts[:, -1] != total).any():
            raise MessageError("the starts of each row must run from 0 to 2^precision")
        if (starts[:, 1:] <= starts[:, :-1]).any():
            raise MessageError("the starts of each row must increase strictly")
        object.__setattr__(self, "starts", starts)
        (index,) = together(("index", self.index), shape=self.shape)
        index = as_parameters(index, np.uint16, "the indices of rows", 0, len(starts) - 1)
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "shape", index.shape)

    @classmethod
    def from_probability(cls, probability: ArrayLike, precision: int = 24) -> CdfTable:
        """One row of float probabilities for each symbol: [n, levels] for n symbols; n <= 65,536.

        Rounded once, q = round(p * 2^32), halves to even. From there on integers:
        T[c] = floor(2^16 * (q[0] + ... + q[c - 1]) / (q[0] + ... + q[levels - 1])).
        Raises MessageError for numbers that are negative, not finite or above 1, and for rows that
        are all zero.
        """
        p = np.asarray(probability, np.float64)
        if p.ndim != 2:
            raise MessageError(f"probabilities must have the shape [n, levels], not {p.shape}")
        require_within(p, 0, 1, "probabilities")
        q = np.rint(p * 2.0**32).astype(np.uint64)
        total = q.sum(-1, keepdims=True)
        if not bool(np.all(total > 0)):
            raise MessageError("a row of probabilities is all zero")
        cumulative = ((np.cumsum(q, -1) - q) << np.uint64(CUMULATIVE_BITS)) // total
        return cls(starts_of(cumulative, precision), np.arange(len(p), dtype=np.uint16), precision)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_pushed(symbols, np.uint8, self.index.shape, self.starts.shape[1] - 1)
        _core.push_rows(message, self.starts, self.index, self.precision, x)

    def pop(self, message: Message) -> NDArray[np.uint8]:
        return _core.pop_rows(message, self.starts, self.index, self.precision)
