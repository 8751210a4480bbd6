"""The description and the tensors of the codec `wavefront`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .rules import check_integer, check_keys, check_list, require
from .values import Ints, Tensors, take
from .variables import Variable

INPUTS, FEATURES = (18, 15, 18), (32, 32, 40)
"""Of least squares and of the network, for 0, 1 and 2 references."""
OUTPUTS = 8
MOST_SUM = 2**24
TOP = 127  # the greatest input of a layer


def s16(v: Ints) -> Ints:
    return np.clip(v, -32768, 32767)


@dataclass
class Layer:
    weight: Ints  # [outputs, inputs]
    bias: Ints
    multiplier: Ints

    def sums(self, x: Ints) -> Ints:
        return self.weight @ x

    def rounded(self, x: Ints) -> Ints:
        """z of a hidden layer."""
        return (s16(self.bias + self.sums(x)) * self.multiplier + 2**14) >> 15

    @property
    def least(self) -> Ints:
        """The least sum of each output without its bias."""
        return TOP * np.minimum(self.weight, 0).sum(1)

    @property
    def most(self) -> Ints:
        return TOP * np.maximum(self.weight, 0).sum(1)

    def check_parts(self) -> None:
        i = np.arange(self.weight.shape[1])
        part = i // 64 * 2 + i % 4 // 2
        for own in set(part):
            of_part = abs(self.weight[:, part == own]).sum(1)
            require(bool((TOP * of_part <= 65535).all()), "a part of a sum fits in 16 bits")

    def check_sums(self, bias: Ints) -> None:
        m = -(-self.weight.shape[1] // 64)
        fits = (-65536 * m <= bias + self.least) & (bias + self.most <= 65534 * m)
        require(bool(fits.all()), "a sum fits in words")


@dataclass
class Network:
    hidden: Layer
    residual: list[Layer]
    output: Layer

    def run(self, features: Ints) -> Ints:
        """y of the features of a pixel."""
        x = (np.clip(features, -128, 127) + 128) >> 1
        x = np.clip(self.hidden.rounded(x), 0, TOP)
        for layer in self.residual:
            x = np.minimum(x + np.maximum(layer.rounded(x), 0), TOP)
        return s16((self.output.sums(x) * self.output.multiplier + self.output.bias) >> 12)

    def check(self) -> None:
        for layer in (self.hidden, *self.residual):
            layer.check_parts()
            layer.check_sums(layer.bias)
        of = self.output
        of.check_parts()
        of.check_sums(np.zeros_like(of.bias))
        most = np.maximum(of.most, -of.least) * of.multiplier + abs(of.bias)
        require(bool((most < 2**31).all()), "an output fits in 32 bits")

    @property
    def multiply_adds(self) -> int:
        return sum(layer.weight.size for layer in (self.hidden, *self.residual, self.output))


class WavefrontRules:
    """The rules of the codec in a description."""

    def __init__(self, about: dict[str, Any], x: Variable, tensors: Tensors) -> None:
        check_keys(about, "codec decay ridge hidden residual", "contexts")
        self.levels, self.tensor_names = x.levels, {"x.start"}
        self.decay = [check_integer(d, 0, 252) for d in check_list(about["decay"], 3, 3)]
        require(sum(self.decay) <= 252, "the sum of the decay is at most 252")
        self.ridge = check_integer(about["ridge"], 1, 2**20)
        hidden = [check_integer(count, 16, 128) for count in check_list(about["hidden"], 3, 3)]
        require(all(count % 16 == 0 for count in hidden), "multiples of 16")
        residual = [check_integer(count, 0, 3) for count in check_list(about["residual"], 3, 3)]
        self.contexts = check_integer(about["contexts"], 10, 22) if "contexts" in about else 0
        self.starts = read_starts(tensors)
        self.networks = [
            self.read_network(f"x.{refs}", FEATURES[refs], hidden[refs], residual[refs], tensors)
            for refs in range(3)
        ]

    def read_network(
        self, name: str, features: int, hidden: int, residual: int, tensors: Tensors
    ) -> Network:
        def layer(own: str, outputs: int, inputs: int, dtype: str, most: int) -> Layer:
            own = f"{name}.{own}"
            self.tensor_names |= {f"{own}.{part}" for part in ("weight", "bias", "multiplier")}
            multiplier = take(tensors, f"{own}.multiplier", dtype, outputs)
            fits = int(multiplier.min()) >= 1 and int(multiplier.max()) <= most
            require(fits, f"{own}.multiplier lies within [1, {most}]")
            weight = take(tensors, f"{own}.weight", "int8", outputs, inputs)
            return Layer(weight, take(tensors, f"{own}.bias", "int32", outputs), multiplier)

        network = Network(
            layer("hidden", hidden, features, "int16", 32767),
            [layer(f"residual.{k}", hidden, hidden, "int16", 32767) for k in range(residual)],
            layer("output", OUTPUTS, hidden, "int32", 2**14),
        )
        network.check()
        return network

    @property
    def multiply_adds(self) -> int:
        """Those of the largest network."""
        return max(network.multiply_adds for network in self.networks)


def triangle(n: int) -> int:
    """The number of elements of a lower triangle for n inputs and a target."""
    return (n + 1) * (n + 2) // 2


def to_matrix(entries: Ints, n: int) -> Ints:
    """The lower triangle [n + 1, n + 1], from its rows, one after the other."""
    matrix = np.zeros((n + 1, n + 1), np.int64)
    matrix[np.tril_indices(n + 1)] = entries[: triangle(n)]
    return matrix


def read_starts(tensors: Tensors) -> list[Ints]:
    """The sums above an image, by the number of references."""
    rows = take(tensors, "x.start", "int32", 3, triangle(INPUTS[2]))
    require(int(abs(rows).max()) <= MOST_SUM, "x.start lies within [-2^24, 2^24]")
    starts = []
    for row, n in zip(rows, INPUTS, strict=True):
        require(not row[triangle(n) :].any(), "x.start is zero beyond its triangles")
        starts.append(to_matrix(row, n))
        require(int(starts[-1].diagonal().min()) >= 0, "x.start has no negative diagonal")
    return starts
