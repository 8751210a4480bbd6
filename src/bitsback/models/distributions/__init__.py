"""The distributions of a model, with which its variables are pushed and popped, one in each file.

A distribution has

- `variable` and `given`: its variable, and those on which it depends;
- `codec(values, items, size)`: of its variable [items, elements], by public codecs; `values` has
  what is given, each [items, elements], for images of this size;
- `parameters(values, size)`: the integers that its network gives for it, each [items, elements];
- `core(size, numbers)`: the codec in the core; `numbers` are those of the variables there. The size
  is None in a model whose data have any shape;
- `memory(shape)`: the bytes that coding an item takes, beside its variables;
- `macs(shape)`: the multiply-adds that it takes, beside those of networks that read variables;
- `steps(shape)`: the arrays that coding a batch of such items takes.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.distributions import (
    autoregressive,
    counted,
    gaussian,
    independent,
    predictive,
    series,
    uniform,
    wavefront,
)
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families import INDEPENDENT
from bitsback.models.integer import Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import Variable

AUTOREGRESSIVE, PREDICTIVE, SERIES, COUNTED = "autoregressive", "predictive", "series", "counted"
WAVEFRONT = "wavefront"
ANY_SHAPE = (PREDICTIVE, SERIES, COUNTED, WAVEFRONT)
"""The codecs for data of any shape."""


class Distribution(Protocol):
    @property
    def variable(self) -> Variable: ...
    @property
    def given(self) -> tuple[str, ...]: ...
    def codec(self, values: Mapping[str, NDArray[Any]], items: int, size: Size) -> Any: ...
    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]: ...
    def core(self, size: Any, numbers: Mapping[str, int]) -> _core.Distribution: ...
    def memory(self, shape: ItemShape) -> int: ...
    def macs(self, shape: ItemShape) -> int: ...
    def steps(self, shape: ItemShape) -> int: ...


_KINDS: dict[str, Callable[[DistributionEntry, str], Distribution]] = {
    "uniform": uniform.read,
    "gaussian": gaussian.read,
    **dict.fromkeys(INDEPENDENT, independent.read),
    AUTOREGRESSIVE: autoregressive.read,
    PREDICTIVE: predictive.read,
    SERIES: series.read,
    COUNTED: counted.read,
    WAVEFRONT: wavefront.read,
}


def read_distribution(source: DistributionEntry) -> Distribution:
    """Reads an entry of `distributions`. Raises ModelError, naming it, for anything that
    docs/model-format.md does not allow.
    """
    try:
        any_shape = source.variable.any_shape
        codec = source.fields.text("codec", *(ANY_SHAPE if any_shape else _KINDS))
        distribution = _KINDS[codec](source, codec)
        source.fields.done()
    except ModelError as error:
        raise ModelError(f"{source.key}: {error}") from None
    return distribution
