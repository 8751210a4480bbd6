"""Random networks of all layers: the program gives the integers of the specification, on every
path.
"""

from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.models.integer import Size
from model_parts import Net, Parts
from networks import SIMD_PATHS, engine, read_network
from reference import network as spec
from reference.layers import LAYERS
from reference.rules import ModelError
from reference.values import ITEM, Value, places

CLAMPS = [(0, 255), (0, 255), (3, 200), (0, 1), (-300, 300), (-32768, 32767), (-7, -3), (254, 256)]
OPS = [*LAYERS, *["conv", "pixel_shuffle"] * 2]
SIZES = [(1, 1), (1, 9), (7, 1), (4, 5), (5, 3), (6, 8)]
MOST_ELEMENTS = 3000  # the limit of a value, and of the patch of a convolution
SEEDS = range(60)


class Random:
    """A network that grows by random layers, each over a random existing value."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.size: Size = self.pick(SIZES)
        self.has_size = bool(self.rng.random() < 0.7)
        self.parts = Parts(seed, self.size if self.has_size else None)
        tops = [1, 5, 255, 255, 1023, 65535]
        self.sources = {
            name: Value(int(self.pick([1, 4, 8, 9, 16])), where, (0, int(self.pick(tops))))
            for name, where in (("x", 1), ("z", ITEM), ("y", int(self.pick([1, 2, 4]))))
        }
        self.net = Net(self.parts, "net", self.sources)
        while len(self.net.layers) < 9:
            self.grow()

    def pick(self, choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def alike(self, of: Value) -> list[str]:
        """The values at the same place."""
        return [name for name, value in self.net.values.items() if value.where == of.where]

    def grow(self) -> None:
        net = self.net
        name = self.pick(list(net.values))
        of, clamp = net.values[name], self.pick(CLAMPS)
        lo, hi = of.range
        area = np.prod(places(of.where, self.size))
        outputs = min(int(self.pick([1, 2, 3, 4, 8, 17, 33, 64])), max(1, MOST_ELEMENTS // area))
        is_bytes = lo >= 0 and hi <= 255
        match op := self.pick(OPS):
            case "linear" if is_bytes:
                net.linear(name, outputs, clamp)
            case "conv" if is_bytes and of.where != ITEM:
                kernel, stride = self.pick([1, 3, 3, 5, 7]), self.pick([1, 1, 2, 3, 4])
                if kernel**2 * of.channels <= MOST_ELEMENTS:
                    net.conv(name, outputs, clamp, None, kernel, stride)
            case "lookup_table":
                dtype = self.pick([np.uint8, np.int16])
                span = sorted(self.rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, 2))
                if self.rng.random() < 0.6:
                    span = [0, 255]
                entries = self.rng.integers(span[0], span[1] + 1, hi - lo + 1)
                net.table(name, entries.astype(dtype))
            case "pixel_shuffle" if of.where != ITEM:
                for factor in range(2, 9):
                    if of.where % factor == 0 and of.channels % factor**2 == 0:
                        net.grow("pixel_shuffle", name, factor=factor)
                        return
            case "add":
                others = [one for one in self.alike(of) if net.values[one].channels == of.channels]
                net.add(name, self.pick(others), clamp)
            case "concat":
                other = self.pick(self.alike(of))
                top = max(hi, net.values[other].range[1])
                low = min(lo, net.values[other].range[0])
                if top <= 32767 or low >= 0:
                    net.grow("concat", name, other=other)
            case "image" if of.where == ITEM and self.has_size:
                for grid in self.rng.permutation([1, 2, 3, 4, 100]).tolist():
                    if of.channels % np.prod(places(grid, self.size)) == 0:
                        net.grow("image", name, grid=grid)
                        return
            case "broadcast" if of.where == ITEM and of.channels <= 64:
                net.grow("broadcast", name, grid=int(self.pick([1, 2, 3, 4, 100])))
            case _ if not LAYERS[op].KEYS and not LAYERS[op].TENSORS:
                with suppress(ModelError):
                    net.grow(op, name)


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_is_that_of_the_specification(path: str, seed: int) -> None:
    random = Random(seed)
    layers, tensors, size = random.net.layers, random.parts.tensors, random.size
    whole = size if random.has_size else None
    theirs = spec.build("net", layers, random.sources, tensors, whole)
    with engine(path):
        ours = read_network(layers, tensors, random.sources, whole, size).at(size)
    for items in (1, int(random.rng.integers(2, 40))):
        sources = {}
        for name, value in random.sources.items():
            shape = (items, *places(value.where, size), value.channels)
            sources[name] = random.rng.integers(0, value.range[1] + 1, shape)
            sources[name][:, random.rng.random(shape[1:]) < 0.3] = value.range[1]
        expected = theirs.run(size, sources)
        flat = [source.reshape(items, -1) for source in sources.values()]
        names = list(theirs.layers)
        for name, values in zip(names, ours(*flat, outputs=names), strict=True):
            assert same(values, expected[name]), (name, theirs.layers[name])
        for name in names[-3:]:  # alone, when the program may compute layers together
            (values,) = ours(*flat, outputs=[name])
            assert same(values, expected[name]), (name, theirs.layers[name])


def same(values: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Compares outputs. The program shows any 16 bits as signed; no model output exceeds 2^15."""
    if values.dtype == np.int16 and int(expected.max()) > 32767:
        values = values.astype(np.uint16)
    return bool((values == expected.reshape(len(expected), -1)).all())


