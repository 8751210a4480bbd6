"""Families of distributions of one element, with parameters from the outputs of a network.

The element belongs to the data; some families also suit latents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback import _core, tables
from bitsback.codecs.categorical import starts_of
from bitsback.errors import ModelError
from bitsback.models import grids
from bitsback.models.integer import Network
from bitsback.models.integer.fields import Fields, TensorReader

Range = tuple[int, int]
"""Lowest and highest value, both included."""

_BYTE: Range = (0, 255)
_WORD: Range = (-32768, 32767)


@dataclass(frozen=True, eq=False)
class Family:
    kind: str
    """The name of the family in the core."""
    fields: dict[str, Any]
    """The arguments for the core."""
    outputs: tuple[Range, ...]
    """The allowed values of each output of a network, for one element."""
    most_components: int = 1
    """The greatest number of components, which is how many numbers each output has per element."""

    def core(self) -> _core.Family:
        return _core.family(self.kind, **self.fields)


@dataclass(frozen=True)
class FamilyEntry:
    """The source of a family: the fields of a distribution or a group, and its tensors."""

    codec: str
    fields: Fields
    tensors: TensorReader
    levels: int
    network: str
    """The network whose name begins the names of its tensors."""

    def require_levels(self, low: int, high: int) -> None:
        if not low <= self.levels <= high:
            raise ModelError(
                f"{self.network}: the codec {self.codec} is for {low} to {high} levels, not"
                f" {self.levels}"
            )

    def table(self, name: str, dtype: str, low: int, high: int) -> NDArray[Any]:
        """The table of the value of each output byte: [256]."""
        return self.tensors.bounded(f"{self.network}.{name}", dtype, (256,), low, high)


def _read_bernoulli(source: FamilyEntry) -> Family:
    """Two levels. The output is the logit of symbol 1, which a table turns into a frequency."""
    source.require_levels(2, 2)
    precision = source.fields.integer("precision", 8, 16)
    table = source.table("probability", "uint16", 1, (1 << precision) - 1).astype("uint32")
    return Family("bernoulli", {"table": table, "precision": precision}, (_BYTE,))


def _grid(cumulative: NDArray[Any], precision: int) -> Family:
    """A grid of distributions. Its row and its column are the two outputs."""
    starts = starts_of(cumulative, precision)
    outputs = (0, starts.shape[0] - 1), (0, starts.shape[1] - 1)
    return Family("cdf-table", {"starts": starts, "precision": precision}, outputs)


def _read_beta_binomial(source: FamilyEntry) -> Family:
    source.require_levels(256, 256)
    return _grid(grids.beta_binomial(), source.fields.integer("precision", 16, 24))


def _read_exponential(source: FamilyEntry) -> Family:
    """A grid of learned exponential families."""
    source.require_levels(2, 256)
    precision, levels = source.fields.integer("precision", 16, 24), source.levels
    sizes = dict.fromkeys(("base", "first_statistic", "second_statistic"), (levels, levels))
    sizes |= dict.fromkeys(("first_value", "second_value"), (1, 256))
    arrays: dict[str, NDArray[Any]] = {}
    for part, (low, high) in sizes.items():
        name = f"{source.network}.{part}"
        arrays[part] = source.tensors.get(name, "int16", dimensions=1)
        if not low <= arrays[part].size <= high:
            raise ModelError(f"the tensor {name} must have {low} to {high} entries")
    if arrays["first_value"].size * arrays["second_value"].size > 4096:
        raise ModelError(f"{source.network}: a grid has at most 4,096 rows")
    return _grid(grids.exponential(**arrays), precision)


def _read_mixture(source: FamilyEntry) -> Family:
    """Mixtures of discretised logistics. Source: Salimans et al. 2017 (PixelCNN++)."""
    fields = {
        **_location(source),
        "exponential": source.table("exponential", "uint32", 1, 1 << 24),
        "inverse_scale": source.table("inverse_scale", "uint32", 1, 1 << 26),
        "cdf": tables.logistic_cdf(),
    }
    return Family("mixture", fields, (_BYTE, _WORD, _BYTE), most_components=32)


def _read_normal(source: FamilyEntry) -> Family:
    """Discretised normals over the levels of a variable: latents on a fixed grid."""
    fields = {
        **_location(source),
        "inverse_scale": source.table("inverse_scale", "uint32", 1, 1 << 26),
        "quantile": tables.normal_quantile(),
        "cdf": tables.normal_cdf(),
    }
    return Family(NORMAL, fields, (_WORD, _BYTE))


def _location(source: FamilyEntry) -> dict[str, Any]:
    return {
        "levels": source.levels,
        "precision": source.fields.integer("precision", 20, 24),
        "mean_shift": source.fields.integer("mean_shift", 0, 9),
    }


NORMAL = "normal"
_KINDS: dict[str, Callable[[FamilyEntry], Family]] = {
    "bernoulli": _read_bernoulli,
    "beta-binomial": _read_beta_binomial,
    "exponential": _read_exponential,
    "mixture": _read_mixture,
    NORMAL: _read_normal,
}
INDEPENDENT = tuple(_KINDS)
"""The codecs of elements that are independent given other variables."""
OF_LATENTS = ("mixture", NORMAL)
"""The families that latents can have too."""
IN_CONTEXT = ("bernoulli", "exponential", "mixture")
"""The families of a pixel's channels in an autoregressive model."""


def read_family(
    codec: str, fields: Fields, tensors: TensorReader, levels: int, network: str
) -> Family:
    """Reads the family from the fields of a distribution or a group.

    network: its name begins the names of the family's tensors. Raises ModelError for anything that
    docs/model-format.md does not allow.
    """
    return _KINDS[codec](FamilyEntry(codec, fields, tensors, levels, network))


def check_outputs(family: Family, names: list[str], network: Network, channels: int) -> None:
    """Raises ModelError for outputs that do not suit the family, or differ in their components.

    channels: the number of channels of the variable, or of the group.
    """
    known, where = network.known, network.name
    if len(set(names)) != len(family.outputs) or len(names) != len(family.outputs):
        raise ModelError(f"{where}: 'outputs' must name {len(family.outputs)} different layers")
    first = known[names[0]].channels
    if first % channels or not 1 <= first // channels <= family.most_components:
        raise ModelError(
            f"{where}: '{names[0]}' must have 1 to {family.most_components} numbers for each of"
            f" {channels} channels, not {first} in all"
        )
    for name, allowed in zip(names, family.outputs, strict=True):
        values = known[name]
        if values.channels != first or not values.within(*allowed):
            raise ModelError(
                f"{where}: '{name}' must have {first} channels in [{allowed[0]}, {allowed[1]}], and"
                f" has {values}"
            )
