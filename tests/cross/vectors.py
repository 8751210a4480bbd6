"""Writes test vectors for driver.cpp, and the lines that it must print: those that the
specification gives.

python tests/cross/vectors.py VECTORS EXPECTED
"""

import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reference.pixels import LIKELIHOODS, PIXELS

from networks import random_linear
from random_models import random_context_model, random_model
from reference import archive, chain, codecs
from reference.message import Message
from reference.model import Model
from reference.network import Add, Conv, Linear, Network, Shuffle


class Vectors:
    """The words for the driver and the lines expected from it, growing together."""

    def __init__(self, seed: int) -> None:
        self.words = bytearray()
        self.lines: list[str] = []
        self.rng = np.random.default_rng(seed)
        self.message = Message([2**32], depth=0)

    def put(self, *fields: Any) -> None:
        """An integer is a word, a character an operation, anything else an array."""
        for field in fields:
            if isinstance(field, str):
                self.words += struct.pack("<I", ord(field))
            elif isinstance(field, int | np.integer):
                self.words += struct.pack("<I", int(field) % 2**32)
            else:
                flat = [int(value) for value in np.asarray(field).ravel()]
                self.put(len(flat), *flat)

    def expect(self, *values: Iterable[Any]) -> None:
        self.lines.append("".join(f"{int(value)} " for part in values for value in part))

    def tables(self) -> None:
        self.put("T", codecs.Q, codecs.P, codecs.LOGISTIC)
        self.expect()

    def start(self, lanes: int, depth: int | None) -> None:
        heads = [int(self.rng.integers(2**32, 2**64, dtype=np.uint64)) for _ in range(lanes - 1)]
        tail = self.rng.integers(0, 2**32, 700).tolist()
        self.message = Message([*heads, 2**32], tail, depth)
        self.put("M", list(self.message.to_bytes()))
        self.expect(self.message.to_bytes())

    def codec(
        self, operation: str, parameters: tuple[Any, ...], spec: codecs.Array, symbols: list[int]
    ) -> None:
        self.put(operation, *parameters, symbols)
        spec.push(self.message, symbols)
        pushed = self.message.to_bytes()
        assert spec.pop(self.message) == symbols
        self.expect(pushed, spec.pop(self.message), self.message.to_bytes())

    def codecs(self, n: int) -> None:
        """One step of n symbols with each codec."""
        rng = self.rng
        size = int(rng.integers(2, 2**24))
        self.codec(
            "U",
            (size,),
            codecs.Array([codecs.Uniform(size)] * n),
            rng.integers(0, size, n).tolist(),
        )

        precision = int(rng.integers(1, 25))
        ones = rng.integers(1, 2**precision, n).tolist()
        bernoullis = codecs.Array([codecs.Bernoulli(f, precision) for f in ones])
        self.codec("B", (precision, ones), bernoullis, rng.integers(0, 2, n).tolist())

        cuts = np.sort(rng.choice(2**12 - 1, 9, replace=False)) + 1
        frequencies = np.diff([0, *cuts, 2**12]).tolist()
        categoricals = codecs.Array([codecs.Categorical(frequencies, 12)] * n)
        self.codec("C", (12, frequencies), categoricals, rng.integers(0, 10, n).tolist())

        bits = int(rng.integers(1, 13))
        precision = int(rng.integers(bits + 4, 25))
        means = rng.integers(-(2**20), 2**20 + 1, n).tolist()
        inverse_scales = np.exp2(rng.uniform(10, 26, n)).astype(int).tolist()
        gaussians = codecs.Array(
            [
                codecs.Gaussian(m, v, bits, precision)
                for m, v in zip(means, inverse_scales, strict=True)
            ]
        )
        symbols = rng.integers(0, 2**bits, n).tolist()
        self.codec("G", (bits, precision, means, inverse_scales), gaussians, symbols)
        self.rows(n)
        self.mixture(n, logistic=n % 2 == 1)

    def rows(self, n: int) -> None:
        rng = self.rng
        levels = int(rng.integers(2, 257))
        precision = int(rng.integers((levels - 1).bit_length() + 4, 25))
        rows = np.sort(rng.integers(0, 2**16 + 1, (5, levels)))
        rows[:, 0] = 0
        table = [codecs.Rows(row, precision) for row in rows.tolist()]
        index = rng.integers(0, 5, n).tolist()
        spec = codecs.Array([table[i] for i in index])
        self.codec(
            "R",
            (precision, levels, starts_of(table), index),
            spec,
            rng.integers(0, levels, n).tolist(),
        )

    def mixture(self, n: int, logistic: bool) -> None:
        rng = self.rng
        levels = int(rng.integers(2, 2 ** int(rng.integers(2, 17)) + 1))
        precision = int(rng.integers((levels - 1).bit_length() + 4, 25))
        k = int(rng.integers(1, 4))
        weights = np.diff(
            np.sort(rng.integers(0, 2**16 + 1, (n, k - 1))), axis=1, prepend=0, append=2**16
        )
        means = rng.integers(-(2**8) * levels, 2**9 * levels, (n, k)).clip(-(2**24), 2**24)
        inverse_scales = np.exp2(rng.uniform(0, 26, (n, k))).astype(int)
        parts = zip(weights.tolist(), means.tolist(), inverse_scales.tolist(), strict=True)
        spec = codecs.Array([codecs.Mixture(*part, levels, precision, logistic) for part in parts])
        parameters = (int(logistic), precision, levels, k, weights, means, inverse_scales)
        self.codec("X", parameters, spec, rng.integers(0, levels, n).tolist())

    def put_linear(self, layer: Linear, top: int) -> None:
        self.put(
            layer.weight.shape[1],
            top,
            layer.shift,
            *layer.clamp,
            layer.weight,
            layer.bias,
            layer.multiplier,
        )

    def linear(
        self,
        inputs: int,
        outputs: int,
        rows: int,
        clamp: tuple[int, int],
        extreme: bool,
        top: int,
    ) -> None:
        layer = random_linear(self.rng, inputs, outputs, clamp, extreme, top)
        x = (
            self.rng.choice([0, top], (rows, inputs))
            if extreme
            else self.rng.integers(0, top + 1, (rows, inputs))
        )
        self.put("L")
        self.put_linear(layer, top)
        self.put(x)
        self.expect(layer.run(x.astype(np.int64), (0, top)).ravel())

    def put_network(self, network: Network) -> dict[str, int]:
        """The numbers of its values, the source first."""
        numbers = {name: number for number, name in enumerate(network.ranges)}
        self.put(network.source_width, network.source_range[1], len(network.layers))
        for of, layer in network.layers.values():
            match layer:
                case Linear():
                    self.put("L", numbers[of])
                    self.put_linear(layer, network.ranges[of][1])
                case Conv():
                    self.put("C", numbers[of], *layer.size, layer.kernel, layer.stride)
                    self.put_linear(layer.linear, network.ranges[of][1])
                case Shuffle():
                    self.put("S", numbers[of], *layer.size, layer.factor)
                case Add():
                    self.put("A", numbers[of], numbers[layer.other], *layer.clamp)
                case _:
                    self.put("T", numbers[of], network.ranges[of][0], layer.table)
        return numbers

    def put_posterior(self, model: Model) -> None:
        numbers = self.put_network(model.networks["posterior"])
        self.put(numbers["mean"], numbers["scale"], model.inverse_scale)
        self.put(model.bits, model.about["posterior"]["precision"])

    def put_table(self, model: Model, precision: int) -> None:
        self.put(precision, model.levels)
        if model.likelihood_codec == "bernoulli":
            self.put(0, model.pixel_codec.probability)
        else:
            rows = [
                codecs.Rows(row, precision) for column in model.pixel_codec.grid for row in column
            ]
            self.put(len(model.pixel_codec.grid[0]), starts_of(rows))

    def chain(self, lanes: int, items: int, **sizes: Any) -> None:
        model = Model(*random_model(int(self.rng.integers(1000)), **sizes))
        with self.coding(model, lanes, items):
            self.put("V")
            self.put_posterior(model)
            numbers = self.put_network(model.networks["likelihood"])
            self.put([numbers[name] for name in LIKELIHOODS[model.likelihood_codec].outputs])
            self.put_table(model, model.about["likelihood"]["precision"])

    def context_chain(self, lanes: int, items: int, **sizes: Any) -> None:
        model = Model(*random_context_model(int(self.rng.integers(1000)), **sizes))
        pixel = model.about["pixel"]
        with self.coding(model, lanes, items):
            self.put("W")
            self.put_posterior(model)
            numbers = self.put_network(model.networks["likelihood"])
            self.put(
                numbers["features"],
                *model.about["likelihood"]["size"],
                *model.shape,
                *pixel["window"],
            )
            self.put(model.levels, model.tensors["pixel.planes"])
            numbers = self.put_network(model.networks["pixel"])
            self.put([numbers[name] for name in PIXELS[model.likelihood_codec].outputs])
            if model.likelihood_codec == "mixture":
                codec = model.pixel_codec
                self.put("X", pixel["precision"], codec.exponential, codec.inverse_scale)
            else:
                self.put("B")
                self.put_table(model, pixel["precision"])

    @contextmanager
    def coding(self, model: Model, lanes: int, items: int) -> Iterator[None]:
        """A chain of random items, for the model that the body describes to the driver."""
        x = self.rng.integers(0, model.levels, (items, model.pixels)).astype(np.uint8)
        digest = chain.digest(b"", x.tobytes())
        start = chain.initial(digest, lanes).to_bytes()
        self.put("M", list(start))
        self.expect(start)
        yield
        self.put(chain.schedule(items, model.growth, model.batch), x)
        self.expect(chain.encode(model, x, digest, lanes).to_bytes(), start)

    def crc(self, size: int) -> None:
        data = self.rng.bytes(size)
        self.put("3", list(data))
        self.expect([archive.crc32c(data)])


