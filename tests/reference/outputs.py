"""The meaning of a network's outputs: the codecs of docs/model-format.md, apart from `uniform` and
`autoregressive`.

Each is a class with its OUTPUTS, its KEYS besides codec, precision, network and outputs, and its
TENSORS. It is made from its part of a description, for n channels of a variable, and a prefix N of
the names of its tensors; `check` checks the outputs against the format; `intervals` returns a
distribution for each element, given the outputs as arrays [..., channels].
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Protocol

from . import codecs, grids
from .codecs import Interval
from .rules import check_integer, require
from .values import Ints, Range, Tensors, Value, look_up, take
from .variables import Variable


class Meaning(Protocol):
    OUTPUTS: ClassVar[tuple[str, ...]]
    KEYS: ClassVar[str]
    TENSORS: ClassVar[tuple[str, ...]]
    n: int

    def __init__(
        self, about: dict[str, Any], variable: Variable, n: int, prefix: str, tensors: Tensors
    ) -> None: ...

    def check(self, *outputs: Value) -> None: ...

    def intervals(self, *outputs: Ints) -> Sequence[Interval]: ...


def check_output(output: Value, channels: int, of: Range) -> None:
    lo, hi = output.range
    require(output.channels == channels, f"an output has {channels} channels")
    require(of[0] <= lo and hi <= of[1], f"an output lies within {of}")


def flat(output: Ints) -> list[int]:
    return [int(value) for value in output.ravel()]


class Gaussian:
    OUTPUTS: ClassVar[tuple[str, ...]] = ("mean", "scale")
    KEYS: ClassVar[str] = ""
    TENSORS: ClassVar[tuple[str, ...]] = ("inverse_scale",)

    def __init__(
        self, about: dict[str, Any], variable: Variable, n: int, prefix: str, tensors: Tensors
    ) -> None:
        self.n = n
        require(not variable.is_data, "gaussian is for latents")
        self.bits = variable.bits
        self.precision = check_integer(about["precision"], self.bits + 4, 24)
        self.inverse_scale = look_up(tensors, f"{prefix}.inverse_scale", "uint32", 2**10, 2**26)

    def check(self, *outputs: Value) -> None:
        mean, scale = outputs
        check_output(mean, self.n, (-2048, 2047))
        check_output(scale, self.n, (0, 255))

    def intervals(self, *outputs: Ints) -> Sequence[Interval]:
        return [
            codecs.GaussianBuckets(
                mean * 2**8, self.inverse_scale[scale], self.bits, self.precision
            )
            for mean, scale in zip(*map(flat, outputs), strict=True)
        ]


class Bernoulli:
    OUTPUTS: ClassVar[tuple[str, ...]] = ("logit",)
    KEYS: ClassVar[str] = ""
    TENSORS: ClassVar[tuple[str, ...]] = ("probability",)

    def __init__(
        self, about: dict[str, Any], variable: Variable, n: int, prefix: str, tensors: Tensors
    ) -> None:
        self.n = n
        require(variable.is_data and variable.levels == 2, "bernoulli is for x of 2 levels")
        self.precision = check_integer(about["precision"], 8, 16)
        most = 2**self.precision - 1
        self.probability = look_up(tensors, f"{prefix}.probability", "uint16", 1, most)

    def check(self, *outputs: Value) -> None:
        check_output(outputs[0], self.n, (0, 255))

    def intervals(self, *outputs: Ints) -> Sequence[Interval]:
        return [
            codecs.Bernoulli(self.probability[logit], self.precision) for logit in flat(outputs[0])
        ]


class BetaBinomial:
    OUTPUTS: ClassVar[tuple[str, ...]] = ("first", "second")
    KEYS: ClassVar[str] = ""
    TENSORS: ClassVar[tuple[str, ...]] = ()

    grid: grids.Grid

    def __init__(
        self, about: dict[str, Any], variable: Variable, n: int, prefix: str, tensors: Tensors
    ) -> None:
        self.n = n
        require(variable.is_data and variable.levels == 256, "beta-binomial is for 256 levels")
        self.precision = check_integer(about["precision"], 16, 24)
        self.grid = grids.BETA_BINOMIAL

    def check(self, *outputs: Value) -> None:
        first, second = outputs
        check_output(first, self.n, (0, len(self.grid) - 1))
        check_output(second, self.n, (0, len(self.grid[0]) - 1))

    def intervals(self, *outputs: Ints) -> Sequence[Interval]:
        pairs = zip(*map(flat, outputs), strict=True)
        return [codecs.CdfTable(self.grid[i][j], self.precision) for i, j in pairs]


class Exponential(BetaBinomial):
    """Like a beta-binomial, with a grid that the model's tensors describe."""

    TENSORS: ClassVar[tuple[str, ...]] = (
        "base", "first_statistic", "second_statistic", "first_value", "second_value",
    )  # fmt: skip

    def __init__(
        self, about: dict[str, Any], variable: Variable, n: int, prefix: str, tensors: Tensors
    ) -> None:
        self.n = n
        require(
            variable.is_data and variable.levels <= 256, "exponential is for at most 256 levels"
        )
        self.precision = check_integer(about["precision"], 16, 24)
        parts = {}
        for name in self.TENSORS:
            size = None if name.endswith("_value") else variable.levels
            part = take(tensors, f"{prefix}.{name}", "int16", size)
            require(len(part) <= 256, f"{prefix}.{name} has at most 256 entries")
            parts[name] = flat(part)
        rows = len(parts["first_value"]) * len(parts["second_value"])
        require(rows <= 4096, "a grid has at most 4,096 rows")
        self.grid = grids.exponential(**parts)


