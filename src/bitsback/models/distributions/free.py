"""The distribution of a free model: over items of any shape and number of levels."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.message import Message
from bitsback.models.distributions import predictive, series
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.planes import PlaneShape


class FreeDistribution(Protocol):
    def push(
        self, message: Message, symbols: NDArray[Any], shapes: Sequence[PlaneShape]
    ) -> None: ...
    def pop(
        self, message: Message, shapes: Sequence[PlaneShape], dtype: np.dtype[Any]
    ) -> NDArray[Any]: ...
    def room(self, shape: PlaneShape) -> int: ...
    def work(self, shape: PlaneShape) -> int: ...
    def steps(self, shape: PlaneShape) -> int: ...


_KINDS: dict[str, Callable[[DistributionEntry], FreeDistribution]] = {
    predictive.PREDICTIVE: predictive.read,
    series.SERIES: series.read,
}


def read_free(source: DistributionEntry) -> FreeDistribution:
    """From the entry of `distributions`. Raises ModelError, naming it, for anything that
    docs/model-format.md does not allow.
    """
    return _KINDS[source.fields.peek_text("codec", *_KINDS)](source)
