"""Random networks of all layers: the program gives the integers of the specification, on every
path.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import _core
from bitsback.integer import Network, Values
from networks import SIMD_PATHS, random_linear
from reference import network as spec

CLAMPS = [(0, 255), (0, 255), (3, 200), (0, 1), (-300, 300), (-32768, 32767), (-7, -3), (254, 256)]
MOST_ELEMENTS = (
    3000  # of a value, and of the patch of a convolution, since the specification is slow
)


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


class Random:
    """A network that grows by random layers, each over a random value there is."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.layers: list[dict[str, Any]] = []
        self.tensors: dict[str, NDArray[Any]] = {}
        self.width = int(self.pick([1, 12, 35, 36, 64, 105, 400]))
        self.top = int(self.pick([1, 5, 255, 255, 1023]))
        while len(self.layers) < 7:
            self.grow()

    def pick(self, choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def network(self) -> spec.Network:
        return spec.build("net", self.layers, self.tensors, "x", (0, self.top), self.width)

    def grow(self) -> None:
        network = self.network()
        of = self.pick(list(network.ranges))
        lo, hi, width = *network.ranges[of], network.widths[of]
        about = {"name": f"l{len(self.layers)}", "input": of, "clamp": list(self.pick(CLAMPS))}
        match self.pick(["linear", "table", "conv", "conv", "conv", "shuffle", "shuffle", "add"]):
            case "linear" if lo >= 0 and hi <= 255:
                self.layers.append(
                    about | {"op": "linear", "shift": self.weights(about, width, hi, 1)}
                )
            case "conv" if lo >= 0 and hi <= 255:
                size = self.size(width)
                kernel, stride = int(self.pick([1, 3, 3, 5, 7])), int(self.rng.integers(1, 5))
                patch = kernel**2 * width // (size[0] * size[1])
                if patch <= MOST_ELEMENTS:
                    pixels = -(-size[0] // stride) * -(-size[1] // stride)
                    shift = self.weights(about, patch, hi, pixels)
                    about |= {"size": size, "kernel": kernel, "stride": stride}
                    self.layers.append(about | {"op": "conv", "shift": shift})
            case "table":
                del about["clamp"]
                dtype = self.pick([np.uint8, np.int16])
                span = sorted(self.rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, 2))
                if self.rng.random() < 0.6:
                    span = [0, 255]
                self.tensors[f"net.{about['name']}.table"] = self.rng.integers(
                    span[0], span[1] + 1, hi - lo + 1
                ).astype(dtype)
                self.layers.append(about | {"op": "table"})
            case "shuffle" if [r for r in range(2, 9) if width % r**2 == 0]:
                del about["clamp"]
                factor = self.pick([r for r in range(2, 9) if width % r**2 == 0])
                self.layers.append(
                    about
                    | {"op": "shuffle", "size": self.size(width // factor**2), "factor": factor}
                )
            case "add":
                other = self.pick(
                    [name for name, elements in network.widths.items() if elements == width]
                )
                self.layers.append(about | {"op": "add", "other": other})

    def size(self, width: int) -> list[int]:
        rows = self.pick(divisors(width))
        return [rows, self.pick(divisors(width // rows))]

    def weights(self, about: dict[str, Any], inputs: int, top: int, pixels: int) -> int:
        """The tensors of a linear layer; its shift."""
        outputs = min(int(self.pick([1, 2, 3, 4, 8, 17, 33, 64])), max(1, MOST_ELEMENTS // pixels))
        extreme = bool(self.rng.random() < 0.2)
        layer = random_linear(self.rng, inputs, outputs, tuple(about["clamp"]), extreme, top)
        for part, dtype in (("weight", np.int8), ("bias", np.int32), ("multiplier", np.int32)):
            self.tensors[f"net.{about['name']}.{part}"] = getattr(layer, part).astype(dtype)
        return layer.shift


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("seed", range(60))
def test_every_value_is_that_of_the_specification(path: str, seed: int) -> None:
    random = Random(seed)
    theirs = random.network()
    outputs = {name: Values(theirs.widths[name], *theirs.ranges[name]) for name in theirs.layers}
    before = _core.simd()
    _core.set_simd(path)
    try:
        ours = Network.build(
            "net", random.layers, random.tensors, "x", Values(random.width, 0, random.top), outputs
        )
    finally:
        _core.set_simd(before)
    for rows in (1, int(random.rng.integers(2, 40))):
        x = random.rng.integers(0, random.top + 1, (rows, random.width))
        x[:, random.rng.random(random.width) < 0.3] = random.top
        expected = theirs.run(x)
        for name, values in zip(outputs, ours(x.astype(np.uint16)), strict=True):
            assert (values == expected[name]).all(), (name, theirs.layers[name])


def test_layers_of_every_kind_are_among_them() -> None:
    ops = [layer["op"] for seed in range(60) for layer in Random(seed).layers]
    assert min(ops.count(op) for op in ("linear", "table", "conv", "shuffle", "add")) > 20


def conv_of(rows: int, columns: int, outputs: int) -> tuple[list[Any], dict[str, Any]]:
    """One convolution that makes channels of an image with one."""
    layer = {
        "op": "conv",
        "name": "a",
        "input": "x",
        "size": [rows, columns],
        "kernel": 1,
        "stride": 1,
    }
    tensors = {
        "net.a.weight": np.ones((outputs, 1), np.int8),
        "net.a.bias": np.zeros(outputs, np.int32),
        "net.a.multiplier": np.ones(outputs, np.int32),
    }
    return [layer | {"shift": 1, "clamp": [0, 1]}], tensors


def table_of(of: str, name: str) -> tuple[list[Any], dict[str, Any]]:
    return [{"op": "table", "name": name, "input": of}], {
        f"net.{name}.table": np.array([0, 1], np.uint8)
    }


@pytest.mark.parametrize(
    ("width", "parts", "refusal"),
    [
        (2**23, [conv_of(2**12, 2**11, 2)], ""),
        (2**23, [conv_of(2**12, 2**11, 3)], r"2\^24"),
        (2**24, [table_of("x", "a")], ""),
        (2**24, [table_of("x", "a"), table_of("a", "b")], r"2\^25"),
        (2**24, [conv_of(2**24, 1, 1)], ""),
    ],
    ids=["2^24 of a value", "more", "2^25 of a network", "more of them", "one row a pixel"],
)
def test_as_many_elements_as_there_may_be(width: int, parts: list[Any], refusal: str) -> None:
    """Nothing is made of them before they are counted."""
    layers = [layer for part, _ in parts for layer in part]
    tensors = {name: tensor for _, part in parts for name, tensor in part.items()}

    def build_both() -> None:
        theirs = spec.build("net", layers, tensors, "x", (0, 1), width)
        last = layers[-1]["name"]
        Network.build(
            "net",
            layers,
            tensors,
            "x",
            Values(width, 0, 1),
            {last: Values(theirs.widths[last], 0, 1)},
        )

    if not refusal:
        build_both()
        return
    with pytest.raises(spec.ModelError, match=refusal):
        spec.build("net", layers, tensors, "x", (0, 1), width)
    with pytest.raises(bitsback.ModelError, match=refusal):
        Network.build("net", layers, tensors, "x", Values(width, 0, 1), {})
