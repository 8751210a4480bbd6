"""Random codecs: each as bitsback's, as the specification's, and with symbols for it. Extremes are
frequent.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitsback.codecs import (
    Adaptive,
    Bernoulli,
    BernoulliTable,
    BitsBack,
    BitSwap,
    Categorical,
    CdfTable,
    ChainRule,
    Codec,
    DiscretisedMixture,
    GaussianBuckets,
    Multiset,
    Serial,
    Uniform,
)
from bitsback.codecs.categorical import starts_of
from bitsback.codecs.discretised import Component
from reference import codecs as spec


@dataclass
class Case:
    codec: Codec[Any]
    reference: Any
    symbols: Any


shapes = st.one_of(
    st.integers(0, 70).map(lambda n: (n,)),
    st.tuples(st.integers(1, 5), st.integers(1, 20)),
    st.just(()),
)


def draw_integers(
    draw: st.DrawFn, low: int, high: int, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Integers of [low, high]: evenly spread, near the ends, or at the ends only."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["spread", "ends", "low", "high"]))
    if kind == "spread":
        return rng.integers(low, high + 1, shape)
    if kind == "ends":
        return rng.choice([low, high, min(low + 1, high), max(high - 1, low)], shape)
    return np.full(shape, low if kind == "low" else high, np.int64)


@st.composite
def uniforms(draw: st.DrawFn) -> Case:
    n = draw(
        st.one_of(
            st.sampled_from([1, 2, 3, 255, 256, 2**23 + 1, 2**24 - 1, 2**24]), st.integers(1, 2**24)
        )
    )
    shape = draw(shapes)
    symbols = draw_integers(draw, 0, n - 1, shape)
    return Case(Uniform(n, shape), spec.Array([spec.Uniform(n)] * symbols.size), symbols)


@st.composite
def bernoullis(draw: st.DrawFn) -> Case:
    precision, shape = draw(st.integers(1, 24)), draw(shapes)
    ones = draw_integers(draw, 1, 2**precision - 1, shape)
    reference = spec.Array([spec.Bernoulli(f, precision) for f in ones.ravel().tolist()])
    return Case(Bernoulli(ones, precision), reference, draw_integers(draw, 0, 1, shape))


@st.composite
def bernoulli_tables(draw: st.DrawFn) -> Case:
    precision, shape = draw(st.integers(1, 24)), draw(shapes)
    table = draw_integers(draw, 1, 2**precision - 1, (256,))
    index = draw_integers(draw, 0, 255, shape)
    reference = spec.Array([spec.Bernoulli(f, precision) for f in table[index].ravel().tolist()])
    return Case(
        BernoulliTable(table, index, precision), reference, draw_integers(draw, 0, 1, shape)
    )


@st.composite
def categoricals(draw: st.DrawFn) -> Case:
    precision, shape = draw(st.integers(1, 24)), draw(shapes)
    size = draw(st.integers(2, min(40, 2**precision)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        cuts = np.sort(rng.choice(2**precision - 1, size - 1, replace=False)) + 1
        frequencies = np.diff(np.concatenate([[0], cuts, [2**precision]]))
    else:
        frequencies = np.ones(size, np.int64)
        frequencies[rng.integers(size)] += 2**precision - size
    symbols = draw_integers(draw, 0, size - 1, shape)
    reference = spec.Array([spec.Categorical(frequencies.tolist(), precision)] * symbols.size)
    return Case(Categorical(frequencies, precision, shape), reference, symbols)


@st.composite
def rows(draw: st.DrawFn) -> Case:
    """A few rows for all symbols; steps of T may be empty, and its end below 2^16."""
    levels, shape = draw(st.integers(2, 256)), draw(shapes)
    precision = draw(st.integers(int(levels).bit_length() + 4, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    table = np.sort(rng.integers(0, 2**16 + 1, (5, levels)) >> rng.integers(0, 17, (5, 1)))
    table[:, 0] = 0
    index = draw_integers(draw, 0, 4, shape)
    reference = spec.Array([spec.CdfTable(table[i].tolist(), precision) for i in index.ravel()])
    codec = CdfTable(starts_of(table.astype(np.uint32), precision), index, precision)
    return Case(codec, reference, draw_integers(draw, 0, levels - 1, shape))


@st.composite
def gaussians(draw: st.DrawFn, bits: st.SearchStrategy[int] | None = None) -> Case:
    b, shape = draw(bits or st.integers(1, 12)), draw(shapes)
    precision = draw(st.integers(b + 4, 24))
    mean = draw_integers(draw, -(2**20), 2**20, shape)
    inverse_scale = 2 ** draw_integers(draw, 10, 26, shape)
    wiggle = draw_integers(draw, 0, 2**10, shape)
    inverse_scale = np.clip(inverse_scale + wiggle, 2**10, 2**26)
    reference = spec.Array(
        [
            spec.GaussianBuckets(m, v, b, precision)
            for m, v in zip(mean.ravel().tolist(), inverse_scale.ravel().tolist(), strict=True)
        ]
    )
    return Case(
        GaussianBuckets(mean, inverse_scale, b, precision),
        reference,
        draw_integers(draw, 0, 2**b - 1, shape),
    )


@st.composite
def mixtures(draw: st.DrawFn) -> Case:
    """Few and many levels; components far outside of the levels, as narrow as a point, or flat;
    weights of 0.
    """
    levels, shape = draw(st.one_of(st.integers(2, 300), st.integers(2, 2**16))), draw(shapes)
    precision = draw(st.integers(max((levels - 1).bit_length() + 4, 5), 24))
    component: Component = draw(st.sampled_from(["logistic", "normal", "laplace"]))
    count = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    reach = draw(st.sampled_from([2**24, min(levels * 2**8, 2**24)]))
    cuts = np.sort(draw_integers(draw, 0, 2**16, (*shape, count - 1)), -1)
    weight = np.diff(cuts, axis=-1, prepend=0, append=2**16)
    mean = rng.integers(-reach, reach + 1, weight.shape)
    inverse_scale = np.minimum(
        2 ** draw_integers(draw, 0, 26, weight.shape) + rng.integers(0, 2**10), 2**26
    )
    parts = (array.reshape(-1, count).tolist() for array in (weight, mean, inverse_scale))
    reference = spec.Array(
        [
            spec.DiscretisedMixture(*of, levels, precision, component)
            for of in zip(*parts, strict=True)
        ]
    )
    codec = DiscretisedMixture(weight, mean, inverse_scale, levels, precision, component)
    return Case(codec, reference, draw_integers(draw, 0, levels - 1, shape))


simple = st.one_of(
    uniforms(), bernoullis(), bernoulli_tables(), categoricals(), rows(), gaussians(), mixtures()
)


@st.composite
def serials(draw: st.DrawFn) -> Case:
    parts = draw(st.lists(simple, max_size=4))
    return Case(
        Serial(*(part.codec for part in parts)),
        spec.Serial([part.reference for part in parts]),
        tuple(part.symbols for part in parts),
    )


@st.composite
def bits_backs(draw: st.DrawFn) -> Case:
    """A model in which the frequencies of x depend on z, and the mean of z on x."""
    latents, pixels = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    ones = draw_integers(draw, 1, 2**16 - 257, (pixels,))
    scale = draw(st.sampled_from([2**10, 2**16, 2**18, 2**26]))

    def frequencies(z: Any) -> NDArray[np.int64]:
        return ones + int(np.sum(z)) % 256

    def means(x: Any) -> NDArray[np.int64]:
        return np.arange(latents) * 2**14 - int(np.sum(x)) * 2**12

    codec = BitsBack(
        prior=Uniform(2**10, (latents,)),
        likelihood=lambda z: Bernoulli(frequencies(z), 16),
        posterior=lambda x: GaussianBuckets(means(x), np.full(latents, scale), 10),
    )
    reference = spec.BitsBack(
        prior=spec.Array([spec.Uniform(2**10)] * latents),
        likelihood=lambda z: spec.Array([spec.Bernoulli(f, 16) for f in frequencies(z).tolist()]),
        posterior=lambda x: spec.Array(
            [spec.GaussianBuckets(m, scale, 10, 24) for m in means(x).tolist()]
        ),
    )
    return Case(codec, reference, draw_integers(draw, 0, 1, (pixels,)))


@st.composite
def bit_swaps(draw: st.DrawFn) -> Case:
    """Layers of latents on grids of their own: each moves the means of those below and above."""
    widths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    pixels, top = draw(st.integers(1, 8)), draw(st.sampled_from([2, 9, 1000]))
    scale = draw(st.sampled_from([1, 2**12, 2**16, 2**26]))
    levels = [*draw(st.lists(st.sampled_from([2, 7, 300]), min_size=4, max_size=4))[: len(widths)]]
    levels[-1] = top

    def of(width: int, symbols: int, given: Any) -> tuple[DiscretisedMixture, spec.Array]:
        means = np.arange(width) * 300 + int(np.sum(given)) * 77
        weights = np.full((width, 1), 2**16)
        ours = DiscretisedMixture(
            weights, means[:, None], np.full((width, 1), scale), symbols, component="normal"
        )
        return ours, spec.Array(
            [
                spec.DiscretisedMixture([2**16], [m], [scale], symbols, 24, "normal")
                for m in means.tolist()
            ]
        )

    def up(layer: int, side: int) -> Any:
        return lambda below: of(widths[layer], levels[layer], below)[side]

    def down(layer: int, side: int) -> Any:
        width, symbols = (pixels, 4) if layer == 0 else (widths[layer - 1], levels[layer - 1])
        return lambda z: of(width, symbols, z)[side]

    layers = range(len(widths))
    codec = BitSwap(
        [up(layer, 0) for layer in layers],
        [down(layer, 0) for layer in layers],
        Uniform(top, (widths[-1],)),
    )
    reference = spec.BitSwap(
        [up(layer, 1) for layer in layers],
        [down(layer, 1) for layer in layers],
        spec.Array([spec.Uniform(top)] * widths[-1]),
    )
    return Case(codec, reference, draw_integers(draw, 0, 3, (pixels,)))


@st.composite
def chain_rules(draw: st.DrawFn) -> Case:
    """A chain rule: one part shifts the frequencies of the other."""
    ones = draw_integers(draw, 1, 2**16 - 257, (draw(st.integers(1, 9)),))
    swapped = draw(st.booleans())

    def frequencies(a: Any) -> NDArray[np.int64]:
        return ones + int(np.sum(a)) % 256

    a, b = draw_integers(draw, 0, 99, (3,)), draw_integers(draw, 0, 1, ones.shape)
    return Case(
        ChainRule(Uniform(100, (3,)), lambda a: Bernoulli(frequencies(a), 16), swapped),
        spec.ChainRule(
            spec.Array([spec.Uniform(100)] * 3),
            lambda a: spec.Array([spec.Bernoulli(f, 16) for f in frequencies(a).tolist()]),
            swapped,
        ),
        (b, a) if swapped else (a, b),
    )


@st.composite
def adaptives(draw: st.DrawFn) -> Case:
    levels, shape = draw(st.sampled_from([1, 2, 3, 10, 300])), draw(shapes)
    symbols = draw_integers(draw, 0, levels - 1, shape)
    return Case(Adaptive(levels, shape), spec.Adaptive(levels, symbols.size), symbols)


@st.composite
def multisets(draw: st.DrawFn) -> Case:
    """Multisets of one array or two, with items that are often equal."""
    size, levels = draw(st.integers(0, 20)), draw(st.sampled_from([1, 2, 3, 300]))
    length = draw(st.integers(1, 3))
    numbers = draw_integers(draw, 0, levels - 1, (size, length)).tolist()
    one, reference = Uniform(levels, (length,)), spec.Array([spec.Uniform(levels)] * length)
    if draw(st.booleans()):
        items = sorted(numbers)
        return Case(Multiset(one, size), spec.Multiset(reference, size), tuple(items))
    pairs = tuple(sorted(zip(numbers, numbers[::-1], strict=True)))
    return Case(
        Multiset(Serial(one, one), size),
        spec.Multiset(spec.Serial([reference, reference]), size),
        pairs,
    )
