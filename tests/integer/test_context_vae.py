"""A context VAE in the core: the same bits as the public codecs, one pixel of a batch after the
other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import BitsbackError, Message, _core, tables
from bitsback.codecs import BernoulliTable, Gaussian, Mixture, Rows, Uniform
from bitsback.codecs.base import Codec
from bitsback.codecs.rows import starts_of
from networks import SIMD_PATHS, build, random_linear

Array = NDArray[Any]
BYTES = (0, 255)
WORDS = (-8192, 24575)


@dataclass
class Model:
    """Random networks, and what the core makes of them."""

    seed: int = 0
    codec: str = "bernoulli"
    shape: tuple[int, int] = (5, 7)
    window: tuple[int, int] = (2, 3)
    planes: int = 1
    levels: int = 2
    features: int = 6
    latents: int = 3
    bits: int = 8
    hidden: int = 20
    components: int = 3
    precision: int = 20

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.pixels = self.shape[0] * self.shape[1]
        top = self.levels - 1
        self.posterior = _core.Network(self.pixels, top)
        hidden = self.posterior.add_conv(
            0,
            build(random_linear(rng, 9, 4, BYTES, top=top), top=top),
            *self.shape,
            kernel=3,
            stride=2,
        )
        cells = (self.shape[0] + 1) // 2 * ((self.shape[1] + 1) // 2)
        self.mean, self.scale = (
            self.posterior.add_linear(
                hidden, build(random_linear(rng, cells * 4, self.latents, clamp))
            )
            for clamp in ((-2048, 2047), BYTES)
        )
        self.inverse_scale = np.exp2(rng.uniform(14, 20, 256)).astype(np.uint32)

        self.size = (self.shape[0] + 1) // 2 * 2, (self.shape[1] + 1) // 2 * 2
        low = (self.size[0] // 2, self.size[1] // 2)
        self.decoder = _core.Network(self.latents, 2**self.bits - 1)
        value = self.decoder.add_table(0, rng.integers(0, 256, 2**self.bits).tolist(), 0)
        cell = self.decoder.add_linear(
            value, build(random_linear(rng, self.latents, low[0] * low[1] * 5, BYTES))
        )
        wide = self.decoder.add_conv(
            cell, build(random_linear(rng, 45, 4 * self.features, BYTES)), *low, 3, 1
        )
        self.drawn = self.decoder.add_shuffle(wide, *low, 2)

        above, side = self.window
        self.context = self.planes * (above * (2 * side + 1) + side) + self.features
        self.plane_table = rng.integers(0, 256, (self.planes, self.levels), np.uint8)
        self.network = _core.Network(self.context, 255)
        first = self.network.add_linear(
            0, build(random_linear(rng, self.context, self.hidden, BYTES))
        )
        change = self.network.add_linear(
            first, build(random_linear(rng, self.hidden, self.hidden, (-256, 255)))
        )
        last = self.network.add_sum(first, change, *BYTES)

        def output(clamp: tuple[int, int], width: int) -> int:
            return self.network.add_linear(
                last, build(random_linear(rng, self.hidden, width, clamp))
            )

        if self.codec == "bernoulli":
            self.outputs = [output(BYTES, 1)]
            self.table = rng.integers(1, 2**self.precision, 256).astype(np.uint32)
        elif self.codec == "grid":
            self.outputs = [output((0, 3), 1), output((0, 4), 1)]
            cumulative = np.sort(rng.integers(0, 2**16, (4, 5, self.levels), np.uint16), axis=-1)
            cumulative[..., 0] = 0
            self.table = starts_of(cumulative, self.precision)
        else:
            self.outputs = [output(clamp, self.components) for clamp in (BYTES, WORDS, BYTES)]
            self.exponential = np.exp2(rng.uniform(0, 24, 256)).astype(np.uint32)
            self.symbol_scale = np.exp2(rng.uniform(0, 26, 256)).astype(np.uint32)

    def arguments(self) -> dict[str, Any]:
        if self.codec == "mixture":
            codec = {"pixel_mixture": (self.exponential, self.symbol_scale, tables.logistic_cdf())}
        else:
            codec = {"pixel_table": self.table}
        return {
            "posterior": self.posterior, "mean": self.mean, "scale": self.scale, "inverse_scale": self.inverse_scale,
            "quantile": tables.normal_quantile(), "cdf": tables.normal_cdf(), "bits": self.bits, "precision": 24,
            "likelihood": self.decoder, "features": self.drawn, "features_size": self.size,
            "shape": self.shape, "window": self.window, "planes": self.plane_table, "levels": self.levels,
            "pixel": self.network, "outputs": self.outputs, "pixel_precision": self.precision, **codec,
        }  # fmt: skip

    def core(self, **changes: Any) -> _core.ContextVae:
        return _core.ContextVae(**(self.arguments() | changes))

    # The same in NumPy and the public codecs.

    def prior(self, size: int) -> Uniform:
        return Uniform(2**self.bits, (size, self.latents))

    def given_x(self, x: Array) -> Gaussian:
        mean, scale = self.posterior(x, [self.mean, self.scale])
        return Gaussian(mean.astype(np.int32) << 8, self.inverse_scale[scale], self.bits, 24)

    def given_z(self, z: Array) -> Array:
        """The features, [size, rows, columns, features]."""
        source = z.astype(np.uint8 if self.bits <= 8 else np.int16)
        drawn = self.decoder(source, [self.drawn])[0].reshape(len(z), *self.size, self.features)
        return drawn[:, : self.shape[0], : self.shape[1]]

    def contexts(self, x: Array, features: Array, row: int, column: int) -> Array:
        above, side = self.window
        images = np.pad(x.reshape(-1, *self.shape), ((0, 0), (above, 0), (side, side)))
        seen = images[:, row : row + above + 1, column : column + 2 * side + 1].reshape(len(x), -1)
        seen = seen[:, : above * (2 * side + 1) + side]
        return np.concatenate(
            [*(plane[seen] for plane in self.plane_table), features[:, row, column]], axis=1
        )

    def pixel_codec(self, contexts: Array) -> Codec[Any]:
        outputs = self.network(contexts, self.outputs)
        if self.codec == "bernoulli":
            return BernoulliTable(self.table, outputs[0][:, 0], self.precision)
        if self.codec == "grid":
            index = outputs[0][:, 0].astype(np.uint16) * np.uint16(5) + outputs[1][:, 0]
            return Rows(self.table.reshape(20, -1), index, self.precision)
        weight, mean, scale = outputs
        ends = np.cumsum(self.exponential[weight].astype(object), axis=1)
        ends = ends * 2**16 // ends[:, -1:]
        weights = np.diff(ends, axis=1, prepend=0).astype(np.uint32)
        return Mixture(
            weights,
            mean.astype(np.int32) * 4,
            self.symbol_scale[scale],
            self.levels,
            self.precision,
        )

    def places(self) -> list[tuple[int, int]]:
        return [(row, column) for row in range(self.shape[0]) for column in range(self.shape[1])]

    def push(self, message: Message, x: Array) -> None:
        posterior = self.given_x(x)
        z = posterior.pop(message)
        features = self.given_z(z)
        for row, column in reversed(self.places()):
            self.pixel_codec(self.contexts(x, features, row, column)).push(
                message, x[:, row * self.shape[1] + column]
            )
        self.prior(len(x)).push(message, z)

    def pop(self, message: Message, size: int) -> Array:
        z = self.prior(size).pop(message)
        features = self.given_z(z)
        x = np.zeros((size, self.pixels), np.uint8)
        for row, column in self.places():
            codec = self.pixel_codec(self.contexts(x, features, row, column))
            x[:, row * self.shape[1] + column] = codec.pop(message)
        self.given_x(x).push(message, z)
        return x


def a_message(
    rng: np.random.Generator, lanes: int, depth: int | None = 0, words: int = 20
) -> Message:
    heads = rng.integers(2**32, 2**64, lanes, dtype=np.uint64)
    return Message(heads, rng.integers(0, 2**32, words, dtype=np.uint32), depth)


MODELS: dict[str, dict[str, Any]] = {
    "bernoulli": {},
    "bernoulli, many planes": {"planes": 8, "window": (1, 1), "features": 1},
    "bernoulli, one pixel": {"shape": (1, 1), "window": (8, 8)},
    "bernoulli, one column": {"shape": (9, 1), "window": (8, 4), "features": 100, "bits": 10},
    "bernoulli, one row": {"shape": (1, 40), "window": (3, 8), "hidden": 64, "precision": 16},
    "grid": {"codec": "grid", "levels": 9},
    "grid, all levels": {"codec": "grid", "levels": 256, "planes": 3, "precision": 24},
    "mixture": {"codec": "mixture", "levels": 256, "planes": 3, "precision": 24},
    "mixture, one component": {"codec": "mixture", "levels": 30, "components": 1},
    "mixture, two levels": {"codec": "mixture", "levels": 2, "components": 2},
    "mixture, eight components": {
        "codec": "mixture",
        "levels": 256,
        "components": 8,
        "precision": 24,
    },
    "mixture, most components": {
        "codec": "mixture",
        "levels": 200,
        "components": 32,
        "precision": 20,
    },
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [1, 2, 9])
def test_a_batch_is_coded_as_the_public_codecs_do(name: str, size: int) -> None:
    model = Model(seed=size, **MODELS[name])
    rng = np.random.default_rng(size)
    x = rng.integers(0, model.levels, (size, model.pixels), np.uint8)
    for lanes in (1, 2, 3, 4):
        message = a_message(rng, lanes)
        core, plain = message.copy(), message.copy()
        model.core().push(core, x, [size])
        model.push(plain, x)
        assert core == plain
        assert (model.core().pop(core, [size]) == x).all()
        assert core == message


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [1, 5])
def test_random_bits_decode_as_with_the_public_codecs(name: str, size: int) -> None:
    """What comes out of random bits is likely under the model: all of its symbols are met, not only
    flat ones.
    """
    model = Model(seed=7 * size, **MODELS[name])
    message = a_message(np.random.default_rng(size), 4, words=3000)
    core, plain = message.copy(), message.copy()
    x = model.core().pop(core, [size])
    assert (x == model.pop(plain, size)).all()
    assert core == plain
    model.core().push(core, x, [size])
    assert core == message


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("name", ["bernoulli", "grid", "mixture"])
def test_every_path_gives_the_same_bits(path: str, name: str) -> None:
    x = np.random.default_rng(1).integers(0, Model(**MODELS[name]).levels, (40, 35), np.uint8)
    messages = []
    before = _core.simd()
    for engine in (path, "scalar"):
        _core.set_simd(engine)
        try:
            messages.append(a_message(np.random.default_rng(1), 4))
            Model(**MODELS[name]).core().push(messages[-1], x, [40])
        finally:
            _core.set_simd(before)
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ["bernoulli", "grid", "mixture"])
def test_a_chain_is_its_batches_one_after_the_other(name: str) -> None:
    model = Model(**MODELS[name])
    rng = np.random.default_rng(3)
    sizes = [1, 1, 2, 3, 300, 5]
    x = rng.integers(0, model.levels, (sum(sizes), model.pixels), np.uint8)
    message = a_message(rng, 4)
    core, plain = message.copy(), message.copy()
    model.core().push(core, x, sizes)
    end = len(x)
    for size in sizes:
        model.core().push(plain, x[end - size : end], [size])
        end -= size
    assert core == plain
    assert (model.core().pop(core, sizes[::-1]) == x).all()
    assert core == message
    model.core().push(core, x[:0], [])
    assert core == message


@pytest.mark.parametrize("name", ["bernoulli", "grid", "mixture"])
def test_what_fails_leaves_the_message_as_it_was(name: str) -> None:
    model = Model(**MODELS[name])
    core = model.core()
    rng = np.random.default_rng(4)
    x = rng.integers(0, model.levels, (3, model.pixels), np.uint8)
    short = a_message(rng, 4, depth=None, words=3)
    before = short.copy()
    with pytest.raises(BitsbackError, match="exhausted"):
        core.pop(short, [30])
    assert short == before
    message = a_message(rng, 4)
    before = message.copy()
    for sizes in ([2], [4], [3, 1], [2**63, 2**63, 3], [0]):
        with pytest.raises(BitsbackError, match="batches"):
            core.push(message, x, sizes)
    with pytest.raises(BitsbackError, match="batches"):
        core.push(message, x.reshape(-1)[:-1].copy(), [3])
    if model.levels < 256:
        x[1, 0] = model.levels
        with pytest.raises((BitsbackError, ValueError)):
            core.push(message, x, [1, 1, 1])
    assert message == before


def changes(model: Model) -> dict[str, dict[str, Any]]:
    """What may be wrong with the arguments of any model."""
    planes = model.plane_table
    return {
        "a shape of other pixels": {"shape": (5, 8)},
        "no rows": {"shape": (0, 7)},
        "a shape that overflows": {"shape": (2**32, 2**32)},
        "features smaller than the image": {"features_size": (4, 12)},
        "features that do not come out even": {"features_size": (7, 8)},
        "no features": {"features_size": (2**40, 2**40)},
        "features that are not there": {"features": 9},
        "a window with no rows": {"window": (0, 3)},
        "a window with no side": {"window": (2, 0)},
        "a window too high": {"window": (9, 3)},
        "a window too wide": {"window": (2, 9)},
        "another window": {"window": (3, 3)},
        "another number of planes": {"planes": np.repeat(planes, 2, 0)},
        "planes of other levels": {"planes": np.repeat(planes, 2, 1)},
        "planes of one dimension": {"planes": planes[0]},
        "no planes": {"planes": planes[:0]},
        "another number of levels": {"levels": model.levels + 1},
        "no outputs": {"outputs": []},
        "too many outputs": {"outputs": model.outputs * 2},
        "an output of another width": {"outputs": [1, *model.outputs[1:]]},
        "an output that is not there": {"outputs": [100, *model.outputs[1:]]},
        "an output of words": {"outputs": [2, *model.outputs[1:]]},
        "no codec": {"pixel_table": None, "pixel_mixture": None},
        "two codecs": {
            "pixel_table": np.ones(256, np.uint32),
            "pixel_mixture": (
                np.ones(256, np.uint32),
                np.ones(256, np.uint32),
                tables.logistic_cdf(),
            ),
        },
        "a precision too low": {"pixel_precision": 0},
        "a precision too high": {"pixel_precision": 25},
        "means that are no latents": {"mean": 1},
        "scales of words": {"scale": model.mean},
        "an inverse scale of zero": {"inverse_scale": model.inverse_scale * np.uint32(0)},
        "inverse scales cut short": {"inverse_scale": model.inverse_scale[1:]},
    }


def table_changes(model: Model) -> dict[str, dict[str, Any]]:
    return {
        "a frequency of zero": {"pixel_table": model.table * np.uint32(0)},
        "a table too short": {"pixel_table": model.table[:-1]},
        "a table of two dimensions": {"pixel_table": model.table[:1].reshape(1, -1)},
    }


def grid_changes(model: Model) -> dict[str, dict[str, Any]]:
    return table_changes(model) | {"a grid too narrow": {"pixel_table": model.table[:, :-1].copy()}}


def mixture_changes(model: Model) -> dict[str, dict[str, Any]]:
    exponential, scale, cdf = model.exponential, model.symbol_scale, tables.logistic_cdf()
    one, *_ = model.outputs
    return {
        "an exponential of zero": {"pixel_mixture": (exponential * np.uint32(0), scale, cdf)},
        "an exponential too large": {"pixel_mixture": (exponential | 2**25, scale, cdf)},
        "exponentials cut short": {"pixel_mixture": (exponential[1:], scale, cdf)},
        "a scale of zero": {"pixel_mixture": (exponential, scale * np.uint32(0), cdf)},
        "a scale too large": {"pixel_mixture": (exponential, scale | 2**27, cdf)},
        "a distribution function cut short": {"pixel_mixture": (exponential, scale, cdf[1:])},
        "a distribution function that falls": {
            "pixel_mixture": (exponential, scale, cdf[::-1].copy())
        },
        "a distribution function above one": {"pixel_mixture": (exponential, scale, cdf * 2)},
        "a precision of 19": {"pixel_precision": 19},
        "two outputs": {"outputs": model.outputs[:2]},
        "weights of words": {"outputs": [model.outputs[1], *model.outputs[1:]]},
        "scales of words, for a pixel": {"outputs": [one, model.outputs[1], model.outputs[1]]},
    }


BROKEN = {
    "bernoulli": lambda model: changes(model) | table_changes(model),
    "grid": lambda model: changes(model) | grid_changes(model),
    "mixture": lambda model: changes(model) | mixture_changes(model),
}


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, change) for name in BROKEN for change in BROKEN[name](Model(**MODELS[name]))],
)
def test_what_does_not_fit_is_refused(name: str, change: str) -> None:
    model = Model(**MODELS[name])
    model.core()
    with pytest.raises((BitsbackError, ValueError)):
        model.core(**BROKEN[name](model)[change])


def test_more_than_32_components_are_refused() -> None:
    Model(codec="mixture", levels=9, components=32).core()
    with pytest.raises(BitsbackError, match="32 components"):
        Model(codec="mixture", levels=9, components=33).core()


def test_more_than_256_features_are_refused() -> None:
    Model(features=256).core()
    with pytest.raises(BitsbackError, match="features"):
        Model(features=257).core()


def test_a_batch_of_nothing_changes_nothing() -> None:
    model = Model()
    message = a_message(np.random.default_rng(0), 4)
    before = message.copy()
    model.core().push(message, np.zeros((0, model.pixels), np.uint8), [0, 0])
    assert model.core().pop(message, [0]).shape == (0, model.pixels)
    assert message == before
