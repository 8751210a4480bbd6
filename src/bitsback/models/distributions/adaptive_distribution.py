"""The common part of the distributions that learn from the data as they code them: they take data
of any shape, and only the core codes them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.integer import Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import Variable

Words = Callable[[int], NDArray[np.int64]]

_REACH = 600


def sums_for_test(n: int, words: Words) -> NDArray[np.int64]:
    """Sums of products [n + 1, n + 1] of n inputs and a target, over n - 1 vectors, so that least
    squares without a ridge have no solution.
    """
    rows, columns = max(n - 1, 0), n + 1
    v = words(rows * columns).reshape(rows, columns) % (2 * _REACH + 1) - _REACH
    return v.T @ v


class AdaptiveDistribution(ABC):
    """A distribution of data of any shape and number of levels, given nothing."""

    variable: Variable

    @property
    def given(self) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def core(self, size: Size | None, numbers: Mapping[str, int]) -> _core.Distribution: ...

    @abstractmethod
    def for_test(self, shape: ItemShape, words: Words, arithmetic: str) -> _core.Distribution:
        """The distribution of a test item, as variable 0: least squares start from sums that reveal
        rounding (docs/model-format.md, Test vectors). words: a function that returns the next
        random numbers of [0, 2^32).
        """

    @abstractmethod
    def memory(self, shape: ItemShape) -> int: ...

    @abstractmethod
    def macs(self, shape: ItemShape) -> int: ...

    @abstractmethod
    def steps(self, shape: ItemShape) -> int: ...

    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]:
        return []

    def codec(self, values: Mapping[str, NDArray[Any]], items: int, size: Size) -> Any:
        raise ModelError(
            "only the core codes with an adaptive distribution: bind the model to shapes"
        )

    def state_memory(self, elements: int) -> int:
        """The memory, in bytes, of a batch of `elements` elements, besides that of each item."""
        return 0
