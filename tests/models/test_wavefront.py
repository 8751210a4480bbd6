"""Models in wavefronts: both laws, one message from all engines, whatever the shapes, and what is
refused.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import bitsback
from bitsback import Message, _core
from bitsback.models import Model, file
from bitsback.models.distributions.wavefront import WavefrontDistribution
from bitsback.models.item_choice import WRONG, build_with_items
from bitsback.models.item_shape import ItemShape
from bitsback.models.item_vectors import ItemVectors
from bitsback.models.model import BoundModel
from choices import Seeded
from laws import check_laws, messages
from networks import SIMD_PATHS, engine
from random_items import random_item, random_items, random_shapes
from random_wavefronts import random_wavefront, wavefront
from reference.planes import ItemShape as SpecShape

LARGE = [
    SpecShape(1, 40, 150, 3, 256),
    SpecShape(1, 3, 1100, 1, 2),
    SpecShape(5, 30, 33, 1, 200),
    SpecShape(1, 400, 7, 6, 256),
    SpecShape(3, 9, 20, 5, 17),
    SpecShape(1, 90, 65, 3, 256, True),
    *[SpecShape(1, 11, 30, 3, 256)] * 7,
    *[SpecShape(2, 5, 8, 1, 100)] * 19,
    *[SpecShape(1, 40, 9, 1, 256)] * 33,
    SpecShape(1, 1, 1, 1, 2),
    SpecShape(1, 1, 70, 4, 3),
    SpecShape(1, 70, 1, 2, 255),
]
"""All numbers of items side by side, windows that move, and planes of earlier slices."""
WIDE = [
    SpecShape(1, 40, 150, 3, 65536),
    SpecShape(3, 30, 33, 1, 4096),
    SpecShape(1, 90, 65, 1, 65536),
    SpecShape(2, 9, 20, 6, 257),
    *[SpecShape(1, 11, 30, 2, 30000)] * 7,
    SpecShape(1, 40, 30, 3, 256),
]
"""More than 256 levels, and some items without."""
FLAT = [SpecShape(1, 700, 40, 1, 256), SpecShape(4, 60, 50, 3, 256), SpecShape(2, 99, 40, 2, 999)]
"""Where all is the same, sums of least squares decay to nothing."""


def bound(model: Model, shapes: list[SpecShape]) -> BoundModel:
    return model.bind([(1, ItemShape(*shape)) for shape in shapes])


def symbols(x: NDArray[Any]) -> NDArray[Any]:
    return x.astype(np.uint8 if x.max(initial=0) < 256 else np.uint16)


def settings_of(model: Model) -> _core.Wavefront:
    assert isinstance(model.adaptive, WavefrontDistribution)
    return model.adaptive.settings


CONTEXTS: list[dict[str, Any]] = [{}, {"contexts": 10}, {"contexts": 22}]


@given(messages(), st.integers(0, 500), st.sampled_from(SIMD_PATHS))
def test_both_laws(message: Message, seed: int, path: str) -> None:
    with engine(path):
        model = wavefront(seed % 16, 65536 if seed % 2 else 256, **CONTEXTS[seed % 3])
        shapes = random_shapes(Seeded(np.random.default_rng(seed)), model.levels)
        codec = bound(model, shapes)
        check_laws(codec, message, symbols(random_items(seed, shapes)))


NETWORKS = [SpecShape(1, 9, 20, 3, 256)] * 2


KINDS = ["smooth", "random", "ends", "steps", "board"]


@pytest.mark.parametrize(
    ("seed", "shapes", "kinds", "contexts"),
    [
        *[
            (0, *of, contexts)
            for contexts in CONTEXTS[:2]
            for of in ((LARGE, KINDS), (WIDE, KINDS))
        ],
        (0, FLAT, ["constant"], {}),
        *[(seed, NETWORKS, ["smooth"], CONTEXTS[seed % 2]) for seed in range(12)],
        *[
            pytest.param(seed, shapes, kinds, contexts, marks=pytest.mark.slow)
            for seed in (1, 2)
            for shapes, kinds in ((LARGE, KINDS), (WIDE, KINDS), (FLAT, ["constant"]))
            for contexts in CONTEXTS[:2]
        ],
    ],
)
def test_all_engines_give_the_same(
    seed: int, shapes: list[SpecShape], kinds: list[str], contexts: dict[str, Any]
) -> None:
    small = {} if shapes is NETWORKS else {"hidden": [16, 32, 48], "residual": [0, 2, 1]}
    data = file.write(*random_wavefront(seed, levels=65536, **small, **contexts))
    rng = np.random.default_rng(seed)
    x = symbols(
        np.concatenate([random_item(rng, shape, rng.choice(kinds)).ravel() for shape in shapes])
    )
    pushed, seen = set(), set()
    for path in SIMD_PATHS:
        with engine(path):
            model = Model.from_bytes(data)
            message = Message([1 << 40] * 8, depth=0)
            codec = bound(model, shapes)
            codec.push(message, x)
            pushed.add(message.to_bytes())
            np.testing.assert_array_equal(codec.pop(message), x)
            assert message == Message([1 << 40] * 8, depth=0)
            for references in range(3):
                found = settings_of(model).features(x, shapes, references)
                seen.add((references, b"".join(part.tobytes() for part in found)))
    assert len(pushed) == 1
    assert len(seen) == 3


@pytest.mark.parametrize("levels", [256, 5000])
def test_an_item_is_seen_alike_alone_and_among_others(levels: int) -> None:
    """Side by side, items have the same features and codes; their order alone is another one."""
    model = wavefront(3)
    shape = SpecShape(1, 40, 33, 3, levels)
    rng = np.random.default_rng(0)
    items = [symbols(random_item(rng, shape, "smooth").ravel()) for _ in range(16)]
    for references in range(3):
        together = settings_of(model).features(np.concatenate(items), [shape] * 16, references)
        alone = [settings_of(model).features(item, [shape], references) for item in items]
        for part, parts in zip(together, zip(*alone, strict=True), strict=True):
            whole = np.concatenate(parts)
            assert sorted(map(bytes, part)) == sorted(map(bytes, whole))


@pytest.mark.parametrize("side", [1, 2, 7, 8, 9, 15, 16, 17, 100])
@pytest.mark.parametrize(
    ("levels", "contexts"),
    [(256, {}), (65536, {}), *((levels, {"contexts": 14}) for levels in (2, 256, 65536))],
)
def test_odd_sizes(side: int, levels: int, contexts: dict[str, Any]) -> None:
    model = wavefront(4, levels, **contexts)
    for rows, columns, channels in itertools.product([1, 2, 8, 9, 33], [side], [1, 3]):
        shapes = [
            *[SpecShape(1, rows, columns, channels, levels)] * 3,
            *[SpecShape(1, columns, rows, channels, levels)] * 3,
        ]
        message = Message([1 << 40] * 4, depth=0)
        x = symbols(random_items(side, shapes))
        codec = bound(model, shapes)
        codec.push(message, x)
        np.testing.assert_array_equal(codec.pop(message), x)
        assert message == Message([1 << 40] * 4, depth=0)


def test_contexts_learn_from_the_items_of_a_batch() -> None:
    """Contexts learn from all items of a batch, and nothing from those of another one."""
    model, shape = wavefront(6, contexts=16), SpecShape(1, 30, 40, 3, 256)
    x = symbols(random_item(np.random.default_rng(1), shape, "random").ravel())
    sizes = []
    for batches in [[1], [1, 1], [2]]:
        message = Message([1 << 40] * 8, depth=0)
        for items in batches:
            bound(model, [shape] * items).push(message, np.tile(x, items))
        sizes.append(message.net_bits)
    one, apart, together = sizes
    assert abs(apart - 2 * one) < 64
    assert together < 0.9 * apart


@pytest.mark.parametrize("contexts", CONTEXTS[:2])
def test_an_archive_by_a_model_file(tmp_path: Path, contexts: dict[str, Any]) -> None:
    (tmp_path / "a.model").write_bytes(file.write(*random_wavefront(5, **contexts)))
    image = random_item(np.random.default_rng(0), SpecShape(1, 50, 60, 3, 256), "smooth")
    image = image[0].astype(np.uint8)
    bitsback.compress(image, tmp_path / "a.bb", model=tmp_path / "a.model")
    with bitsback.open(tmp_path / "a.bb") as archive:
        np.testing.assert_array_equal(archive[:], image)


@pytest.mark.parametrize("levels", [256, 65536])
def test_each_wrong_arithmetic_changes_the_items_of_a_test(levels: int) -> None:
    description, tensors = random_wavefront(0, levels, decay=[80, 66, 66], ridge=256)
    about = file.parse(description)
    del about["test"]["items"]
    model = build_with_items(about, tensors)
    of = model.adaptive
    assert of is not None
    items = file.parse(model.description)["test"]["items"]
    shape, seeds = ItemShape(*items["shape"], items["levels"]), tuple(items["seeds"])
    for wrong in WRONG:
        assert ItemVectors(shape, seeds).digest(of, wrong) != items["sha256"]