def test_layers_of_every_kind_are_among_them() -> None:
    ops = [layer["op"] for seed in SEEDS for layer in Random(seed).net.layers]
    assert min(ops.count(op) for op in set(OPS)) >= 10, Counter(ops)


def conv_of(outputs: int) -> tuple[list[Any], dict[str, Any]]:
    """One convolution that makes channels of an image with one."""
    layer = {"op": "conv", "name": "a", "input": "x", "kernel": 1, "stride": 1}
    tensors = {
        "net.a.weight": np.ones((outputs, 1), np.int8),
        "net.a.bias": np.zeros(outputs, np.int32),
        "net.a.multiplier": np.ones(outputs, np.int32),
    }
    return [layer | {"shift": 1, "clamp": [0, 1]}], tensors


def table_of(of: str, name: str) -> tuple[list[Any], dict[str, Any]]:
    return [{"op": "lookup_table", "name": name, "input": of}], {
        f"net.{name}.table": np.array([0, 1], np.uint8)
    }


@pytest.mark.parametrize(
    ("size", "parts", "refusal"),
    [
        ((2**12, 2**11), [conv_of(2)], ""),
        ((2**12, 2**11), [conv_of(3)], r"2\^24"),
        ((2**12, 2**12), [table_of("x", "a")], ""),
        ((2**12, 2**12), [table_of("x", "a"), table_of("a", "b")], r"2\^25"),
        ((2**24, 1), [conv_of(1)], ""),
    ],
    ids=["2^24 of a value", "more", "2^25 of a network", "more of them", "one column"],
)
def test_as_many_elements_as_there_may_be(size: Size, parts: list[Any], refusal: str) -> None:
    """Elements are counted before anything is allocated for them."""
    layers = [layer for part, _ in parts for layer in part]
    tensors: dict[str, NDArray[Any]] = {}
    for _, part in parts:
        tensors |= part
    sources = {"x": Value(1, 1, (0, 1))}
    theirs = spec.build("net", layers, sources, tensors, size)
    if not refusal:
        theirs.check_elements(size)
        read_network(layers, tensors, sources, size)
        return
    with pytest.raises(ModelError, match=refusal):
        theirs.check_elements(size)
    with pytest.raises(bitsback.ModelError, match=refusal):
        read_network(layers, tensors, sources, size)
