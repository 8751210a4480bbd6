"""Random codecs: each as bitsback's, as the specification's, and with symbols for it. Extremes are
frequent. Those behind `multisets` are of docs/codecs.md, which archives do not use.
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
    Dependent,
    DiscretisedMixture,
    FromCdf,
    GaussianBuckets,
    Interval,
    LatentMixture,
    Logistic,
    Mapped,
    Multiset,
    Named,
    Normal,
    OnLanes,
    Repeat,
    Serial,
    TopDown,
    Uniform,
)
from bitsback.codecs.categorical import starts_of
from bitsback.codecs.discretised import Component
from reference import codecs as spec
from reference import combinators, logits
from reference.weights import Cumulative, Weighted


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
    component: Component = draw(st.sampled_from(["logistic", "normal"]))
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


@st.composite
def own_categoricals(draw: st.DrawFn) -> Case:
    """Each symbol with frequencies from weights of its own, of any magnitude, some of them 0."""
    shape, levels = draw(shapes), draw(st.one_of(st.integers(1, 140), st.just(256)))
    precision = draw(st.integers(max((levels - 1).bit_length(), 1), 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.random((*shape, levels)) ** draw(st.sampled_from([0, 1, 30]))
    weights[..., 1:] *= rng.random((*shape, levels - 1)) < 0.7
    weights[..., 0] = np.maximum(weights[..., 0], 2.0**-60)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    most = 120 if dtype is np.float32 else 900
    weights = (weights * 2.0 ** draw(st.sampled_from([60 - most, -3, 0, most]))).astype(dtype)
    reference = [Weighted(row.tolist(), precision) for row in weights.reshape(-1, levels)]
    codec = Categorical.from_probability(weights, precision)
    return Case(codec, spec.Array(reference), draw_integers(draw, 0, levels - 1, shape))


@st.composite
def discretised(draw: st.DrawFn) -> Case:
    kind, shape = draw(st.sampled_from([Logistic, Normal])), draw(shapes)
    levels, low = draw(st.integers(2, 300)), draw(st.integers(-(2**22), 2**22))
    precision = draw(st.integers((levels - 1).bit_length() + 4, 24))
    mean = low * 2**8 + draw_integers(draw, -(2**24), 2**24, shape)
    inverse_scale = 2 ** draw_integers(draw, 0, 26, shape)
    of_each = zip(mean.ravel().tolist(), inverse_scale.ravel().tolist(), strict=True)
    component = kind.__name__.lower()
    reference = [
        spec.DiscretisedMixture([2**16], [m - low * 2**8], [v], levels, precision, component)
        for m, v in of_each
    ]
    codec = kind(mean, inverse_scale, levels, low, precision)
    symbols = low + draw_integers(draw, 0, levels - 1, shape)
    return Case(codec, spec.From(low, spec.Array(reference)), symbols)


@st.composite
def from_cdfs(draw: st.DrawFn) -> Case:
    """Codecs from the CDF of a straight line, in numbers that are exact on all machines."""
    shape, levels, low = draw(shapes), draw(st.integers(1, 70)), draw(st.integers(-1000, 1000))
    precision = draw(st.integers(max((levels - 1).bit_length(), 1), 24))
    slope = draw(st.sampled_from([0.0, 0.25, 2.0**-5, 1 / 70]))

    def below(x: Any) -> Any:
        return np.clip((x - low) * slope, 0, 1)

    one = Cumulative(lambda x: float(below(x)), low, levels, precision)
    reference = spec.From(low, spec.Array([one] * int(np.prod(shape))))
    codec = FromCdf(below, levels, low, shape, precision)
    return Case(codec, reference, low + draw_integers(draw, 0, levels - 1, shape))


@st.composite
def intervals(draw: st.DrawFn) -> Case:
    """Uniform symbols whose intervals are shifts of bits."""
    shape, bits = draw(shapes), draw(st.integers(0, 12))
    precision = draw(st.integers(max(bits, 1), 24))
    rest = precision - bits
    codec = Interval(
        interval=lambda c: (c << rest, np.full(c.shape, 1 << rest)),
        symbol=lambda x: x >> np.uint32(rest),
        precision=precision,
        shape=shape,
    )
    one = spec.Categorical([1 << rest] * (1 << bits), precision)
    reference = spec.Array([one] * int(np.prod(shape)))
    return Case(codec, reference, draw_integers(draw, 0, 2**bits - 1, shape))


any_simple = st.one_of(simple, own_categoricals(), discretised(), intervals())


@st.composite
def named(draw: st.DrawFn) -> Case:
    parts = draw(st.dictionaries(st.text(max_size=3), any_simple, max_size=3))
    return Case(
        Named({name: part.codec for name, part in parts.items()}),
        combinators.Named({name: part.reference for name, part in parts.items()}),
        {name: part.symbols for name, part in reversed(parts.items())},
    )


@st.composite
def repeats(draw: st.DrawFn) -> Case:
    part, times = draw(any_simple), draw(st.integers(0, 3))
    return Case(
        Repeat(part.codec, times), spec.Serial([part.reference] * times), (part.symbols,) * times
    )


LANES = [slice(None), slice(1), slice(None, None, -1), slice(None, None, 2), slice(-1, None), (0,)]


@st.composite
def on_lanes(draw: st.DrawFn) -> Case:
    """Codecs on the lanes that every message has, or on a part of them."""
    part, lanes, others = draw(any_simple), draw(st.sampled_from(LANES)), slice(None, None, -1)
    return Case(
        OnLanes(OnLanes(part.codec, others), lanes),
        combinators.OnLanes(combinators.OnLanes(part.reference, others), lanes),
        part.symbols,
    )


@st.composite
def dependents(draw: st.DrawFn) -> Case:
    """Sequences whose first number is their length. Each number is at most one above the previous
    one.
    """
    most = draw(st.integers(1, 5))

    def steps() -> Any:
        count = last = yield Uniform(most, ())
        for _ in range(int(count)):
            last = yield Uniform(int(last) + 2, ())

    def codec_after(parts: Any) -> Any:
        numbers = [part[0] for part in parts]
        if not numbers:
            return spec.Array([spec.Uniform(most)])
        return None if len(parts) > numbers[0] else spec.Array([spec.Uniform(numbers[-1] + 2)])

    symbols = [draw(st.integers(0, most - 1))]
    for _ in range(symbols[0]):
        symbols.append(draw(st.integers(0, symbols[-1] + 1)))
    return Case(Dependent(steps), combinators.Dependent(codec_after), tuple(symbols))


@st.composite
def latent_mixtures(draw: st.DrawFn) -> Case:
    count, pixels = draw(st.integers(1, 4)), draw(st.integers(0, 10))
    weights = draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
    weights[0] += 0.01
    ones = draw_integers(draw, 1, 2**16 - 1, (count, pixels))
    codec = LatentMixture(weights, [Bernoulli(row) for row in ones])
    reference = combinators.LatentMixture(
        weights, [spec.Array([spec.Bernoulli(f, 16) for f in row]) for row in ones.tolist()]
    )
    return Case(codec, reference, draw_integers(draw, 0, 1, (pixels,)))


@st.composite
def of_logits(draw: st.DrawFn) -> Case:
    """Logits of any size, at the ends of the tables and beyond."""
    shape, levels = draw(shapes), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from([0.0, 1e-3, 1.0, 8.0, 1e3, 1e300]))
    if draw(st.booleans()):
        precision, values = draw(st.integers(1, 24)), rng.normal(size=shape) * scale
        ones = [logits.bernoulli(x, precision) for x in values.ravel().tolist()]
        codec: Any = Bernoulli.from_logits(values, precision)
        return Case(codec, spec.Array(ones), draw_integers(draw, 0, 1, shape))
    precision = draw(st.integers(max((levels - 1).bit_length(), 1), 24))
    values = rng.normal(size=(*shape, levels)) * scale
    values[..., 1:][rng.random((*shape, levels - 1)) < 0.1] = -np.inf
    rows = [logits.categorical(row, precision) for row in values.reshape(-1, levels).tolist()]
    codec = Categorical.from_logits(values, precision)
    return Case(codec, spec.Array(rows), draw_integers(draw, 0, levels - 1, shape))


@st.composite
def top_downs(draw: st.DrawFn) -> Case:
    """Layers of latents, each near the one above, with posteriors that depend on x."""
    widths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    pixels, levels = draw(st.integers(1, 5)), 50

    def of(width: int, side: int) -> Any:
        def codec(*given: Any) -> Any:
            means = [300 * i + 77 * sum(int(np.sum(part)) for part in given) for i in range(width)]
            ours = Normal(np.array(means), 2**13, levels)
            one = [
                spec.DiscretisedMixture([2**16], [m], [2**13], levels, 24, "normal") for m in means
            ]
            return ours if side == 0 else spec.Array(one)

        return codec

    def model(side: int) -> tuple[Any, Any]:
        posteriors = [of(width, side) for width in widths]
        return posteriors, [of(width, side) for width in [pixels, *widths[:-1]]]

    top = [spec.Uniform(levels)] * widths[-1]
    return Case(
        TopDown(*model(0), Uniform(levels, (widths[-1],))),
        spec.TopDown(*model(1), spec.Array(top)),
        draw_integers(draw, 0, levels - 1, (pixels,)),
    )


@st.composite
def mapped(draw: st.DrawFn) -> Case:
    """A permutation, and shears of one part by the other."""
    size = 2 * draw(st.integers(0, 4))
    order = draw(st.permutations(range(size)))
    back = np.argsort(order).astype(int)

    def forward(x: Any) -> Any:
        x = np.asarray(x, int)[np.array(order, int)]
        a, b = np.split(x, 2)
        return np.concatenate([a, b + a // 2])

    def inverse(y: Any) -> Any:
        a, b = np.split(np.asarray(y, int), 2)
        return np.concatenate([a, b - a // 2])[back]

    part = Normal(np.zeros(size, int), 2**13, 200, -100)
    one = spec.DiscretisedMixture([2**16], [100 * 2**8], [2**13], 200, 24, "normal")
    return Case(
        Mapped(part, forward, inverse),
        spec.Mapped(
            spec.From(-100, spec.Array([one] * size)),
            lambda x: forward(x).tolist(),
            lambda y: inverse(y).tolist(),
        ),
        draw_integers(draw, -40, 40, (size,)),
    )