def starts_of(rows: list[codecs.Rows]) -> list[list[int]]:
    return [[row.cumulative(c) for c in range(row.size + 1)] for row in rows]


def make() -> Vectors:
    vectors = Vectors(0)
    vectors.tables()
    for lanes in (1, 2, 3, 4, 8, 16):
        for depth in (None, 0, 300):
            vectors.start(lanes, depth)
            for n in (0, 1, 7, 100):
                vectors.codecs(n)
    for extreme in (False, True):
        for clamp in ((0, 255), (-32768, 32767), (-128, 127)):
            for inputs, outputs, rows in (
                (1, 1, 1),
                (3, 64, 2),
                (65, 63, 7),
                (100, 784, 3),
                (784, 100, 5),
            ):
                for top in (1, 127, 128, 255):
                    vectors.linear(inputs, outputs, rows, clamp, extreme, top)
    for lanes in (1, 3, 4, 8, 16):
        vectors.chain(lanes, 21)
        vectors.chain(lanes, 5, bits=4)
        vectors.chain(lanes, 7, likelihood="exponential", levels=30, likelihood_precision=20)
    vectors.chain(4, 5, likelihood="beta-binomial", levels=256, likelihood_precision=24)
    vectors.chain(8, 9, shape=(28, 28), latents=40, hidden=100)
    for lanes in (1, 4):
        vectors.context_chain(lanes, 5)
        vectors.context_chain(
            lanes, 4, codec="exponential", levels=17, precision=20, factor=3, kernel=5
        )
        vectors.context_chain(
            lanes, 4, codec="mixture", levels=256, precision=24, planes=3, components=8
        )
    vectors.context_chain(
        2, 3, codec="mixture", levels=30, precision=20, window=(8, 8), kernel=7, stride=3, hidden=70
    )
    for size in (0, 1, 7, 8, 9, 1000):
        vectors.crc(size)
    return vectors


if __name__ == "__main__":
    made = make()
    Path(sys.argv[1]).write_bytes(made.words)
    Path(sys.argv[2]).write_text("".join(line + "\n" for line in made.lines), "utf-8", newline="\n")
