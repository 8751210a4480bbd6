"""The items of a block without an order: one multiset for each run (docs/format.md, Multisets)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.coding.layouts import elements_of
from bitsback.format.runs import Run
from bitsback.message import Message

Rows = NDArray[Any]
"""Items of one run, [items, elements]."""


class Multisets:
    """The multisets of a block.

    An encoder gives the elements and symbols of the items, and picks items from the multisets. A
    decoder starts with empty multisets and puts items into them.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        elements: NDArray[Any] | None = None,
        symbols: NDArray[Any] | None = None,
    ) -> None:
        self._runs = runs
        self._left = [_core.Multiset() for _ in runs]
        self._tables: list[Rows] = []
        if elements is not None and symbols is not None:
            self._tables = list(_rows(symbols, runs))
            for left, rows in zip(self._left, _rows(elements, runs), strict=True):
                left.add(_keys(rows))

    def pick(self, message: Message, places: range) -> NDArray[Any]:
        """Picks items for these places by bits of the message. Returns their symbols, flat.

        Only items that have not been picked yet can be chosen.
        """
        picked = [
            self._tables[number][self._left[number].pop(message, run.items)].reshape(-1)
            for number, run in self._at(places)
        ]
        return picked[0] if len(picked) == 1 else np.concatenate(picked)

    def put(self, message: Message, places: range, symbols: NDArray[Any]) -> None:
        """Undoes `pick`."""
        numbers, runs = zip(*self._at(places), strict=True)
        picked = list(_rows(elements_of(symbols, runs), runs))
        for number, rows in zip(reversed(numbers), reversed(picked), strict=True):
            self._left[number].push(message, _keys(rows))

    def elements(self) -> NDArray[Any]:
        """The elements of all items that were put, flat, run by run."""
        found = [members.sorted() for members in self._left]
        flat = found[0] if len(found) == 1 else np.concatenate(found)
        return flat.view(self._runs[0].dtype)

    def _at(self, places: range) -> Iterator[tuple[int, Run]]:
        """The runs at these places: for each its number, and the run with so many items."""
        first = 0
        for number, run in enumerate(self._runs):
            count = min(places.stop, first + run.items) - max(places.start, first)
            if count > 0:
                yield number, replace(run, items=count)
            first += run.items


def _rows(flat: NDArray[Any], runs: Sequence[Run]) -> Iterator[Rows]:
    at = 0
    for run in runs:
        yield flat[at : at + run.elements].reshape(run.items, math.prod(run.shape))
        at += run.elements


def _keys(rows: Rows) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rows).view(np.uint8)
