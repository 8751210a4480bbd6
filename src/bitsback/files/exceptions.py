"""Numbers that follow a rule, except for some (docs/format.md, A6.3 and A6.10)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError

Exceptions = NDArray[np.uint32]
"""Pairs (how many numbers follow the rule since the exception before, number): [pairs, 2]."""


def exceptions_from(numbers: NDArray[Any], rule: NDArray[Any] | int) -> Exceptions:
    """The numbers that differ from those of a rule."""
    places = np.flatnonzero(numbers != rule)
    between = np.diff(places, prepend=-1) - 1
    return np.stack([between, numbers[places]], 1).astype(np.uint32)


def pairs_from(numbers: Iterable[int], count: int) -> Exceptions:
    """So many pairs, from their numbers one after the other. Raises ArchiveError for one that is
    too large.
    """
    try:
        return np.fromiter(numbers, np.uint32, 2 * count).reshape(-1, 2)
    except OverflowError:
        raise ArchiveError("its container metadata has an exception that is too large") from None
