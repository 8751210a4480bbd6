"""Writes test vectors for driver.cpp, and the lines that it must print, which the specification
computes, or decodes.

python tests/cross/vectors.py VECTORS EXPECTED
"""

import struct
import sys
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bitsback import tables
from bitsback.coding.streams import JpegCoder, encode_streams
from bundled_models import spec_model
from choices import Seeded
from jpeg_files import jpeg, picture
from networks import random_linear
from random_counted import random_counted, random_flat
from random_items import random_items, random_shapes
from random_models import random_context_model, random_model
from random_programs import random_program
from random_series import random_series
from random_wavefronts import random_wavefront
from reference import archive, chain, codecs
from reference.autoregressive import Autoregressive, Head
from reference.counted import STRETCH, CountedCodec
from reference.counted_rules import CountedRules, Term
from reference.distributions import Distribution
from reference.fields import Reader
from reference.item_vectors import codec_for_test, draw_item
from reference.jpeg_streams import decode_streams
from reference.layers import LAYERS, Linear
from reference.message import Message, splitmix64
from reference.model import Bound, Model
from reference.network import Network
from reference.outputs import Bernoulli, BetaBinomial, Gaussian, Meaning, Mixture, Normal
from reference.planes import ItemShape
from reference.series import SeriesCodec, SeriesRules
from reference.values import Size, places
from reference.wavefront import WavefrontCodec
from reference.wavefront_rules import INPUTS, WavefrontRules, triangle

ItemsCodec = SeriesCodec | CountedCodec | WavefrontCodec
OPS = {layer: op for op, layer in LAYERS.items()}


def text(of: str) -> list[int]:
    return [ord(letter) for letter in of]


KINDS = "sum", "row", "column", "channel", "prediction", "unit", "candidate", "equal"
"""Of terms."""
SELECTORS = "known", "node", "depth", "odds", "failures", "term"


