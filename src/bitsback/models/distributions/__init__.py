"""The distributions of a model, by which its variables are pushed and popped. One is a file.

A distribution has

- `variable` and `given`: what it is of, and what it depends on;
- `codec(values, items, size)`: of its variable [items, elements], by public codecs; `values` has
  what is given, each [items, elements], for images of this size;
- `parameters(values, size)`: the integers that its network gives for it, each [items, elements];
- `core(size, numbers)`: the codec in the core; `numbers` are those of the variables there;
- `room(size)`: the bytes that coding an item takes, beside its variables;
- `steps(size)`: the arrays that coding a batch takes.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer import Size
from bitsback.models.distributions import gaussian, independent, scan, uniform
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families import INDEPENDENT
from bitsback.models.variables import Variable

SCAN = "scan"


class Distribution(Protocol):
    @property
    def variable(self) -> Variable: ...
    @property
    def given(self) -> tuple[str, ...]: ...
    def codec(self, values: Mapping[str, NDArray[Any]], items: int, size: Size) -> Any: ...
    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]: ...
    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Distribution: ...
    def room(self, size: Size) -> int: ...
    def steps(self, size: Size) -> int: ...


_KINDS: dict[str, Callable[[DistributionEntry, str], Distribution]] = {
    "uniform": uniform.read,
    "gaussian": gaussian.read,
    **dict.fromkeys(INDEPENDENT, independent.read),
    SCAN: scan.read,
}


def read_distribution(source: DistributionEntry) -> Distribution:
    """From an entry of `distributions`. Raises ModelError, naming it, for anything that
    docs/model-format.md does not allow.
    """
    try:
        codec = source.fields.text("codec", *_KINDS)
        distribution = _KINDS[codec](source, codec)
        source.fields.done()
    except ModelError as error:
        raise ModelError(f"{source.key}: {error}") from None
    return distribution
