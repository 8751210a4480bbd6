"""The order in which the items of a multiset come back (docs/format.md, Multisets)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma, log, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.format.tiles import Tiles


@dataclass(frozen=True, eq=False)
class Canonical:
    """Tiles sorted by their bytes, separately for each shape."""

    tiles: Tiles
    order: NDArray[np.intp]
    """The original number of each tile."""
    bits: float
    """The bits that another order would have taken: log2 of the number of different orders."""


def canonical(tiles: Tiles, ties: Sequence[NDArray[Any]] = ()) -> Canonical:
    """Sorts tiles. ties: arrays with a record for each tile; the records order equal tiles."""
    elements, orders, bits = [], [np.empty(0, np.intp)], 0.0
    first = at = 0
    for count, shape in tiles.shapes:
        size = prod(shape)
        rows = tiles.elements[at : at + count * size].reshape(count, size)
        order = order_of_rows(rows, [array[first : first + count] for array in ties])
        in_order = rows[order]
        elements.append(in_order.reshape(-1))
        orders.append(first + order)
        bits += _order_bits(in_order)
        first, at = first + count, at + count * size
    flat = elements[0] if len(elements) == 1 else np.concatenate([tiles.elements[:0], *elements])
    return Canonical(Tiles(flat, tiles.shapes), np.concatenate(orders), bits)


def order_of_rows(rows: NDArray[Any], ties: Sequence[NDArray[Any]] = ()) -> NDArray[np.intp]:
    """The order of rows by their bytes, then by the bytes of the ties.

    The sort is stable. rows: [n, size]. ties: [n, ...] each.
    """
    order = np.arange(len(rows))
    for array in ties[::-1]:
        order = order[_sorted_by(array[order])]
    return order[_sorted_by(rows[order] if ties else rows)]


def _sorted_by(rows: NDArray[Any]) -> NDArray[np.intp]:
    if not rows.size:
        return np.arange(len(rows))
    flat = np.ascontiguousarray(rows.reshape(len(rows), -1))
    return np.argsort(flat.view(f"V{flat.shape[1] * flat.itemsize}").reshape(-1), kind="stable")


def _order_bits(rows: NDArray[Any]) -> float:
    """log2(n! / (m1! m2! ...)) for n rows in order, with groups of m1, m2, ... equal rows."""
    if not rows.size:
        return 0.0
    data = rows.view(np.uint8)
    begins = np.append(True, (data[1:] != data[:-1]).any(1))
    sizes = np.diff(np.append(np.flatnonzero(begins), len(rows)))
    return _log2_factorial(len(rows)) - sum(map(_log2_factorial, sizes[sizes > 1].tolist()))


def _log2_factorial(n: int) -> float:
    return lgamma(n + 1) / log(2)
