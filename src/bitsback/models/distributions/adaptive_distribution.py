"""The base of adaptive distributions, which learn from the data as they code them.

They take data of any shape, and run only in the core.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.models.distributions.distribution import Distribution
from bitsback.models.item_shape import ItemShape, Shapes

Words = Callable[[int], NDArray[np.int64]]

_REACH = 600


def sums_for_test(n: int, words: Words) -> NDArray[np.int64]:
    """Sums of products [n + 1, n + 1] of n inputs and a target, over n - 1 vectors.

    The vectors are fewer than the inputs, so least squares without a ridge have no solution.
    """
    rows, columns = max(n - 1, 0), n + 1
    v = words(rows * columns).reshape(rows, columns) % (2 * _REACH + 1) - _REACH
    return v.T @ v


@dataclass(frozen=True, eq=False, kw_only=True)
class AdaptiveDistribution(Distribution):
    """A distribution of data of any shape and number of levels that depends on no variable."""

    @abstractmethod
    def for_test(self, shape: ItemShape, words: Words, arithmetic: str) -> _core.Distribution:
        """The distribution for a test item, as variable 0 (docs/model-format.md, Test vectors).

        Its least squares start from sums that reveal rounding. words: a function that returns the
        next random numbers in [0, 2^32).
        """

    def state_memory(self, elements: int) -> int:
        """The bytes of memory for a batch of `elements` elements, without those of its items."""
        return 0

    def decodable(self, shapes: Shapes, items: int) -> int:
        """How many first items of a batch are decoded to have the first `items`."""
        return sum(count for count, _ in shapes)

    def steps(self, shape: ItemShape) -> int:
        return 0  # the MACs count them