class Vectors:
    """The words for the driver and the lines expected from it, growing together."""

    def __init__(self, seed: int) -> None:
        self.words = bytearray()
        self.lines: list[str] = []
        self.rng = np.random.default_rng(seed)
        self.message = Message([2**32], depth=0)

    def put(self, *fields: Any) -> None:
        """Writes an integer as a word, a character as an operation, anything else as an array."""
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
        self.put("T", codecs.Q, codecs.P, codecs.COMPONENTS["logistic"][0])
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
        self.put(operation, *parameters)
        self.steps(spec, symbols)

    def steps(self, spec: codecs.Array | ItemsCodec, symbols: list[int]) -> None:
        """Pushes the symbols, pops them, and pops others."""
        self.put(symbols)
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
                codecs.GaussianBuckets(m, v, bits, precision)
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
        table = [codecs.CdfTable(row, precision) for row in rows.tolist()]
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
        component = "logistic" if logistic else "normal"
        spec = codecs.Array(
            [codecs.DiscretisedMixture(*part, levels, precision, component) for part in parts]
        )
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
        self.expect(layer.apply(x.astype(np.int64)).ravel())

    def put_network(self, network: Network, size: Size) -> dict[str, int]:
        """Writes a network. Returns the numbers of its values, the sources first."""
        numbers = {name: number for number, name in enumerate(network.values)}
        self.put(len(network.sources))
        for source in network.sources.values():
            self.put(*places(source.where, size), source.channels, *source.range)
        self.put(len(network.layers))
        for name, (of, layer) in network.layers.items():
            rows, columns = places(network.values[name].where, size)
            about = {"linear": layer} if isinstance(layer, Linear) else vars(layer)
            about = {**about, "rows": rows, "columns": columns}
            self.put(text(OPS[type(layer)]), [numbers[one] for one in of], len(about))
            for key, value in about.items():
                self.put(text(key))
                if isinstance(value, Linear):
                    self.put("L")
                    self.put_linear(value, network.values[of[0]].range[1])
                else:
                    self.put("I" if isinstance(value, int) else "A", value)
        return numbers

    def put_head(self, head: Head, networks: dict[str, Network]) -> None:
        numbers = self.put_network(networks[head.name], (1, 1))
        self.put([numbers[name] for name in head.outputs])

    def put_family(self, meaning: Meaning, levels: int) -> None:
        match meaning:
            case Bernoulli():
                self.put("B", meaning.precision, meaning.probability)
            case Mixture():
                self.put("X", meaning.precision, levels, meaning.mean_shift)
                self.put(meaning.exponential, meaning.inverse_scale)
            case Normal():
                self.put("N", meaning.precision, levels, meaning.mean_shift)
                self.put(meaning.inverse_scale)
            case BetaBinomial():
                rows = [
                    codecs.CdfTable(row, meaning.precision) for of in meaning.grid for row in of
                ]
                self.put("R", meaning.precision, levels, len(meaning.grid[0]), starts_of(rows))

    def put_conditional(self, of: Distribution, size: Size, variables: list[str]) -> None:
        assert of.network is not None
        numbers = self.put_network(of.networks[of.network], size)
        self.put([variables.index(name) for name in of.given])
        self.put([numbers[name] for name in of.outputs])

    def put_autoregressive(
        self, pixels: Autoregressive, of: Distribution, size: Size, variables: list[str]
    ) -> None:
        self.put(*size, pixels.x.channels, pixels.above, pixels.side, pixels.x.levels)
        self.put(
            pixels.planes, [] if pixels.flat is None else pixels.flat, int(of.network is not None)
        )
        if of.network is not None:
            self.put_conditional(of, size, variables)
        self.put(len(pixels.groups))
        for group, meaning in zip(pixels.groups, pixels.meanings, strict=True):
            self.put(group.channels)
            self.put_family(meaning, pixels.x.levels)
            self.put_head(group.own, dict(pixels.networks))
            self.put(int(group.flat is not None))
            if group.flat is not None:
                self.put_head(group.flat, dict(pixels.networks))

    def put_distribution(self, of: Distribution, size: Size, variables: list[str]) -> None:
        number = variables.index(of.variable.name)
        if of.autoregressive:
            self.put("S", number)
            self.put_autoregressive(of.autoregressive, of, size, variables)
        elif of.wavefront:
            self.put_wavefront(of.wavefront, number)
        elif of.series:
            self.put_series(of.series, of.variable.levels, number)
        elif of.counted:
            self.put_counted(of.counted, number)
        elif of.meaning is None:
            self.put("U", number, of.variable.levels)
        else:
            gaussian = isinstance(of.meaning, Gaussian)
            self.put("G" if gaussian else "C" if of.coupled else "I", number)
            self.put_conditional(of, size, variables)
            if isinstance(of.meaning, Gaussian):
                self.put(of.meaning.inverse_scale, of.meaning.bits, of.meaning.precision)
            else:
                self.put(of.variable.value.elements(size))
                if of.coupled:
                    self.put(of.variable.channels)
                self.put_family(of.meaning, of.variable.levels)

    def program(self, model: Bound, levels: int, lanes: int, items: int) -> None:
        """A chain of random items. The data is the first of the variables."""
        x = self.rng.integers(0, levels, (items, model.elements))
        x[self.rng.random(x.shape) < 0.5] = 0
        digest = chain.digest(b"", x.tobytes())
        start = chain.initial(digest, lanes).to_bytes()
        self.put("M", list(start))
        self.expect(start)
        program, size = model.program, model.size
        variables = ["x", *(name for name in program.variables if name != "x")]
        self.put("P", len(variables))
        for name in variables:
            self.put(program.variables[name].value.elements(size), program.variables[name].levels)
        keys = list(program.distributions)
        self.put(len(keys))
        for of in program.distributions.values():
            self.put_distribution(of, size, variables)
        self.put(len(program.code))
        for step in program.code:
            self.put(int(step.pops), keys.index(step.distribution.key))
        self.put(1, items, 1, *size, program.variables["x"].channels, levels, 0)
        self.put(chain.schedule(items, model.growth, model.batch), x)
        ordered = chain.encode(model, x, digest, lanes).to_bytes()
        dtype = "u1" if levels <= 256 else "<u2"
        members = chain.encode_set(
            model, x, lambda item: np.array(item).astype(dtype).tobytes(), digest, lanes
        )
        self.expect(ordered, start, members.to_bytes(), start)

    def dense(self, lanes: int, items: int, **sizes: Any) -> None:
        model = Model(*random_model(int(self.rng.integers(1000)), **sizes))
        self.program(model.bound, model.levels, lanes, items)

    def context(self, lanes: int, items: int, **sizes: Any) -> None:
        model = Model(*random_context_model(int(self.rng.integers(1000)), **sizes))
        self.program(model.bound, model.levels, lanes, items)

    def any(self, seed: int) -> None:
        drawn = random_program(seed)
        model = Model(drawn.description, drawn.tensors)
        self.program(model.at(*drawn.size), model.levels, 1 + seed % 8, 5)

    def series(self, seed: int) -> None:
        """Adds the vectors of series."""
        model = Model.from_bytes(random_series(seed))
        of = model.prediction
        assert isinstance(of, SeriesRules)
        shapes = [ItemShape(1, 70, 1, 1 + seed % 3, model.levels)]
        self.put_series(of, model.levels)
        self.items(model.planes(shapes), random_items(seed, shapes).tolist())

    def wavefront(self, seed: int, most: int = 150, **settings: Any) -> None:
        """Adds the vectors of a model in wavefronts, whose least squares are in singles."""
        model = Model(*random_wavefront(seed, [200, 256, 65536][seed % 3], **settings))
        assert isinstance(model.prediction, WavefrontRules)
        shapes = random_shapes(Seeded(self.rng), model.levels, most)
        shapes += shapes[-1:] * (seed % 3)  # side by side
        self.put_wavefront(model.prediction)
        self.items(model.planes(shapes), random_items(seed, shapes).tolist())

    def counted(self, seed: int, make: Callable[[int], bytes] = random_counted) -> None:
        """Adds the vectors of counted contexts."""
        model = Model.from_bytes(make(seed))
        of = model.prediction
        assert isinstance(of, CountedRules)
        shapes = [ItemShape(1, 7, 9, 1 + seed % 3, model.levels), ItemShape(1, 3, 4, 1, 2)]
        self.put_counted(of)
        self.items(model.planes(shapes), random_items(seed, shapes).tolist())

    def test_items(self, name: str) -> None:
        """The first test item of a bundled model, chosen so that wrong arithmetic shows."""
        model = spec_model(name)
        about = model.about["test"]["items"]
        shape = ItemShape(*about["shape"], about["levels"])
        words = (splitmix64(j, about["seeds"][0]) >> 32 for j in count())
        item = draw_item(shape, words)
        codec = codec_for_test(model.prediction, shape, words)
        self.message = Message([2**32], depth=0)
        self.put("M", list(self.message.to_bytes()))
        self.expect(self.message.to_bytes())
        if isinstance(codec, SeriesCodec):
            self.put_series(codec.of, shape.levels)
        else:
            assert isinstance(codec, WavefrontCodec)
            self.put_wavefront(codec.of)
        self.items(codec, item)

    def put_series(self, of: SeriesRules, levels: int, number: int = 0) -> None:
        self.put("E", number, len(of.predictors))
        for one in of.predictors:
            self.put(one.inputs, one.forgetting, one.every, one.ridge)
        self.put(of.scales, levels, of.precision)
        starts = [sums for of_channel in of.starts for sums in of_channel]
        self.put(len(starts))
        for sums in starts:
            self.put(np.ascontiguousarray(sums, "<f8").view("<u4"))

    def put_wavefront(self, of: WavefrontRules, number: int = 0) -> None:
        self.put("W", number, *of.decay, of.ridge)
        starts = np.zeros((3, triangle(INPUTS[2])), np.int64)
        for row, start in zip(starts, of.starts, strict=True):
            entries = start[np.tril_indices(len(start))]
            row[: len(entries)] = entries
        self.put(starts, len(of.networks))
        for network in of.networks:
            layers = [network.hidden, *network.residual, network.output]
            self.put(len(layers))
            for layer in layers:
                self.put(layer.weight, layer.bias, layer.multiplier)
        self.put(of.contexts, *([STRETCH] if of.contexts else []))

    def put_counted(self, of: CountedRules, number: int = 0) -> None:
        self.put("N", number)
        self.put_mixing(of, of)
        self.put(int(of.candidate is not None))
        if of.candidate is not None:
            self.put_mixing(of, of.candidate)
            self.put(of.candidate.memory_of, of.candidate.sure)
        self.put(int(of.flat is not None))
        if of.flat is not None:
            self.put_sites(of.flat.around)
            self.put(len(of.flat.regions))
            for region in of.flat.regions:
                self.put_sites(region)
            self.put(of.flat.offset, of.flat.limit)

    def put_sites(self, sites: list[list[int]]) -> None:
        self.put(len(sites), *(n for site in sites for n in site))

    def put_mixing(self, whole: CountedRules, of: CountedRules) -> None:
        """Contexts and mixers of a whole, which may be those of its candidates."""
        self.put(whole.levels, whole.precision, whole.lag, whole.queues, of.table)
        self.put(of.p_bits, of.n_bits, of.trust, *(of.maps or (0, 0)))
        self.put(STRETCH, len(of.contexts))
        for context in of.contexts:
            self.put(context.offset, context.limit)
            self.put_terms(context.terms)
        values = [one.term for of_mixer in of.mixers for one in of_mixer.select if one.term]
        self.put_terms(values)
        self.put_terms(of.predictors)
        self.put(len(of.mixers))
        for mixer in of.mixers:
            self.put(mixer.start, *mixer.rates, len(mixer.select))
            for one in mixer.select:
                place = one.context if one.term is None else values.index(one.term)
                self.put(SELECTORS.index(one.kind), place)

    def put_terms(self, terms: list[Term]) -> None:
        self.put(len(terms))
        for term in terms:
            self.put(KINDS.index(term.kind), [n for part in term.parts for n in part], term.shift)
            self.put(term.low, term.high, term.steps)

    def items(self, codec: ItemsCodec, symbols: list[int]) -> None:
        self.put(len(codec.shapes))
        for shape in codec.shapes:
            self.put(1, *shape)
        self.steps(codec, symbols)

    def jpeg(self, content: bytes) -> None:
        """Adds the coefficients of a JPEG stream as this machine's core codes them by each coder,
        which the specification decodes.
        """
        coders: dict[JpegCoder, list[int]] = {
            "decisions": [],
            "symbols": tables.jpeg_symbols().tolist(),
        }
        for coder, symbols in coders.items():
            data = encode_streams(np.frombuffer(content, np.uint8), coder=coder)
            assert data is not None
            assert decode_streams(data, len(content)) == content
            reader = Reader(data, 1)
            reader.varint()
            reader.byte()
            reader.take(reader.varint())
            self.put("J", STRETCH, symbols, list(content))
            self.expect(data[reader.at :])

    def crc(self, size: int) -> None:
        data = self.rng.bytes(size)
        self.put("3", list(data))
        self.expect([archive.crc32c(data)])


