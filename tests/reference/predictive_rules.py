"""The description of the codec `predictive`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .counted_rules import KEYS as COUNTS
from .counted_rules import CountedRules
from .least_squares import to_matrix, triangle
from .network import Network
from .outputs import Mixture
from .rules import (
    check_integer,
    check_keys,
    check_list,
    check_names,
    check_pair,
    check_text,
    require,
)
from .values import ITEM, Ints, Tensors, Value, take
from .variables import Variable

KEYS = "codec precision mean_shift predictors window network outputs"
OPTIONAL = "maps quantiles features"  # of counts
FARTHEST = 8
MOST_INPUTS = 48
SEEN = 2048  # entries of the table of inputs
TOP = 127  # the greatest input

Offset = tuple[int, int]  # rows and columns


@dataclass
class Offsets:
    """Places relative to a pixel: in its own plane, and in those that it looks at."""

    own: list[Offset]
    first: list[Offset]
    second: list[Offset]

    def inputs(self, references: int) -> int:
        """The number of inputs of a plane with `references` references."""
        return sum(map(len, (self.own, self.first, self.second)[: references + 1]))

    @property
    def of_references(self) -> list[Offset]:
        return self.first + self.second


@dataclass
class Predictor:
    """A least squares predictor."""

    offsets: Offsets
    cell: int  # columns
    decay: tuple[int, int, int]  # those of the sums above, above to the left, above to the right
    ridge: int


def read_predictor(about: Any) -> Predictor:
    check_keys(about, "cell decay ridge own first second")
    offsets = read_offsets(about, 32, 32)
    require(offsets.inputs(2) <= MOST_INPUTS, f"a predictor has at most {MOST_INPUTS} inputs")
    above, left, right = (check_integer(d, 0, 252) for d in check_list(about["decay"], 3, 3))
    require(above + left + right <= 252, "the sum of the decay is at most 252")
    cell = check_integer(about["cell"], 4, 32)
    return Predictor(offsets, cell, (above, left, right), check_integer(about["ridge"], 1, 2**20))


def read_offsets(about: dict[str, Any], most_own: int, most: int) -> Offsets:
    own = read_list(about["own"], 1, most_own)
    require(all(offset < (0, 0) for offset in own), "own offsets are of pixels coded before")
    return Offsets(own, read_list(about["first"], 0, most), read_list(about["second"], 0, most))


def read_list(value: Any, least: int, most: int) -> list[Offset]:
    return [check_pair(pair, -FARTHEST, FARTHEST) for pair in check_list(value, least, most)]


class Predictive:
    """The codec, whole but for its network, which comes later, since its source depends on it."""

    def __init__(self, about: dict[str, Any], x: Variable, tensors: Tensors) -> None:
        check_keys(about, KEYS + (" counts" if "counts" in about else ""))
        self.about, self.x = about, x
        self.predictors = [read_predictor(of) for of in check_list(about["predictors"], 1, 4)]
        window = check_keys(about["window"], "own first second")
        self.window = read_offsets(window, 112, 64)
        self.network_name = check_text(about["network"], ".*")
        self.outputs = check_names(about["outputs"])
        self.see = read_see(tensors)
        self.starts = [
            read_start(tensors, number, of.offsets) for number, of in enumerate(self.predictors)
        ]
        self.counts: CountedRules | None = None
        if "counts" in about:
            precision = check_integer(about["precision"], 20, 24)
            counts = check_keys(about["counts"], f"sure {COUNTS}", OPTIONAL)
            self.counts = CountedRules(counts, x, precision, self.lag, self.width)

    @property
    def tensor_names(self) -> set[str]:
        starts = {f"x.start.{number}" for number in range(len(self.predictors))}
        return {"x.see"} | starts | {f"{self.network_name}.{name}" for name in Mixture.TENSORS}

    @property
    def width(self) -> int:
        """Bytes of a context."""
        return width(self.window, len(self.predictors))

    @property
    def sources(self) -> dict[str, dict[str, Value]]:
        """The values that its network takes, by source."""
        return {self.network_name: {"context": Value(self.width, ITEM, (0, TOP))}}

    @property
    def all_offsets(self) -> list[Offsets]:
        return [*(of.offsets for of in self.predictors), self.window]

    @cached_property
    def lag(self) -> int:
        """Steps from a pixel to the one below it."""
        return lag_of([of.cell for of in self.predictors], self.all_offsets)

    @cached_property
    def delay(self) -> int:
        """Steps from a pixel to the same one of the next plane."""
        of = [offset for of in self.all_offsets for offset in of.of_references]
        return 1 + max([0, *(self.lag * dr + dq for dr, dq in of)])

    def bind(self, networks: Mapping[str, Network], tensors: Tensors) -> None:
        """With the network of a pixel."""
        self.network = networks[self.network_name]
        require(
            all(value.where == ITEM for value in self.network.values.values()),
            "the values of the network of a pixel have one place",
        )
        self.mixture = Mixture(self.about, self.x, 1, self.network_name, tensors)
        require(len(self.outputs) == len(Mixture.OUTPUTS), "the outputs of a mixture")
        require(all(name in self.network.layers for name in self.outputs), "outputs are layers")
        self.mixture.check(*(self.network.values[name] for name in self.outputs))
        if self.counts and self.counts.layer is not None:
            require(self.counts.layer in self.network.layers, "features are those of a layer")
            layer = self.network.values[self.counts.layer]
            require(layer.range[0] >= 0 and layer.range[1] <= 255, "features lie within [0, 255]")
            require(layer.channels <= 1024, "there are at most 1,024 features of a layer")
            self.counts.features = self.width + layer.channels


def lag_of(cells: list[int], offsets: list[Offsets]) -> int:
    """Of predictors with these cells, and of all offsets of pixels."""
    own = [offset for of in offsets for offset in of.own]
    needed = (-(-(dq + 1) // -dr) for dr, dq in own if dr < 0)
    return max([2 * max(cells), *needed])


def width(window: Offsets, predictors: int) -> int:
    """Bytes of a context."""
    return window.inputs(2) + 2 * (1 + predictors) + 12


def read_see(tensors: Tensors) -> list[int]:
    see = take(tensors, "x.see", "uint8", SEEN)
    require(int(see.max()) <= TOP, f"x.see is at most {TOP}")
    return [int(entry) for entry in see]


def read_start(tensors: Tensors, number: int, of: Offsets) -> list[Ints]:
    """The sums above an image, by the number of references."""
    name = f"x.start.{number}"
    rows = take(tensors, name, "int32", 3, triangle(of.inputs(2)))
    require(int(abs(rows).max()) <= 2**26, f"{name} lies within [-2^26, 2^26]")
    starts = []
    for references, row in enumerate(rows):
        n = of.inputs(references)
        require(not row[triangle(n) :].any(), f"{name} is zero beyond its triangles")
        starts.append(to_matrix(row, n))
        require(int(starts[-1].diagonal().min()) >= 0, f"{name} has no negative diagonal")
    return starts
