"""Start matrices: the specification's sums, and their benefit."""

import numpy as np
import pytest

from bitsback_train.fit.items import Item, as_items
from bitsback_train.fit.pixel_training import mean_bits
from bitsback_train.fit.pixels import Pixels, make_predictor, sample_pixels
from bitsback_train.fit.start_matrices import (
    FEWEST,
    MOST_ENTRY,
    Sums,
    adapted,
    as_starts,
    entries,
    no_starts,
    sum_products,
)
from bitsback_train.network.pixel_predictor import PredictiveArchitecture, PredictiveModule

from .conftest import wavy


def test_the_sums_of_a_plane_are_those_of_the_specification(
    architecture: PredictiveArchitecture,
) -> None:
    """The sums of the second pixel of a plane of one row, by hand: all of its context but the first
    pixel is the start value.
    """
    symbols = np.array([40, 50], np.uint8).reshape(1, 1, 2, 1)
    none = no_starts(architecture)
    item = Item(symbols, 256)
    _, predictions, _ = make_predictor(architecture, none).contexts(symbols.ravel(), [item.shape])
    assert predictions.tolist() == [256 * 128, 256 * 40]  # MED, where all weights are zero
    start = 256 * 256 >> 5
    inputs = {0: (128, 128), 1: (128, 40)}  # the pixels north and west of either pixel
    first_error = abs(256 * 40 - int(predictions[0]))
    # the pixel two to the left of the second one is above the plane
    errors = {0: start, 1: (2 * first_error + 6 * start + 4) >> 3}
    expected = np.zeros(6)
    for q, (north, west) in inputs.items():
        median = (128, 40)[q]
        unit = errors[q] + 64
        lead = unit.bit_length() - 1
        part = (256, 205, 171, 146)[unit >> (lead - 2) & 3]
        values = (north - median, west - median, int(symbols[0, 0, q, 0]) - median)
        v = [
            min(max((256 * u * part + (1 << (lead + 3))) >> (lead + 4), -1023), 1023)
            for u in values
        ]
        expected += [v[a] * v[b] for a in range(3) for b in range(a + 1)]
    sums = sum_products(architecture, none, [item])
    assert sums.pixels.tolist() == [2, 0, 0]
    np.testing.assert_array_equal(sums.of[1][0, :6], expected)


def test_each_number_of_references_has_its_row(architecture: PredictiveArchitecture) -> None:
    items = as_items([wavy((2, 9, 7, 3), np.uint8)])
    sums = sum_products(architecture, no_starts(architecture), items)
    assert sums.pixels.tolist() == [63, 2 * 63, 3 * 63]
    for one, rows in zip(architecture.predictors, sums.of, strict=True):
        for references, row in enumerate(rows):
            used = entries(one.places, references)
            assert row[used:].any() == 0 and row[used - 1] > 0


def test_matrices_keep_within_their_range_and_the_base_where_nothing_was_seen(
    architecture: PredictiveArchitecture,
) -> None:
    base = [start + 7 for start in no_starts(architecture)]
    products = [np.full(start.shape, 1e6 * FEWEST) for start in base]
    seen = adapted(Sums(products, np.array([FEWEST, FEWEST - 1, 0])), base, 1024)
    for start in seen:
        assert (start[1:] == 7).all() and 0 < start[0].max() < MOST_ENTRY
    assert as_starts([np.full((3, 6), 2.0)], 16)[0].tolist() == [[32] * 6] * 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_small_images_are_predicted_better_by_what_others_have_taught(
    architecture: PredictiveArchitecture, module: PredictiveModule, dtype: type[np.integer]
) -> None:
    def items(seeds: range) -> list[Item]:
        return as_items([wavy((1, 12, 12, 1), dtype, seed) for seed in seeds])

    none = no_starts(architecture)
    taught = as_starts(sum_products(architecture, none, items(range(20))).means(), 16)
    bits = []
    for starts in (none, taught):
        predictor = make_predictor(architecture, starts)
        of = sample_pixels(predictor, items(range(20, 30)), 1, np.random.default_rng(0))
        bits.append(mean_bits(module, Pixels.joined(of)))
    assert bits[1] < bits[0] - 0.05
