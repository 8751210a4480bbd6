"""Rows of weights, one for each symbol, that are coded with as they are."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.message import Message

Weights: TypeAlias = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OwnWeights:
    """weights: [n, levels], in C order. scales: [n], and ends: [n, blocks], sums of its weights,
    are what the core has found out of each row, so that none is read as a whole again.
    """

    weights: Weights
    precision: int
    scales: NDArray[np.float64]
    ends: NDArray[np.uint64]

    @classmethod
    def of(cls, weights: Weights, precision: int) -> "OwnWeights":
        """Raises MessageError for weights that are negative, not finite, or a row of zeros."""
        return cls(weights, precision, *_core.look_at_weights(weights, precision))

    def push(self, message: Message, symbols: NDArray[np.uint32]) -> None:
        _core.push_own_weights(
            message, self.weights, self.precision, self.scales, self.ends, symbols
        )

    def pop(self, message: Message) -> NDArray[np.uint32]:
        return _core.pop_own_weights(message, self.weights, self.precision, self.scales, self.ends)

    def frequencies_of(self, symbols: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Of one symbol a row."""
        return _core.own_weights_frequencies(
            self.weights, self.precision, self.scales, self.ends, symbols
        )

    def frequencies(self) -> NDArray[np.uint32]:
        """Of all symbols, [n, levels]."""
        return _core.frequencies_of(self.weights.astype(np.float64, copy=False), self.precision)
