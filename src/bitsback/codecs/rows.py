"""Categorical distributions out of a shared table: one row for each symbol."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import (
    as_parameters,
    as_pushed,
    as_symbols,
    check_precision,
    require_within,
    together,
)
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import bits_of
from bitsback.errors import MessageError
from bitsback.message import Message

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
class Rows(ByValue):
    """Symbol i, 0 ... levels - 1, has the distribution of row index[i].

    starts: uint32 [rows, levels + 1], each row strictly increasing from 0 to 2^precision: symbol c
    has the interval [starts[c], starts[c + 1]). At most 65,536 rows and 256 levels; precision up to
    24. index: uint16 of any shape. shape: of the symbols; that of the index, or one to which it
    broadcasts. Pops uint8.

    >>> message = Message([1 << 63])
    >>> codec = Rows.from_probability([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])
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
            self.starts, np.uint32, "the starts of rows", 0, total, "Rows.from_probability"
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
    def from_probability(cls, probability: ArrayLike, precision: int = 24) -> "Rows":
        """One row of float probabilities for each symbol: [n, levels] for n symbols; n <= 65,536.

        Rounded once, q = round(p * 2^32), halves to even. From there on integers:
        T[c] = floor(2^16 * (q[0] + ... + q[c - 1]) / (q[0] + ... + q[levels - 1])).
        Raises MessageError for what is negative, not finite, above 1, or a row that is all zero.
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

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        c = as_symbols(symbols, np.intp, self.index.shape, self.starts.shape[1] - 1)
        return bits_of(self.starts[self.index, c + 1] - self.starts[self.index, c], self.precision)
