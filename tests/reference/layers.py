"""The layers of docs/model-format.md in int64.

Each is a class with its KEYS besides op, name and input, and its TENSORS; `read` takes both from a
description. `check` checks that the format allows them for the values that it reads, and returns
the properties of the output. `run` needs the places of the output. A layer states its multiply-adds
for each of these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from .rules import check_integer, check_pair, check_text, require
from .values import ITEM, Ints, Range, Size, Value, places

MOST_GRID = 4096
# The tensor of a layer, by the last part of its name, its dtypes and its shape.
Take = Callable[..., Ints]


class Layer(Protocol):
    KEYS: ClassVar[str]
    TENSORS: ClassVar[tuple[str, ...]]

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        """size: of the images, if the model has one."""
        ...

    def check(self, *of: Value) -> Value: ...

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints: ...

    @property
    def multiply_adds(self) -> int: ...


def check_clamp(value: Any) -> Range:
    lo, hi = check_pair(value, -32768, 32767)
    require(lo < hi, "lo < hi")
    return lo, hi


@dataclass
class Linear:
    """At each place, from all channels to others."""

    KEYS: ClassVar[str] = "shift clamp"
    TENSORS: ClassVar[tuple[str, ...]] = ("weight", "bias", "multiplier")

    weight: Ints  # [out, in]
    bias: Ints  # [out]
    multiplier: Ints  # [out]
    shift: int
    clamp: Range

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        weight = take("weight", "int8", None, None)
        return cls(
            weight,
            take("bias", "int32", len(weight)),
            take("multiplier", "int32", len(weight)),
            check_integer(about["shift"], 1, 52),
            check_clamp(about["clamp"]),
        )

    def check(self, *of: Value) -> Value:
        (source,) = of
        require(self.weight.shape[1] == source.channels, "a weight has a column for each input")
        lo, hi = source.range
        require(lo >= 0 and hi <= 255, "the input of a linear layer lies within [0, 255]")
        require(bool((self.multiplier >= 1).all()), "each multiplier is at least 1")
        for o in range(len(self.weight)):
            bound = abs(int(self.bias[o])) + hi * int(np.abs(self.weight[o]).sum())
            require(bound < 2**31, "|bias| + hi_in * sum |weight| < 2^31")
            product = bound * int(self.multiplier[o]) + 2 ** (self.shift - 1)
            require(product < 2**53, "bound * multiplier + half < 2^53")
        return Value(len(self.weight), source.where, self.clamp)

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        return self.apply(values[0])

    def apply(self, value: Ints) -> Ints:
        """Over the last axis."""
        acc = self.bias + value @ self.weight.T
        half = 1 << (self.shift - 1)
        out: Ints = np.clip((acc * self.multiplier + half) >> self.shift, *self.clamp)
        return out

    @property
    def multiply_adds(self) -> int:
        return self.weight.size


@dataclass
class Lookup:
    """A layer that applies one function, a table, to each element."""

    KEYS: ClassVar[str] = ""
    TENSORS: ClassVar[tuple[str, ...]] = ("table",)
    multiply_adds: ClassVar[int] = 0

    table: Ints  # [n]

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        return cls(take("table", "uint8 int16", None))

    def check(self, *of: Value) -> Value:
        (source,) = of
        lo, hi = source.range
        require(len(self.table) == hi - lo + 1, "a table has an entry for each value of its input")
        return Value(source.channels, source.where, (int(self.table.min()), int(self.table.max())))

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        return self.table[values[0] - of[0].range[0]]


@dataclass
class Add:
    """The sum of two values, clamped."""

    KEYS: ClassVar[str] = "other clamp"
    TENSORS: ClassVar[tuple[str, ...]] = ()
    multiply_adds: ClassVar[int] = 0

    clamp: Range

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        return cls(check_clamp(about["clamp"]))

    def check(self, *of: Value) -> Value:
        one, other = of
        require(
            (one.channels, one.where) == (other.channels, other.where),
            "a sum of values with the same channels at the same place",
        )
        return Value(one.channels, one.where, self.clamp)

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        out: Ints = np.clip(values[0] + values[1], *self.clamp)
        return out


@dataclass
class Concat:
    """The channels of one value, then those of another."""

    KEYS: ClassVar[str] = "other"
    TENSORS: ClassVar[tuple[str, ...]] = ()
    multiply_adds: ClassVar[int] = 0

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        return cls()

    def check(self, *of: Value) -> Value:
        one, other = of
        require(one.where == other.where, "values at the same place are joined")
        (lo, hi), (other_lo, other_hi) = one.range, other.range
        lo, hi = min(lo, other_lo), max(hi, other_hi)
        require(hi <= 32767 or (lo >= 0 and hi <= 65535), "a range of 16 bits")
        return Value(one.channels + other.channels, one.where, (lo, hi))

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        return np.concatenate(values, axis=-1)


@dataclass
class Conv:
    """A linear layer on the patch around each stride-th place, zeros outside the grid."""

    KEYS: ClassVar[str] = "kernel stride shift clamp"
    TENSORS: ClassVar[tuple[str, ...]] = Linear.TENSORS

    linear: Linear
    kernel: int
    stride: int

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        kernel = check_integer(about["kernel"], 1, 7)
        require(kernel % 2 == 1, "a kernel is 1, 3, 5 or 7")
        return cls(Linear.read(about, take, size), kernel, check_integer(about["stride"], 1, 4))

    def check(self, *of: Value) -> Value:
        (source,) = of
        require(source.where != ITEM, "a convolution is over a grid")
        patch = Value(self.kernel**2 * source.channels, source.where, source.range)
        place = self.linear.check(patch)
        where = source.where * self.stride
        require(where <= MOST_GRID, "a grid is at most 4,096")
        return Value(place.channels, where, place.range)

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        m = (self.kernel - 1) // 2
        padded = np.pad(values[0], ((0, 0), (m, m), (m, m), (0, 0)))
        rows, columns = (1 + (n - 1) * self.stride for n in at)
        patches = [
            padded[:, i : i + rows : self.stride, j : j + columns : self.stride]
            for i in range(self.kernel)
            for j in range(self.kernel)
        ]
        return self.linear.apply(np.concatenate(patches, axis=-1))

    @property
    def multiply_adds(self) -> int:
        return self.linear.multiply_adds


@dataclass
class PixelShuffle:
    """A layer that turns each place into factor x factor places, and divides the channels by
    factor^2.
    """

    KEYS: ClassVar[str] = "factor"
    TENSORS: ClassVar[tuple[str, ...]] = ()
    multiply_adds: ClassVar[int] = 0

    factor: int

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        return cls(check_integer(about["factor"], 2, 8))

    def check(self, *of: Value) -> Value:
        (source,) = of
        require(source.where != ITEM, "a shuffle is over a grid")
        require(source.where % self.factor == 0, "a grid that is a multiple of the factor")
        require(source.channels % self.factor**2 == 0, "channels for each new place")
        return Value(source.channels // self.factor**2, source.where // self.factor, source.range)

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        (value,), f = values, self.factor
        items, rows, columns, channels = value.shape
        parts = channels // f**2
        out = np.empty((items, rows * f, columns * f, parts), np.int64)
        for i in range(f):
            for j in range(f):
                first = (i * f + j) * parts
                out[:, i::f, j::f] = value[..., first : first + parts]
        return out[:, : at[0], : at[1]]


@dataclass
class Flatten:
    """From a grid to the item."""

    KEYS: ClassVar[str] = ""
    TENSORS: ClassVar[tuple[str, ...]] = ()
    multiply_adds: ClassVar[int] = 0

    size: Size

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        require(size is not None, "only a model with a size flattens")
        assert size is not None
        return cls(size)

    def check(self, *of: Value) -> Value:
        (source,) = of
        require(source.where != ITEM, "the input of a flattening is on a grid")
        return Value(source.elements(self.size), ITEM, source.range)

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        return values[0].reshape(len(values[0]), 1, 1, -1)


@dataclass
class Image:
    """From the item to a grid: the reverse of Flatten."""

    KEYS: ClassVar[str] = "grid"
    TENSORS: ClassVar[tuple[str, ...]] = ()
    multiply_adds: ClassVar[int] = 0

    size: Size
    grid: int

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        require(size is not None, "only a model with a size makes an image of an item")
        assert size is not None
        return cls(size, check_integer(about["grid"], 1, MOST_GRID))

    def check(self, *of: Value) -> Value:
        (source,) = of
        require(source.where == ITEM, "the input of an image has one place")
        rows, columns = places(self.grid, self.size)
        require(source.channels % (rows * columns) == 0, "as many channels for each place")
        return Value(source.channels // (rows * columns), self.grid, source.range)

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        return values[0].reshape(len(values[0]), *at, -1)


@dataclass
class Broadcast:
    """A layer that repeats a vector at each place of a grid."""

    KEYS: ClassVar[str] = "grid"
    TENSORS: ClassVar[tuple[str, ...]] = ()
    multiply_adds: ClassVar[int] = 0

    grid: int

    @classmethod
    def read(cls, about: dict[str, Any], take: Take, size: Size | None) -> Self:
        return cls(check_integer(about["grid"], 1, MOST_GRID))

    def check(self, *of: Value) -> Value:
        (source,) = of
        require(source.where == ITEM, "a broadcast has an input with one place")
        return Value(source.channels, self.grid, source.range)

    def run(self, of: Sequence[Value], at: Size, *values: Ints) -> Ints:
        return np.tile(values[0], (1, *at, 1))


LAYERS: dict[str, type[Layer]] = {
    "linear": Linear, "lookup_table": Lookup, "add": Add, "concat": Concat, "conv": Conv,
    "pixel_shuffle": PixelShuffle, "flatten": Flatten, "image": Image, "broadcast": Broadcast,
}  # fmt: skip


def inputs(about: dict[str, Any]) -> tuple[str, ...]:
    """The names of the values that a layer reads."""
    return tuple(check_text(about[key], ".*") for key in ("input", "other") if key in about)
