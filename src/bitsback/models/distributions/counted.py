"""Images of any size and up to 256 levels, each pixel by binary decisions: contexts count how often
each came out as 1, and mixers put their probabilities together in the logistic domain.

Source: Mahoney 2005 (context mixing in PAQ); docs/model-format.md, for its integers. Nothing in it
is learned from other data.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.distributions.adaptive_distribution import AdaptiveDistribution, Words
from bitsback.models.distributions.context_mixing import ContextMixing, read_mixing
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.integer import Size
from bitsback.models.item_shape import ItemShape


@dataclass(frozen=True, eq=False, kw_only=True)
class CountedDistribution(AdaptiveDistribution):
    precision: int
    mixing: ContextMixing

    def core(self, size: Size | None, numbers: Mapping[str, int]) -> _core.Distribution:
        return self._core_of(numbers[self.variable.name])

    def for_test(self, shape: ItemShape, words: Words, arithmetic: str) -> _core.Distribution:
        if shape.levels > self.variable.levels:
            raise ModelError("the items of the test have more levels than the data")
        return self._core_of(0)

    def _core_of(self, variable: int) -> _core.Distribution:
        return _core.distribution("counted", variable, **self.mixing.fields(self.precision))

    def state_memory(self, elements: int) -> int:
        return self.mixing.state_memory(elements)

    def memory(self, shape: ItemShape) -> int:
        return self.mixing.memory(shape)

    def macs(self, shape: ItemShape) -> int:
        return self.mixing.macs(shape)

    def steps(self, shape: ItemShape) -> int:
        return 0  # the MACs count them


def read(source: DistributionEntry, codec: str) -> CountedDistribution:
    source.require_data_alone(codec)
    fields = source.fields
    precision, lag = fields.integer("precision", 16, 24), fields.integer("lag", 1, 4096)
    mixing = read_mixing(fields, source.key, source.variable.levels, lag)
    return CountedDistribution(variable=source.variable, precision=precision, mixing=mixing)