class Mixture:
    OUTPUTS: ClassVar[tuple[str, ...]] = ("weight", "mean", "scale")
    KEYS: ClassVar[str] = "mean_shift"
    TENSORS: ClassVar[tuple[str, ...]] = ("exponential", "inverse_scale")

    def __init__(
        self, about: dict[str, Any], variable: Variable, n: int, prefix: str, tensors: Tensors
    ) -> None:
        self.n = n
        self.levels = variable.levels
        self.precision = check_integer(about["precision"], 20, 24)
        self.mean_shift = check_integer(about["mean_shift"], 0, 9)
        self.exponential = look_up(tensors, f"{prefix}.exponential", "uint32", 1, 2**24)
        self.inverse_scale = look_up(tensors, f"{prefix}.inverse_scale", "uint32", 1, 2**26)

    def check(self, *outputs: Value) -> None:
        weight, mean, scale = outputs
        components = weight.channels // self.n
        require(1 <= components <= 32, "a mixture has 1 to 32 components")
        check_output(weight, self.n * components, (0, 255))
        check_output(mean, self.n * components, (-(2**15), 2**15 - 1))
        check_output(scale, self.n * components, (0, 255))

    def intervals(self, *outputs: Ints) -> Sequence[codecs.DiscretisedMixture]:
        components = outputs[0].shape[-1] // self.n
        elements = (output.reshape(-1, components).tolist() for output in outputs)
        return [self._mixture(*of) for of in zip(*elements, strict=True)]

    def _mixture(
        self, weight: list[int], mean: list[int], scale: list[int]
    ) -> codecs.DiscretisedMixture:
        e = [self.exponential[w] for w in weight]
        ends = [2**16 * sum(e[:k]) // sum(e) for k in range(len(e) + 1)]
        return codecs.DiscretisedMixture(
            weights=[end - start for start, end in pairwise(ends)],
            means=[m << self.mean_shift for m in mean],
            inverse_scales=[self.inverse_scale[s] for s in scale],
            size=self.levels,
            precision=self.precision,
            component="logistic",
        )


class Normal:
    OUTPUTS: ClassVar[tuple[str, ...]] = ("mean", "scale")
    KEYS: ClassVar[str] = "mean_shift"
    TENSORS: ClassVar[tuple[str, ...]] = ("inverse_scale",)

    def __init__(
        self, about: dict[str, Any], variable: Variable, n: int, prefix: str, tensors: Tensors
    ) -> None:
        self.n = n
        self.levels = variable.levels
        self.precision = check_integer(about["precision"], 20, 24)
        self.mean_shift = check_integer(about["mean_shift"], 0, 9)
        self.inverse_scale = look_up(tensors, f"{prefix}.inverse_scale", "uint32", 1, 2**26)

    def check(self, *outputs: Value) -> None:
        mean, scale = outputs
        check_output(mean, self.n, (-(2**15), 2**15 - 1))
        check_output(scale, self.n, (0, 255))

    def intervals(self, *outputs: Ints) -> Sequence[codecs.DiscretisedMixture]:
        return [
            codecs.DiscretisedMixture(
                weights=[2**16],
                means=[mean << self.mean_shift],
                inverse_scales=[self.inverse_scale[scale]],
                size=self.levels,
                precision=self.precision,
                component="normal",
            )
            for mean, scale in zip(*map(flat, outputs), strict=True)
        ]


COUPLED = 3  # outputs of a normal over x whose channels are coupled


def check_coupled(normal: Normal, variable: Variable, *outputs: Value) -> None:
    """Whether mean, scale and coupling are what the format asks for."""
    mean, scale, coupling = outputs
    n = variable.channels
    require(variable.is_data and n >= 2, "a coupling is for x of 2 channels or more")
    normal.check(mean, scale)
    check_output(coupling, n * (n - 1) // 2, (-128, 127))


MEANINGS: dict[str, type[Meaning]] = {
    "gaussian": Gaussian, "bernoulli": Bernoulli, "beta-binomial": BetaBinomial,
    "exponential": Exponential, "mixture": Mixture, "normal": Normal,
}  # fmt: skip
