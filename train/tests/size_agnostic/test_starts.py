"""Start matrices: the specification's sums, and their benefit."""

import numpy as np
import pytest

from bitsback.models import Model
from bitsback.models.distributions.wavefront import INPUTS, TRIANGLE
from bitsback_train.export.wavefronts import distribution_of
from bitsback_train.fit.items import Item, as_items
from bitsback_train.fit.pixels import pixels_of
from bitsback_train.fit.start_matrices import (
    FEWEST,
    MOST_ENTRY,
    Sums,
    adapted,
    no_start,
    sum_products,
)
from bitsback_train.job.material import Base, weighted
from bitsback_train.network.wavefront import PixelNetwork
from reference.model import Model as Specified
from reference.planes import ItemShape
from reference.wavefront import WavefrontCodec

from .conftest import wavy


@pytest.mark.parametrize(
    ("shape", "levels"),
    [((1, 9, 21, 1), 256), ((2, 5, 18, 3), 200), ((2, 3, 7, 6), 256), ((3, 8, 11, 1), 60_000)],
)
def test_the_sums_of_an_item_are_those_of_the_specification(
    model: Model, shape: tuple[int, int, int, int], levels: int
) -> None:
    symbols = np.random.default_rng(1).integers(0, levels, shape).astype(np.uint16)
    codec = Specified.from_bytes(model.to_bytes()).planes([ItemShape(*shape, levels)])
    assert isinstance(codec, WavefrontCodec)
    expected = np.zeros((3, TRIANGLE))
    for places in codec.steps():
        for plane, r, q, element in places:
            known = plane.predict(r, q)
            plane.learn(r, q, known, int(symbols.ravel()[element]))
            if (r, q) == (shape[1] - 1, shape[2] - 1):
                lower = sum(plane.sums.products.values())[np.tril_indices(len(plane.sums.start))]
                expected[len(plane.references), : len(lower)] += lower
    settings = distribution_of(model, "base").settings
    sums = sum_products(settings, [Item(symbols, levels)])
    np.testing.assert_array_equal(sums.products, expected)
    counts = [len(pixels_of(settings, [Item(symbols, levels)], r)[0]) for r in range(3)]
    assert sums.pixels.tolist() == counts and sum(counts) == symbols.size


def test_each_number_of_references_has_its_row(model: Model) -> None:
    items = as_items([wavy((2, 9, 7, 3), np.uint8)])
    sums = sum_products(distribution_of(model, "base").settings, items)
    assert sums.pixels.tolist() == [63, 2 * 63, 3 * 63]
    for row, inputs in zip(sums.products, INPUTS, strict=True):
        used = (inputs + 1) * (inputs + 2) // 2
        assert row[used:].any() == 0 and row[used - 1] > 0


def test_matrices_keep_within_their_range_and_the_base_where_nothing_was_seen() -> None:
    base = no_start() + np.int32(7)
    sums = Sums(np.full(base.shape, 1e6 * FEWEST), np.array([FEWEST, FEWEST - 1, 0]))
    start = adapted(sums, base, 1024)
    assert (start[1:] == 7).all() and 0 < start[0].max() <= MOST_ENTRY
    sums = Sums(np.full(base.shape, 2.0 * FEWEST), np.full(3, FEWEST))
    assert adapted(sums, base, 16).tolist() == [[32] * TRIANGLE] * 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_small_images_are_predicted_better_by_what_others_have_taught(
    model: Model, networks: tuple[PixelNetwork, ...], dtype: type[np.integer]
) -> None:
    def items(seeds: range) -> list[Item]:
        return as_items([wavy((1, 12, 12, 1), dtype, seed) for seed in seeds])

    base = Base(model, distribution_of(model, "base"), networks, True)
    sums = sum_products(base.settings(no_start()), items(range(30)))
    bits = []
    for start in (no_start(), adapted(sums, no_start(), 16)):
        pixels = base.pixels(start, items(range(30, 40)))
        bits.append(weighted(pixels, base.bits(pixels)))
    assert bits[1] < bits[0] - 0.05
