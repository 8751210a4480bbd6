"""Layers of images: convolutions and sums of any size, and what does not fit. Random networks of
all layers are in reference/test_networks.py.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitsback import _core
from networks import SIMD_PATHS, build, engine, random_linear
from reference.layers import Conv as SpecConv
from reference.layers import Linear as SpecLinear

Array = NDArray[Any]
BYTES, WORDS, SIGNED_BYTES = (0, 255), (-32768, 32767), (-128, 127)


def source_of(
    rows: int, columns: int, channels: int, top: int = 255, low: int = 0
) -> _core.Network:
    """A network over one image."""
    return _core.Network([(rows, columns, channels, low, top)])


def linear(network: _core.Network, of: int, layer: _core.Linear) -> int:
    return network.add("linear", [of], {"linear": layer})


def conv(network: _core.Network, of: int, layer: _core.Linear, kernel: int, stride: int) -> int:
    return network.add("conv", [of], {"linear": layer, "kernel": kernel, "stride": stride})


def lookup(network: _core.Network, of: int, table: Array) -> int:
    return network.add("lookup_table", [of], {"table": table})


def add(network: _core.Network, one: int, other: int, low: int, high: int) -> int:
    return network.add("add", [one, other], {"clamp": [low, high]})


def concat(network: _core.Network, one: int, other: int) -> int:
    return network.add("concat", [one, other], {})


def pixel_shuffle(network: _core.Network, of: int, factor: int, rows: int, columns: int) -> int:
    return network.add("pixel_shuffle", [of], {"factor": factor, "rows": rows, "columns": columns})


def view(network: _core.Network, of: int, rows: int, columns: int) -> int:
    return network.add("image", [of], {"rows": rows, "columns": columns})


def broadcast(network: _core.Network, of: int, rows: int, columns: int) -> int:
    return network.add("broadcast", [of], {"rows": rows, "columns": columns})


def run(network: _core.Network, source: Array, value: int) -> Array:
    """One value, [items, elements], for a source [items, ...]."""
    (out,) = run_all(network, source, [value])
    return out


def run_all(network: _core.Network, source: Array, values: list[int]) -> list[Array]:
    return network([source.reshape(len(source), -1).astype(np.uint16)], values)


@pytest.mark.parametrize("path", SIMD_PATHS)
@given(st.data())
def test_convolutions_of_any_size(path: str, data: st.DataObject) -> None:
    draw = data.draw
    kernel, stride = draw(st.sampled_from([1, 3, 5, 7])), draw(st.integers(1, 4))
    rows, columns, channels, outputs, items = (
        draw(st.integers(1, most)) for most in (12, 12, 9, 70, 5)
    )
    top, clamp = (
        draw(st.sampled_from([1, 100, 255])),
        draw(st.sampled_from([BYTES, WORDS, SIGNED_BYTES, (7, 8)])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    layer = random_linear(
        rng, kernel**2 * channels, outputs, clamp, extreme=draw(st.booleans()), top=top
    )
    image = rng.integers(0, top + 1, (items, rows, columns, channels), np.uint8)
    with engine(path):
        network = source_of(rows, columns, channels, top)
        out = run(network, image, conv(network, 0, build(layer, top=top), kernel, stride))
    places = -(-rows // stride), -(-columns // stride)
    expected = SpecConv(layer, kernel, stride).run((), places, image.astype(np.int64))
    assert out.dtype == (np.uint8 if clamp in (BYTES, (7, 8)) else np.int16)
    assert (out.reshape(expected.shape) == expected).all()


@pytest.mark.parametrize("path", SIMD_PATHS)
def test_an_items_integers_do_not_depend_on_those_beside_it(path: str) -> None:
    """With more items than a network runs at once, patches end in the middle of an item."""
    rng = np.random.default_rng(2)
    layer = random_linear(rng, 9 * 40, 64, BYTES)
    image = rng.integers(0, 256, (50, 9, 11, 40), np.uint8)
    with engine(path):
        network = source_of(9, 11, 40)
        value = conv(network, 0, build(layer), 3, 1)
    together = run(network, image, value)
    for items in (1, 7, 49):
        assert (run(network, image[:items], value) == together[:items]).all()
    assert (together[-1:] == run(network, image[-1:], value)).all()
    nothing = np.zeros((0, 9 * 11 * 40), np.uint16)
    assert network([nothing], [value])[0].shape == (0, 9 * 11 * 64)


def a_value(network: _core.Network, rng: np.random.Generator, clamp: tuple[int, int]) -> int:
    """Adds, for every source, a value that covers its whole range and both its ends."""
    values = np.concatenate([[clamp[0], clamp[1]], rng.integers(clamp[0], clamp[1] + 1, 91)])
    values = rng.permutation(values)
    layer = SpecLinear(np.zeros((93, 1), np.int64), values, np.full(93, 2, np.int64), 1, clamp)
    return linear(network, 0, build(layer, top=1))


RANGES = [BYTES, WORDS, SIGNED_BYTES, (-256, 255), (0, 256), (-3, -2), (5, 200), (32766, 32767)]


@pytest.mark.parametrize("path", SIMD_PATHS)
@pytest.mark.parametrize("one", RANGES)
@pytest.mark.parametrize("two", RANGES)
def test_sums(path: str, one: tuple[int, int], two: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for clamp in RANGES:
        with engine(path):
            network = source_of(1, 1, 1, 1)
            a, b = a_value(network, rng, one), a_value(network, rng, two)
            total = add(network, a, b, *clamp)
        nothing = np.zeros((3, 1), np.uint8)
        x, y, out = (v.astype(np.int64) for v in run_all(network, nothing, [a, b, total]))
        assert (out == np.clip(x + y, *clamp)).all()
        twice = add(network, a, a, *clamp)
        assert (run(network, nothing[:1], twice) == np.clip(2 * x[:1], *clamp)).all()


@pytest.mark.parametrize("path", SIMD_PATHS)
@given(st.data())
def test_residual_networks(path: str, data: st.DataObject) -> None:
    """Layers of f(x) + x, as in pixels' networks; also with other readers of f(x), and sums of
    sums.
    """
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    width, rows = draw(st.integers(1, 80)), draw(st.integers(0, 40))
    x = rng.integers(0, 256, (rows, width), np.uint8)
    values = [x.astype(np.int64)]
    with engine(path):
        network = source_of(1, 1, width)
        for _ in range(draw(st.integers(1, 4))):
            are_bytes = [v.min(initial=0) >= 0 and v.max(initial=0) < 256 for v in values]
            of = draw(st.sampled_from(np.flatnonzero(are_bytes).tolist()))
            clamp = draw(st.sampled_from([(-256, 255), WORDS, SIGNED_BYTES, BYTES]))
            layer = random_linear(rng, width, width, clamp, extreme=draw(st.booleans()))
            if clamp != BYTES and network_reads_bytes(network, x, of):
                change = linear(network, of, build(layer))
                values.append(layer.apply(values[of]))
                pair = (of, change) if draw(st.booleans()) else (change, of)
                add(network, *pair, *BYTES)
                values.append(np.clip(values[of] + values[change], *BYTES))
    outputs = network([x.astype(np.uint16)], list(range(len(values))))
    for number, (out, expected) in enumerate(zip(outputs, values, strict=True)):
        assert (out == expected).all()
        # If only a sum is wanted, it is merged with the layer that only it reads.
        assert (network([x.astype(np.uint16)], [number])[0] == expected).all()


def network_reads_bytes(network: _core.Network, x: Array, value: int) -> bool:
    return bool(network([x[:0].astype(np.uint16)], [value])[0].dtype == np.uint8)


def a_layer(inputs: int, outputs: int = 1, top: int = 255) -> _core.Linear:
    return build(random_linear(np.random.default_rng(0), inputs, outputs, BYTES, top=top), top=top)


@pytest.mark.parametrize(
    ("inputs", "kernel", "stride"),
    [
        (9, 2, 1), (9, 0, 1), (81, 9, 1), (9, 3, 0), (9, 3, 5), (18, 3, 1), (8, 3, 1),
        (9, 2**62 + 1, 1), (9, 3, 2**62),
    ],
)  # fmt: skip
def test_convolutions_that_do_not_fit_are_refused(inputs: int, kernel: int, stride: int) -> None:
    with pytest.raises(ValueError, match=r"image|kernel|stride|convolution"):
        conv(source_of(4, 6, 1), 0, a_layer(inputs), kernel, stride)


@pytest.mark.parametrize(
    ("factor", "rows", "columns"),
    [(3, 6, 9), (1, 2, 3), (0, 2, 3), (9, 18, 27), (2, 5, 6), (2, 4, 7), (2, 0, 6), (2, 2**62, 6)],
)
def test_shuffles_that_do_not_fit_are_refused(factor: int, rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match=r"image|factor|squares|shuffle"):
        pixel_shuffle(source_of(2, 3, 4), 0, factor, rows, columns)


def test_other_layers_that_do_not_fit_are_refused() -> None:
    network = source_of(2, 3, 4)
    fewer = conv(network, 0, a_layer(4, 3), 1, 1)
    item = view(network, 0, 1, 1)
    for other, low, high in ((fewer, 0, 255), (item, 0, 255), (0, 5, 5), (0, 6, 5), (0, -32769, 5),
                             (0, 0, 32768)):  # fmt: skip
        with pytest.raises(ValueError, match=r"sum|clamp|add"):
            add(network, 0, other, low, high)
    with pytest.raises(ValueError, match="concat"):
        concat(network, 0, item)
    with pytest.raises(ValueError, match="broadcast"):
        broadcast(network, 0, 2, 2)
    for rows, columns in ((5, 1), (0, 1), (2**62, 2), (2**32, 2**32)):
        with pytest.raises(ValueError, match="image"):
            view(network, 0, rows, columns)
    with pytest.raises(ValueError, match="table"):
        lookup(network, 0, np.zeros(255, np.int16))


def test_layers_read_values_that_are_there_and_bytes_where_they_must() -> None:
    network = source_of(4, 6, 1, top=300)
    with pytest.raises(ValueError, match="range"):
        conv(network, 0, a_layer(9), 3, 1)
    with pytest.raises(ValueError, match="range"):
        linear(network, 0, a_layer(1))
    for add_one in (
        lambda: conv(network, 1, a_layer(9), 3, 1),
        lambda: pixel_shuffle(network, 1, 2, 4, 6),
        lambda: add(network, 0, 1, 0, 255),
        lambda: add(network, 1, 0, 0, 255),
        lambda: concat(network, 0, 1),
        lambda: view(network, 1, 1, 1),
        lambda: broadcast(network, 1, 1, 1),
        lambda: linear(network, 1, a_layer(24)),
        lambda: lookup(network, 1, np.zeros(301, np.int16)),
    ):
        with pytest.raises(ValueError, match="no such value"):
            add_one()
    with pytest.raises(ValueError, match="range"):
        linear(source_of(4, 6, 1), 0, a_layer(1, top=254))


@pytest.mark.parametrize(
    ("op", "inputs", "fields", "error"),
    [
        ("negate", [0], {}, "no layer 'negate'"),
        ("add", [0], {"clamp": [0, 1]}, "add: it has another number of inputs"),
        ("concat", [0, 0, 0], {}, "concat: it has another number of inputs"),
        ("pixel_shuffle", [0], {"rows": 2, "columns": 3}, "the field 'factor' is missing"),
        ("pixel_shuffle", [0], {"factor": [2]}, "the field 'factor' must be an integer"),
        ("pixel_shuffle", [0], {"factor": -2}, "pixel_shuffle: the field 'factor' is negative"),
        ("add", [0, 0], {"clamp": 5}, "add: the field 'clamp' must be an array of integers"),
        ("add", [0, 0], {"clamp": [0, 2**31]}, "'clamp' holds an integer that is out of range"),
        ("lookup_table", [0], {"table": [2**15]}, "'table' holds an integer that is out of range"),
        ("linear", [0], {"linear": 3}, "linear: the field 'linear' must be a linear layer"),
    ],
)
def test_layers_without_the_right_fields_are_refused(
    op: str, inputs: list[int], fields: dict[str, Any], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        source_of(2, 3, 4).add(op, inputs, fields)
