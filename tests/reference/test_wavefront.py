"""Models in wavefronts: the core sees of each pixel what the specification says that it sees, and
codes the same bits.
"""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agreement import a_message, check_messages
from bitsback.models import Model, file
from bitsback.models import item_shape as program
from bitsback.models.distributions.wavefront import WavefrontDistribution
from choices import Seeded
from laws import to_reference
from networks import SIMD_PATHS, engine
from random_items import random_items, random_shapes
from random_wavefronts import random_wavefront
from reference.model import Model as SpecModel
from reference.planes import ItemShape
from reference.values import Ints
from reference.wavefront import WavefrontCodec, group_size
from reference.wavefront_rules import FEATURES

SEEDS = range(60)
SLOW = pytest.mark.slow
LEVELS = [256, 2, 3, 17, 128, 255, 257, 1000, 4096, 65536]


def sampled(remainder: int) -> list[Any]:
    """All seeds, of which those with another remainder modulo 4 are left for the long run."""
    return [seed if seed % 4 == remainder else pytest.param(seed, marks=SLOW) for seed in SEEDS]


def parts(seed: int) -> tuple[bytes, list[ItemShape]]:
    """A model file, and the shapes of a batch: some items alike, one after the other."""
    rng = np.random.default_rng(seed)
    levels = int(rng.choice(LEVELS))
    shapes = [
        shape
        for shape in random_shapes(Seeded(rng), levels, most=200)
        for _ in range(rng.choice([1, 1, 2, 5]))
    ]
    return file.write(*random_wavefront(seed, levels)), shapes


def symbols(x: Ints) -> NDArray[Any]:
    return x.astype(np.uint8 if x.max() < 256 else np.uint16)


def check_features(data: bytes, shapes: list[ItemShape], x: Ints, *paths: str) -> None:
    """Checks what the network of each pixel reads, the prediction and the unit on each SIMD
    path.
    """
    theirs = SpecModel.from_bytes(data)
    codec = theirs.planes(shapes)
    assert isinstance(codec, WavefrontCodec)
    features: list[list[Any]] = [[], [], []]
    pixels: list[list[Any]] = [[], [], []]
    for places in codec.steps():
        for plane, r, q, element in places:
            known, references = plane.predict(r, q), len(plane.references)
            features[references].append(plane.features(r, q, known))
            unit = known.unit.value << known.unit.shift
            pixels[references].append((x[element], known.value, unit, plane.shape.levels))
            plane.learn(r, q, known, int(x[element]))
    for path in paths:
        with engine(path):
            ours = Model.from_bytes(data).adaptive
            assert isinstance(ours, WavefrontDistribution)
            for references, count in enumerate(FEATURES):
                read, seen = ours.settings.features(symbols(x), shapes, references)
                wanted = np.array(features[references], np.int64).reshape(-1, count)
                np.testing.assert_array_equal(read, (np.clip(wanted, -128, 127) + 128) >> 1)
                np.testing.assert_array_equal(seen, np.reshape(pixels[references], (-1, 4)))


@pytest.mark.parametrize("seed", sampled(0))
def test_features_are_those_of_the_specification(seed: int) -> None:
    data, shapes = parts(seed)
    check_features(data, shapes, random_items(seed, shapes), *SIMD_PATHS)


@pytest.mark.parametrize("seed", sampled(1))
def test_messages_are_those_of_the_specification(seed: int) -> None:
    data, shapes = parts(seed)
    theirs = SpecModel.from_bytes(data)
    x, lanes = random_items(seed, shapes), 1 + seed % 5
    with engine(SIMD_PATHS[seed % len(SIMD_PATHS)]):
        ours = Model.from_bytes(data)
        assert ours.any_shape and ours.identity == theirs.identity
        message = a_message(seed, lanes, words=20 * (seed % 3) ** 3)
        check_messages(ours, theirs, shapes, symbols(x), message)


LARGE = [
    *[ItemShape(1, 5, 8, 1, 256)] * 11,
    ItemShape(1, 90, 40, 1, 200),
    ItemShape(1, 3, 300, 1, 256),
    ItemShape(2, 3, 5, 6, 256),
    *[ItemShape(1, 9, 17, 3, 256)] * 4,
    ItemShape(1, 30, 40, 1, 4096),
    ItemShape(2, 5, 20, 6, 65536),
    *[ItemShape(1, 9, 17, 3, 60000)] * 4,
]
"""Groups of several sizes, rows that come and go, and planes of earlier sheets."""


@cache
def large_batch() -> tuple[bytes, Ints, bytes]:
    """A model file, items, and the message of the specification, which takes seconds."""
    data, x = file.write(*random_wavefront(3, 65536)), random_items(3, LARGE)
    reference = to_reference(a_message(3, 4))
    SpecModel.from_bytes(data).planes(LARGE).push(reference, x.tolist())
    return data, x, reference.to_bytes()


@pytest.mark.parametrize("path", SIMD_PATHS)
def test_large_batches(path: str) -> None:
    data, x, expected = large_batch()
    with engine(path):
        message, ours = a_message(3, 4), Model.from_bytes(data)
        ours.bind([(1, program.ItemShape(*shape)) for shape in LARGE]).push(message, symbols(x))
        assert message.to_bytes() == expected


@pytest.mark.parametrize("path", SIMD_PATHS)
def test_colours_of_jpeg(path: str) -> None:
    data = file.write(*random_wavefront(1))
    theirs = SpecModel.from_bytes(data)
    shapes = [ItemShape(2, 5, 7, 3, 256, jpeg=True)] * 2 + [ItemShape(1, 3, 4, 3, 256)]
    x = random_items(1, shapes)
    with engine(path):
        ours = Model.from_bytes(data)
        check_messages(ours, theirs, shapes, symbols(x), a_message(1, 2, words=200))


@pytest.mark.parametrize("seed", SEEDS)
def test_they_cost_the_same(seed: int) -> None:
    data, shapes = parts(seed)
    ours, theirs = Model.from_bytes(data), SpecModel.from_bytes(data)
    shapes.append(ItemShape(3, 1000, 700, 5, 2))
    for some in (shapes, shapes[:1]):
        of = ours.bind([(1, program.ItemShape(*shape)) for shape in some])
        assert of.memory == theirs.plane_memory(some)
        assert of.macs == theirs.plane_macs(some)


def test_items_of_every_kind_are_among_them() -> None:
    seen: Counter[Any] = Counter()
    for seed in SEEDS:
        shapes = parts(seed)[1]
        while shapes:
            seen[f"{group_size(shapes)} items"] += 1
            shapes = shapes[group_size(shapes) :]
        for shape in parts(seed)[1]:
            seen["one pixel"] += shape.rows == shape.columns == 1
            seen["one row"] += shape.rows == 1 < shape.columns
            seen["one column"] += shape.columns == 1 < shape.rows
            seen["one cell"] += 1 < shape.columns <= 8 and shape.rows > 2
            seen["slices with channels"] += shape.slices > 1 < shape.channels
            seen[f"{min(shape.channels, 5)} channels"] += 1
            seen[f"{shape.levels} levels"] += 1
            seen["colours of JPEG"] += shape.jpeg
    wanted = [f"{n} channels" for n in (1, 2, 3, 4, 5)] + [f"{n} items" for n in (1, 2, 4)]
    wanted += [f"{n} levels" for n in (2, 3, 17, 256, 257, 4096, 65536)] + [
        "slices with channels",
        "one cell",
    ]
    wanted += ["colours of JPEG", "one pixel", "one row", "one column"]
    assert [kind for kind in wanted if not seen[kind]] == []
