"""Models built part by part: random layers over existing values, and outputs for every codec.

The weights are meaningless; the specification determines the properties of each value.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from networks import random_linear
from reference.item_vectors import hash_items
from reference.layers import LAYERS
from reference.model import hash_outputs
from reference.outputs import MEANINGS, Exponential
from reference.program import read_program
from reference.values import ITEM, Ints, Size, Value, places, take

Tensors = dict[str, NDArray[Any]]
Clamp = tuple[int, int]

BYTES = (0, 255)
FAMILY = (7, 5)  # values of either statistic of a random exponential family
GRIDS = {"beta-binomial": (64, 32), "exponential": FAMILY}


class Net:
    """A network that grows by layers. Each method returns the name of the value that it makes."""

    def __init__(self, parts: "Parts", name: str, sources: Mapping[str, Value]) -> None:
        self.parts, self.name = parts, name
        self.sources, self.values = list(sources), dict(sources)
        self.layers: list[dict[str, Any]] = []

    def _new(self, name: str | None) -> str:
        return name or f"l{len(self.layers)}"

    def grow(self, op: str, of: str, name: str | None = None, **about: Any) -> str:
        """Adds a layer of any kind whose tensors exist."""
        name = self._new(name)
        entry = {"op": op, "name": name, "input": of, **about}

        def take_part(part: str, dtypes: str, *shape: int | None) -> Ints:
            return take(self.parts.tensors, f"{self.name}.{name}.{part}", dtypes, *shape)

        layer = LAYERS[op].read(entry, take_part, self.parts.size)
        inputs = [self.values[about[key]] for key in ("other",) if key in about]
        self.values[name] = layer.check(self.values[of], *inputs)
        self.layers.append(entry)
        return name

    def _weights(self, name: str, inputs: int, outputs: int, clamp: Clamp, top: int) -> int:
        """Adds the tensors of a linear layer. Returns its shift."""
        layer = random_linear(self.parts.rng, inputs, outputs, clamp, top=top)
        for part, dtype in (("weight", np.int8), ("bias", np.int32), ("multiplier", np.int32)):
            self.parts.tensors[f"{self.name}.{name}.{part}"] = getattr(layer, part).astype(dtype)
        return layer.shift

    def linear(self, of: str, outputs: int, clamp: Clamp = BYTES, name: str | None = None) -> str:
        name, source = self._new(name), self.values[of]
        shift = self._weights(name, source.channels, outputs, clamp, source.range[1])
        return self.grow("linear", of, name, shift=shift, clamp=list(clamp))

    def conv(
        self,
        of: str,
        outputs: int,
        clamp: Clamp = BYTES,
        name: str | None = None,
        kernel: int = 3,
        stride: int = 1,
    ) -> str:
        name, source = self._new(name), self.values[of]
        patch = kernel**2 * source.channels
        shift = self._weights(name, patch, outputs, clamp, source.range[1])
        about = {"kernel": kernel, "stride": stride, "shift": shift, "clamp": list(clamp)}
        return self.grow("conv", of, name, **about)

    def table(self, of: str, entries: NDArray[Any], name: str | None = None) -> str:
        name = self._new(name)
        self.parts.tensors[f"{self.name}.{name}.table"] = entries
        return self.grow("lookup_table", of, name)

    def add(self, of: str, other: str, clamp: Clamp = BYTES, name: str | None = None) -> str:
        return self.grow("add", of, name, other=other, clamp=list(clamp))

    def bytes_of(self, of: str, name: str | None = None) -> str:
        """Maps the value to [0, 255], unless it lies there already."""
        lo, hi = self.values[of].range
        if lo >= 0 and hi <= 255:
            return of
        return self.table(of, np.linspace(0, 255, hi - lo + 1).astype(np.uint8), name)

    def residual(self, of: str, clamp: Clamp = BYTES, name: str | None = None) -> str:
        """The sum of the value and a layer's output for it."""
        channels = self.values[of].channels
        return self.add(of, self.linear(of, channels, (-200, 200)), clamp, name)

    def moved(self, of: str, where: int, channels: int = 2) -> str:
        """Layers that move a value of bytes to another place. Returns its name."""
        source = self.values[of]
        if source.where == where:
            return of
        if source.where == ITEM:
            if self.parts.size is None or self.parts.rng.random() < 0.3:
                return self.grow("broadcast", of, grid=where)
            rows, columns = places(where, self.parts.size)
            return self.grow("image", self.linear(of, rows * columns * channels), grid=where)
        if where == ITEM:
            return self.grow("flatten", of)
        if where % source.where == 0:
            stride = max(n for n in (1, 2, 3, 4) if where // source.where % n == 0)
            if stride > 1:
                return self.moved(self.conv(of, channels, stride=stride), where)
        if source.where % where == 0 and source.where // where in range(2, 9):
            factor = source.where // where
            return self.grow("pixel_shuffle", self.linear(of, channels * factor**2), factor=factor)
        return self.moved(self.moved(of, ITEM), where)

    def outputs(
        self, codec: str, of: str, n: int, levels: int, components: int = 3, prefix: str = ""
    ) -> list[str]:
        """The parameters of a codec of n channels, computed from a value of bytes."""
        if codec == "gaussian":
            return [
                self.linear(of, n, (-2048, 2047), f"{prefix}mean"),
                self.linear(of, n, BYTES, f"{prefix}scale"),
            ]
        if codec == "bernoulli":
            raw = self.linear(of, n, (-500, 500), f"{prefix}raw")
            return [
                self.table(raw, (np.arange(1001) * 255 // 1000).astype(np.uint8), f"{prefix}logit")
            ]
        if codec == "normal":
            return [
                self.linear(of, n, (-100, min(64 * levels + 1000, 32767)), f"{prefix}mean"),
                self.linear(of, n, BYTES, f"{prefix}scale"),
            ]
        if codec == "mixture":
            most = min(64 * levels + 1000, 32767)  # beyond the last symbol, as -1000 before all
            clamps = {"weight": BYTES, "mean": (-1000, most), "scale": BYTES}
            return [self.linear(of, n * components, clamps[name], prefix + name) for name in clamps]
        names = MEANINGS[codec].OUTPUTS
        sizes = GRIDS.get(codec, (256,) * len(names))
        return [
            self.linear(of, n, (0, size - 1), prefix + name)
            for name, size in zip(names, sizes, strict=True)
        ]

    @property
    def about(self) -> dict[str, Any]:
        return {"sources": self.sources, "layers": self.layers}


class Parts:
    """Variables, networks and tensors that grow together."""

    def __init__(self, seed: int, size: Size | None) -> None:
        self.seed, self.size = seed, size
        self.rng = np.random.default_rng(seed)
        self.tensors: Tensors = {}
        self.variables: dict[str, dict[str, Any]] = {}
        self.nets: dict[str, Net] = {}
        self.distributions: dict[str, dict[str, Any]] = {}

    def data(self, channels: int, levels: int) -> None:
        self.variables["x"] = {"channels": channels, "levels": levels}
        if self.size:
            self.variables["x"]["size"] = list(self.size)

    def latent(self, name: str, channels: int, bits: int, grid: int = ITEM) -> None:
        self.variables[name] = {"channels": channels, "bits": bits}
        if grid != ITEM:
            self.variables[name]["grid"] = grid

    def value(self, variable: str) -> Value:
        of = self.variables[variable]
        levels = of["levels"] if variable == "x" else 1 << of["bits"]
        where = 1 if variable == "x" else of.get("grid", ITEM)
        return Value(of["channels"], where, (0, levels - 1))

    def net(self, name: str, variables: Iterable[str]) -> Net:
        return self.net_over(name, {one: self.value(one) for one in variables})

    def net_over(self, name: str, sources: Mapping[str, Value]) -> Net:
        self.nets[name] = Net(self, name, sources)
        return self.nets[name]

    def codec(
        self,
        codec: str,
        precision: int,
        net: Net,
        outputs: list[str],
        levels: int,
        mean_shift: int = 2,
    ) -> dict[str, Any]:
        """The keys of a codec of a network's outputs. Adds its tensors."""
        for tensor in MEANINGS[codec].TENSORS:
            self.tensors[f"{net.name}.{tensor}"] = self._tensor(codec, tensor, precision, levels)
        about = {"codec": codec, "precision": precision, "network": net.name, "outputs": outputs}
        return about | ({"mean_shift": mean_shift} if codec in ("mixture", "normal") else {})

    def distribution(
        self, key: str, codec: str, precision: int, net: Net, of: str, channels: int, levels: int
    ) -> None:
        """Adds one whose parameters are new outputs of the network, computed from a value of it."""
        outputs = net.outputs(codec, of, channels, levels)
        self.distributions[key] = self.codec(codec, precision, net, outputs, levels)

    def _tensor(self, codec: str, name: str, precision: int, levels: int) -> NDArray[Any]:
        """Components of a mixture, and normals, are from far wider than all symbols to a point."""
        if codec == "gaussian":
            return self.rng.integers(2**16, 2**21, 256).astype(np.uint32)
        if codec == "bernoulli":
            return self.rng.integers(1, 2**precision, 256).astype(np.uint16)
        if codec == "exponential":
            counts = zip(Exponential.TENSORS, (levels, levels, levels, *FAMILY), strict=True)
            return self.rng.integers(-4000, 4001, dict(counts)[name]).astype(np.int16)
        most = {"exponential": 24, "inverse_scale": 26}[name]
        entries = np.exp2(self.rng.uniform(0, most, 256)).astype(np.uint32)
        entries[[7, 100]] = 1, 2**most
        return entries

    def window_context(
        self, window: tuple[int, int], planes: int, channels: int, features: Value | None
    ) -> Value:
        """The source of a group, `channels` of which are coded before it; the planes as well."""
        x = self.value("x")
        levels = x.range[1] + 1
        if "x.planes" not in self.tensors:
            entries = self.rng.integers(0, 256, (planes, levels)).astype(np.uint8)
            self.tensors["x.planes"] = entries
        above, side = window
        pixels = above * (2 * side + 1) + side
        count, top = (features.channels, features.range[1]) if features else (0, 0)
        most = max(int(self.tensors["x.planes"].max()), top)
        return Value(planes * (pixels * x.channels + channels) + count, ITEM, (0, most))

    def model(
        self,
        code: list[str],
        growth: int = 96,
        batch: int = 8,
        test_size: Size = (4, 5),
        count: int = 3,
    ) -> tuple[str, Tensors]:
        """The description, with the hashes of the test vectors, and the tensors."""
        test: dict[str, Any] = {"seed": 2**64 - 1 - self.seed, "count": count, "sha256": {}}
        if self.size is None:
            test["size"] = list(test_size)
        about = {
            "format": "bitsback-model",
            "version": 1,
            "name": "random",
            "about": "random networks: nothing to compress with",
            "licence": "CC0-1.0",
            "variables": self.variables,
            "networks": {name: net.about for name, net in self.nets.items()},
            "distributions": self.distributions,
            "code": code,
            "chain": {"growth": growth, "batch": batch},
            "test": test,
        }
        codecs = {of["codec"] for of in self.distributions.values()}
        if codecs & {"series", "counted", "wavefront"}:
            levels = 1000 if "series" in codecs else 2
            test["items"] = {"shape": [1, 2, 3, 1], "levels": levels, "seeds": [1]}
        program = read_program(about, self.tensors)
        test["sha256"] = hash_outputs(program)
        if "items" in test:
            test["items"]["sha256"] = hash_items(program.prediction, test["items"])
        return json.dumps(about), self.tensors
