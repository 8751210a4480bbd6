"""The order that the items of a multiset come back in (docs/format.md, Multisets)."""

from dataclasses import dataclass
from math import lgamma, log, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.pieces import Pieces


@dataclass(frozen=True, eq=False)
class Canonical:
    """Pieces in the order of their bytes, among those of their shape."""

    pieces: Pieces
    order: NDArray[np.intp]
    """For each of them its number before."""
    bits: float
    """What another order of them would have taken: log2 of the number of orders that differ."""


def canonical(pieces: Pieces) -> Canonical:
    elements, orders, bits = [], [np.empty(0, np.intp)], 0.0
    first = at = 0
    for count, shape in pieces.shapes:
        size = prod(shape)
        rows = pieces.elements[at : at + count * size].reshape(count, size)
        order = order_of_rows(rows)
        elements.append(rows[order].reshape(-1))
        orders.append(first + order)
        bits += _order_bits(rows[order])
        first, at = first + count, at + count * size
    flat = np.concatenate(elements, dtype=pieces.dtype) if elements else pieces.elements
    return Canonical(Pieces(flat, pieces.shapes), np.concatenate(orders), bits)


def order_of_rows(rows: NDArray[Any]) -> NDArray[np.intp]:
    """The order of rows by their bytes; those that are equal stay as they are. rows: [n, size],
    C-contiguous.
    """
    if not rows.size:
        return np.arange(len(rows))
    keys = rows.view(f"V{rows.shape[1] * rows.itemsize}").reshape(-1)
    return np.argsort(keys, kind="stable")


def _order_bits(rows: NDArray[Any]) -> float:
    """log2(n! / (m1! m2! ...)) for n rows in order, of which m1, m2, ... are equal."""
    if not rows.size:
        return 0.0
    data = rows.view(np.uint8)
    begins = np.append(True, (data[1:] != data[:-1]).any(1))
    sizes = np.diff(np.append(np.flatnonzero(begins), len(rows)))
    return _log2_factorial(len(rows)) - sum(map(_log2_factorial, sizes[sizes > 1].tolist()))


def _log2_factorial(n: int) -> float:
    return lgamma(n + 1) / log(2)
