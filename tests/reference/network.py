"""The integer networks of docs/model-format.md in int64, with every bound that a file must pass.

Each layer has three methods: `check`, from the range of its input to that of its output; `width`,
from the number of elements of its input to that of its output; and `run`. Both of the first refuse
what the format does not allow.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Tensors = Mapping[str, NDArray[Any]]
Range = tuple[int, int]  # lowest and highest value, both included
Size = tuple[int, int]  # rows and columns of an image


class ModelError(Exception):
    """A model breaks a rule of docs/model-format.md."""


def require(condition: bool, rule: str) -> None:
    if not condition:
        raise ModelError(rule)


@dataclass
class Linear:
    weight: Ints  # [out, in]
    bias: Ints  # [out]
    multiplier: Ints  # [out]
    shift: int
    clamp: Range

    def check(self, of: Range) -> Range:
        """Prove that nothing overflows for inputs in this range; the range of the output."""
        require(of[0] >= 0 and of[1] <= 255, "the input of a linear layer lies within [0, 255]")
        check_integer(self.shift, 1, 52)
        check_clamp(self.clamp)
        require(bool((self.multiplier >= 1).all()), "each multiplier is at least 1")
        for o in range(len(self.weight)):
            bound = abs(int(self.bias[o])) + of[1] * int(np.abs(self.weight[o]).sum())
            require(bound < 2**31, "|bias| + hi_in * sum |weight| < 2^31")
            product = bound * int(self.multiplier[o]) + 2 ** (self.shift - 1)
            require(product < 2**53, "bound * multiplier + half < 2^53")
        return self.clamp

    def width(self, of: int) -> int:
        require(self.weight.shape[1] == of, "a weight has a column for each input")
        return len(self.weight)

    def run(self, value: Ints, of: Range) -> Ints:
        acc = self.bias + value @ self.weight.T
        out: Ints = np.clip(
            (acc * self.multiplier + (1 << (self.shift - 1))) >> self.shift, *self.clamp
        )
        return out


@dataclass
class Table:
    table: Ints  # [n]

    def check(self, of: Range) -> Range:
        require(
            len(self.table) == of[1] - of[0] + 1,
            "a table has one entry for each value of its input",
        )
        return int(self.table.min()), int(self.table.max())

    def width(self, of: int) -> int:
        return of

    def run(self, value: Ints, of: Range) -> Ints:
        return self.table[value - of[0]]


@dataclass
class Conv:
    """A linear layer on the patch of kernel x kernel pixels around each stride-th pixel, zeros
    outside the image.
    """

    linear: Linear
    size: Size
    kernel: int
    stride: int

    def check(self, of: Range) -> Range:
        check_integer(self.kernel, 1, 7)
        require(self.kernel % 2 == 1, "a kernel is 1, 3, 5 or 7")
        check_integer(self.stride, 1, 4)
        return self.linear.check(of)

    def width(self, of: int) -> int:
        rows, columns = (-(-n // self.stride) for n in self.size)
        return rows * columns * self.linear.width(self.kernel**2 * channels(of, self.size))

    def run(self, value: Ints, of: Range) -> Ints:
        image, m = as_image(value, self.size), (self.kernel - 1) // 2
        padded = np.pad(image, ((0, 0), (m, m), (m, m), (0, 0)))
        outputs = [
            self.linear.run(
                padded[:, r : r + self.kernel, q : q + self.kernel].reshape(len(value), -1), of
            )
            for r in range(0, self.size[0], self.stride)
            for q in range(0, self.size[1], self.stride)
        ]
        return np.concatenate(outputs, axis=1)


@dataclass
class Shuffle:
    """Each pixel becomes factor x factor pixels, with so many times fewer channels."""

    size: Size
    factor: int

    def check(self, of: Range) -> Range:
        check_integer(self.factor, 2, 8)
        return of

    def width(self, of: int) -> int:
        require(
            channels(of, self.size) % self.factor**2 == 0,
            "channels for each of the pixels that one becomes",
        )
        return of

    def run(self, value: Ints, of: Range) -> Ints:
        image, r = as_image(value, self.size), self.factor
        rows, columns, parts = image.shape[1], image.shape[2], image.shape[3] // r**2
        out = np.empty((len(value), rows * r, columns * r, parts), np.int64)
        for i in range(r):
            for j in range(r):
                first = (i * r + j) * parts
                out[:, i::r, j::r] = image[..., first : first + parts]
        return out.reshape(len(value), -1)


@dataclass
class Add:
    """The sum of two values, clamped; the network looks after the other one."""

    other: str
    clamp: Range

    def check(self, of: Range) -> Range:
        check_clamp(self.clamp)
        return self.clamp

    def width(self, of: int) -> int:
        return of

    def run(self, value: Ints, other: Ints) -> Ints:
        return np.clip(value + other, *self.clamp)


Layer = Linear | Table | Conv | Shuffle | Add


def check_integer(value: Any, lo: int, hi: int) -> None:
    require(
        type(value) is int and lo <= value <= hi, f"{value!r} is not an integer from {lo} to {hi}"
    )


def check_clamp(clamp: Range) -> None:
    require(-32768 <= clamp[0] < clamp[1] <= 32767, "-32768 <= lo < hi <= 32767")


def channels(width: int, size: Size) -> int:
    """The channels of a value of so many elements, seen as an image of this size."""
    pixels = size[0] * size[1]
    require(width % pixels == 0, "as many elements for each pixel")
    return width // pixels


def as_image(value: Ints, size: Size) -> Ints:
    """[batch, width] as [batch, row, column, channel]."""
    return value.reshape(len(value), *size, channels(value.shape[1], size))


@dataclass
class Network:
    """Layers in order; each names the value it reads and gives one. Values are [batch, width]."""

    source: str
    source_range: Range
    source_width: int
    layers: dict[str, tuple[str, Layer]]  # name: (input, layer)

    def __post_init__(self) -> None:
        self.ranges = {self.source: self.source_range}
        self.widths = {self.source: self.source_width}
        for name, (of, layer) in self.layers.items():
            require(
                re.fullmatch("[a-z][a-z0-9_]*", name) is not None, "names match [a-z][a-z0-9_]*"
            )
            require(name not in self.ranges, "names are used once")
            require(of in self.ranges, "a layer reads the source or an earlier layer")
            if isinstance(layer, Add):
                require(layer.other in self.ranges, "a layer reads the source or an earlier layer")
                require(
                    self.widths[layer.other] == self.widths[of],
                    "a sum of values of the same number of elements",
                )
            self.ranges[name] = layer.check(self.ranges[of])
            self.widths[name] = layer.width(self.widths[of])
            require(1 <= self.widths[name] <= 2**24, "a value has 1 to 2^24 elements an item")
        self.elements = sum(self.widths.values())
        require(self.elements <= 2**25, "at most 2^25 elements an item")

    def check_output(self, name: str, width: int, of: Range) -> None:
        """There is a layer of this name and width, and its range lies within `of`."""
        require(name in self.layers, f"there is an output {name}")
        require(self.widths[name] == width, f"{name} has {width} values")
        lo, hi = self.ranges[name]
        require(of[0] <= lo and hi <= of[1], f"{name} lies within {of}")

    def run(self, source: NDArray[Any]) -> dict[str, Ints]:
        """The values of the source [batch, source_width] and of all layers, by name."""
        values = {self.source: source.astype(np.int64)}
        for name, (of, layer) in self.layers.items():
            if isinstance(layer, Add):
                values[name] = layer.run(values[of], values[layer.other])
            else:
                values[name] = layer.run(values[of], self.ranges[of])
        return values


def build(
    prefix: str,
    description: Sequence[Mapping[str, Any]],
    tensors: Tensors,
    source: str,
    source_range: Range,
    source_width: int,
) -> Network:
    """The network that a list of layers describes; the tensors of its layer L are `prefix.L.*`."""

    def tensor(layer: str, name: str, axes: int, *dtypes: str) -> Ints:
        key = f"{prefix}.{layer}.{name}"
        require(key in tensors, f"{key} is missing")
        require(tensors[key].ndim == axes, f"{key} has {axes} axes")
        require(tensors[key].dtype.name in dtypes, f"{key} has the dtype {' or '.join(dtypes)}")
        return tensors[key].astype(np.int64)

    def linear(item: Mapping[str, Any]) -> Linear:
        weight = tensor(item["name"], "weight", 2, "int8")
        bias, multiplier = (
            tensor(item["name"], part, 1, "int32") for part in ("bias", "multiplier")
        )
        require(
            len(weight) == len(bias) == len(multiplier), "one bias and one multiplier an output"
        )
        return Linear(weight, bias, multiplier, item["shift"], two(item["clamp"]))

    def layer(item: Mapping[str, Any]) -> Layer:
        require(item["op"] in LAYER_KEYS, "an op of the list")
        require(
            set(item) == {"op", "name", "input", *LAYER_KEYS[item["op"]]},
            f"the keys of {item['op']}",
        )
        match item["op"]:
            case "linear":
                return linear(item)
            case "table":
                return Table(tensor(item["name"], "table", 1, "uint8", "int16"))
            case "conv":
                return Conv(linear(item), size_of(item), item["kernel"], item["stride"])
            case "shuffle":
                return Shuffle(size_of(item), item["factor"])
            case _:
                return Add(item["other"], two(item["clamp"]))

    layers: dict[str, tuple[str, Layer]] = {}
    for item in description:
        require(item["name"] not in layers, "names are used once")
        layers[item["name"]] = item["input"], layer(item)
    return Network(source, source_range, source_width, layers)


# By its op: the keys of a layer beside op, name and input; and its tensors.
LAYER_KEYS = {
    "linear": ("shift", "clamp"),
    "table": (),
    "conv": ("size", "kernel", "stride", "shift", "clamp"),
    "shuffle": ("size", "factor"),
    "add": ("other", "clamp"),
}
LAYER_TENSORS = {
    "linear": ("weight", "bias", "multiplier"),
    "table": ("table",),
    "conv": ("weight", "bias", "multiplier"),
    "shuffle": (),
    "add": (),
}


def two(value: Any) -> tuple[int, int]:
    """A list of two integers."""
    require(
        type(value) is list and [type(n) for n in value] == [int, int],
        f"{value!r} is not a list of two integers",
    )
    one, other = value
    return one, other


def size_of(item: Mapping[str, Any]) -> Size:
    """The `size` of a layer or of features: rows and columns."""
    rows, columns = two(item["size"])
    check_integer(rows, 1, 2**24)
    check_integer(columns, 1, 2**24)
    return rows, columns


def lookup(tensors: Tensors, name: str, dtype: str, lo: int, hi: int) -> list[int]:
    """The tensor of this name: 256 entries within [lo, hi]."""
    require(name in tensors, f"{name} is missing")
    tensor = tensors[name]
    require(tensor.shape == (256,) and tensor.dtype == dtype, f"{name} is {dtype} [256]")
    require(lo <= int(tensor.min()) and int(tensor.max()) <= hi, f"{name} lies within [{lo}, {hi}]")
    return [int(value) for value in tensor]