def starts_of(rows: list[codecs.CdfTable]) -> list[list[int]]:
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
        vectors.dense(lanes, 21)
        vectors.dense(lanes, 5, bits=4)
        vectors.dense(lanes, 7, likelihood="exponential", levels=30, likelihood_precision=20)
    vectors.dense(4, 5, likelihood="beta-binomial", levels=256, likelihood_precision=24)
    vectors.dense(8, 9, shape=(28, 28), latents=40, hidden=100)
    for lanes in (1, 4):
        vectors.context(lanes, 5)
        vectors.context(lanes, 4, codec="exponential", levels=17, precision=20, factor=3, kernel=5)
        vectors.context(lanes, 4, codec="mixture", levels=256, precision=24, planes=3, components=8)
        vectors.context(
            lanes, 4, shape=(3, 4, 3), codec="mixture", levels=1000, precision=22, flat=True,
            groups=[[2], [0, 1]],
        )  # fmt: skip
    vectors.context(
        2, 3, codec="mixture", levels=30, precision=20, window=(8, 8), kernel=7, stride=3, hidden=70
    )
    for seed in range(24):
        vectors.any(seed)
    for seed in range(6):
        vectors.start(1 + seed % 3, 0)
        vectors.series(seed)
    for seed in range(12):
        vectors.start(1 + seed % 9, 0)
        vectors.wavefront(seed)
    for seed in range(8):
        vectors.start(1 + seed % 3, 0)
        vectors.counted(seed)
        vectors.counted(seed, random_flat)
        vectors.wavefront(seed, most=60, contexts=(12, 20)[seed % 2])
    for stream in (jpeg(), jpeg(picture("CMYK")), jpeg(picture("L", 136, 160), quality=90)):
        vectors.jpeg(stream)
    for size in (0, 1, 7, 8, 9, 1000):
        vectors.crc(size)
    # run.sh knows that these are last.
    for name in ("series", "universal", "universal-16", "universal-fast"):
        vectors.test_items(name)
    return vectors


if __name__ == "__main__":
    made = make()
    Path(sys.argv[1]).write_bytes(made.words)
    Path(sys.argv[2]).write_text("".join(line + "\n" for line in made.lines), "utf-8", newline="\n")
