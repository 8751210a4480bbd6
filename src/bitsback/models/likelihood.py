"""The distributions a pixel can have: from the outputs of a network to the codec of the pixels.

Each kind has

- `outputs`: the layers that the network must have, with their elements a pixel, and their ranges;
- `codec(*outputs)`: of pixels [...], for outputs [..., elements a pixel];
- `core`: what the core needs of it, by the names of its arguments;
- `tensor_names`: the tensors of the model that it is made from.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs import BernoulliTable, Mixture, Rows
from bitsback.codecs.rows import starts_of
from bitsback.errors import ModelError
from bitsback.integer import Bounds
from bitsback.integer.builder import tensor
from bitsback.integer.fields import Fields
from bitsback.models import grids
from bitsback.models.file import Tensors
from bitsback.tables import logistic_cdf

INDEPENDENT = ("bernoulli", "beta-binomial", "exponential")
"""The codecs of pixels that are independent, given the latents."""
IN_CONTEXT = ("bernoulli", "exponential", "mixture")
"""Those of pixels that depend on the ones before."""

ONE = range(1, 2)


@dataclass(frozen=True, eq=False)
class Bernoulli:
    """Two levels: the logit of a one, looked up in a table of frequencies."""

    table: NDArray[np.uint32]
    precision: int
    tensor_names: frozenset[str]

    outputs = {"logit": Bounds(ONE, 0, 255)}  # noqa: RUF012

    @property
    def core(self) -> dict[str, Any]:
        return {"pixel_table": self.table, "pixel_precision": self.precision}

    def codec(self, *outputs: NDArray[Any]) -> BernoulliTable:
        return BernoulliTable(self.table, outputs[0][..., 0], self.precision)


@dataclass(frozen=True, eq=False)
class Grid:
    """Any number of levels: two outputs choose a row of a grid of distributions."""

    table: NDArray[np.uint32]
    precision: int
    tensor_names: frozenset[str]

    @property
    def outputs(self) -> dict[str, Bounds]:
        rows, columns, _ = self.table.shape
        return {"first": Bounds(ONE, 0, rows - 1), "second": Bounds(ONE, 0, columns - 1)}

    @property
    def core(self) -> dict[str, Any]:
        return {"pixel_table": self.table, "pixel_precision": self.precision}

    def codec(self, *outputs: NDArray[Any]) -> Rows:
        first, second = (output[..., 0] for output in outputs)
        rows, columns, ends = self.table.shape
        index = first.astype(np.uint16) * np.uint16(columns) + second
        return Rows(self.table.reshape(rows * columns, ends), index, self.precision)


@dataclass(frozen=True, eq=False)
class LogisticMixture:
    """Any number of levels: a mixture of discretised logistics. Source: Salimans et al. 2017
    (PixelCNN++).
    """

    exponential: NDArray[np.uint32]
    """What a `weight` means: uint32 [256]."""
    inverse_scale: NDArray[np.uint32]
    """What a `scale` means, uint32 [256], in units of 2^-16."""
    levels: int
    precision: int
    tensor_names: frozenset[str]

    outputs = {  # noqa: RUF012
        "weight": Bounds(range(1, 33), 0, 255),
        "mean": Bounds(range(1, 33), -32768, 32767),
        "scale": Bounds(range(1, 33), 0, 255),
    }

    @property
    def core(self) -> dict[str, Any]:
        mixture = self.exponential, self.inverse_scale, logistic_cdf()
        return {"pixel_mixture": mixture, "levels": self.levels, "pixel_precision": self.precision}

    def codec(self, *outputs: NDArray[Any]) -> Mixture:
        weight, mean, scale = outputs
        return mixture_parameters(
            weight, mean, scale, self.exponential, self.inverse_scale, self.levels, self.precision
        )


def mixture_parameters(
    weight: NDArray[np.uint8],
    mean: NDArray[np.int16],
    scale: NDArray[np.uint8],
    exponential: NDArray[np.uint32],
    inverse_scale: NDArray[np.uint32],
    levels: int,
    precision: int,
) -> Mixture:
    """The codec of pixels [n] from a network's outputs [n, components]: docs/model-format.md,
    mixture.
    """
    ends = np.cumsum(exponential[weight], -1, dtype=np.uint64)
    ends = (ends << np.uint64(16)) // ends[..., -1:]
    weights = np.diff(ends, axis=-1, prepend=np.uint64(0)).astype(np.uint32)
    return Mixture(weights, mean.astype(np.int32) << 2, inverse_scale[scale], levels, precision)


Likelihood = Bernoulli | Grid | LogisticMixture


def read(
    fields: Fields, tensors: Tensors, levels: int, owner: str, codecs: tuple[str, ...]
) -> Likelihood:
    """From the fields `codec` and `precision` of a description; the network is another matter.

    owner: with which the names of its tensors begin. codecs: those that are allowed. Raises
    ModelError for anything that docs/model-format.md does not allow.
    """
    codec = fields.text("codec", *codecs)
    if codec == "bernoulli":
        precision = fields.integer("precision", 8, 16)
        if levels != 2:
            raise ModelError(f"{owner}: a bernoulli is for 2 levels, not {levels}")
        name = f"{owner}.probability"
        probability = bounded(tensors, name, "uint16", (256,), 1, (1 << precision) - 1)
        return Bernoulli(probability.astype(np.uint32), precision, frozenset((name,)))
    if codec == "mixture":
        precision = fields.integer("precision", 20, 24)
        names = f"{owner}.exponential", f"{owner}.inverse_scale"
        exponential = bounded(tensors, names[0], "uint32", (256,), 1, 1 << 24)
        inverse_scale = bounded(tensors, names[1], "uint32", (256,), 1, 1 << 26)
        return LogisticMixture(exponential, inverse_scale, levels, precision, frozenset(names))
    precision = fields.integer("precision", 16, 24)
    if codec == "beta-binomial":
        if levels != 256:
            raise ModelError(
                f"{owner}: the table of beta-binomials is for 256 levels, not {levels}"
            )
        return Grid(starts_of(grids.beta_binomial(), precision), precision, frozenset())
    return _read_exponential(precision, tensors, levels, owner)


def _read_exponential(precision: int, tensors: Tensors, levels: int, owner: str) -> Grid:
    sizes = {
        "base": range(levels, levels + 1),
        "first_statistic": range(levels, levels + 1),
        "second_statistic": range(levels, levels + 1),
        "first_value": range(1, 257),
        "second_value": range(1, 257),
    }
    arrays: dict[str, NDArray[Any]] = {}
    for part, allowed in sizes.items():
        arrays[part] = tensor(tensors, f"{owner}.{part}", "int16")
        if arrays[part].ndim != 1 or arrays[part].size not in allowed:
            raise ModelError(
                f"the tensor {owner}.{part} must have {allowed[0]} to {allowed[-1]} entries"
            )
    if arrays["first_value"].size * arrays["second_value"].size > 4096:
        raise ModelError(f"{owner}: a grid has at most 4,096 rows")
    grid = grids.exponential(**arrays)
    return Grid(
        starts_of(grid, precision), precision, frozenset(f"{owner}.{part}" for part in sizes)
    )


def bounded(
    tensors: Tensors, name: str, dtype: str, shape: tuple[int, ...], low: int, high: int
) -> NDArray[Any]:
    """The tensor `name`, of this dtype and shape, with entries from `low` to `high`; ModelError
    otherwise.
    """
    array = tensor(tensors, name, dtype)
    if array.shape != shape or not low <= int(array.min()) <= int(array.max()) <= high:
        raise ModelError(
            f"the tensor {name} must have the shape {shape} and entries from {low} to {high}"
        )
    return array
