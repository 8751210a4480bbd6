"""The arithmetic of the exhibits."""

from __future__ import annotations

from itertools import pairwise
from math import erf, sqrt
from typing import Any

import numpy as np
import pytest

import bitsback
from bitsback_lab.paper import compressors, figure4, latent_bits, precision, start, vae_codecs
from bitsback_lab.paper.coding import as_symbols, code_lengths, length, random_message, rounded
from bitsback_lab.paper.dirty_bits import compared
from bitsback_lab.paper.exhibits import TIMED, Conditions, fixed, table
from bitsback_lab.paper.figure3 import moving_average, shuffled
from bitsback_lab.paper.model_cost import break_even
from bitsback_lab.paper.reproducing import differences
from bitsback_lab.paper.sets import mnist


def test_moving_average() -> None:
    assert moving_average(np.array([1.0, 2, 3, 4, 8]), 2).tolist() == [1.5, 2.5, 3.5, 6.0]
    values = np.random.default_rng(0).random(5000)
    averages = moving_average(values, 2000)
    assert averages.shape == (3001,)
    assert averages[17] == pytest.approx(values[17:2017].mean())


def test_every_shuffled_copy_has_all_images_in_an_order_of_its_own() -> None:
    x = np.arange(50, dtype=np.uint8)[:, None]
    copies = shuffled(x, 3).reshape(3, 50)
    assert all(sorted(copy) == list(range(50)) for copy in copies.tolist())
    assert len({tuple(copy) for copy in copies.tolist()}) == 3


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([1000, 1100, 2000], [900, 1200, 3000], 55),  # 100 too large at 10, 100 smaller at 100
        ([100, 200, 300], [200, 300, 400], 10),  # from the first count on
        ([1000, 1100, 2000], [10, 100, 1000], None),  # never: 1000 too large at the end, as at 100
        (
            [1000, 1090, 1990],
            [10, 100, 1090],
            10_000,
        ),  # 900 too large at the last, and 90 less for each 900 images
        ([100, 500, 1000], [200, 400, 2000], 182),  # ahead at first, behind, and ahead again
    ],
)
def test_break_even(ours: list[int], theirs: list[int], expected: int | None) -> None:
    assert break_even((10, 100, 1000), ours, theirs) == expected


def test_break_even_means_smaller_from_there_on() -> None:
    counts = (10, 100)

    def size(first: int, each: int) -> list[int]:
        return [first + each * count for count in counts]

    point = break_even(counts, size(5000, 20), size(0, 100))
    assert point is not None
    assert 5000 + 20 * (point + 1) < 100 * (point + 1)
    assert 5000 + 20 * (point - 1) > 100 * (point - 1)


def test_differences_name_the_place() -> None:
    here = {"a": [1, {"b": 2.0}], "c": "x", TIMED: 1}
    assert list(differences(here, {"a": [1, {"b": 2.0}], "c": "x", TIMED: 2})) == []
    assert list(differences(here, {"a": [1, {"b": 2.5}], "c": "x"})) == [
        "a[1].b: 2.0 here, 2.5 there"
    ]
    assert list(differences({"a": 1}, {"b": 1})) == ["a: only here", "b: only there"]
    assert list(differences([1], [1, 2], "d")) == ["d: a list of 1 here, a list of 2 there"]


def test_other_versions_of_a_compressor_are_not_compared() -> None:
    assert list(differences({"version": "xz 1", "bytes": 1}, {"version": "xz 2", "bytes": 2})) == []
    assert list(differences({"version": "xz 1", "bytes": 1}, {"version": "xz 1", "bytes": 2})) != []


def test_numbers_in_tables() -> None:
    assert fixed(None, 2) == "-"
    assert fixed(12345.678, 1) == "12,345.7"
    assert fixed(-0.0001, 2) == "0.00"
    assert fixed(-1.5, 1) == "-1.5"
    assert table(["a", "b"], [["x|y", "1"]]) == "| a | b |\n| --- | ---: |\n| x\\|y | 1 |"


def test_bucket_probabilities_are_those_of_the_normal_distribution() -> None:
    numbers = figure4.EXHIBIT.measure(Conditions())

    def below(t: float) -> float:
        return 0.5 * (1 + erf(t / sqrt(2)))

    assert [below(edge) for edge in numbers["edges"]] == pytest.approx(
        [i / 16 for i in range(1, 16)], abs=1e-5
    )
    ends = [
        0.0,
        *(below((edge - numbers["mean"]) / numbers["scale"]) for edge in numbers["edges"]),
        1.0,
    ]
    exact = [high - low for low, high in pairwise(ends)]
    assert figure4.probabilities(numbers) == pytest.approx(exact, abs=1e-4)
    assert sum(numbers["frequency"]) == 1 << numbers["precision"]


@pytest.mark.parametrize("name", latent_bits.MODELS)
def test_with_its_own_number_of_buckets_a_model_is_itself(name: str) -> None:
    model = bitsback.load_model(name)
    x = as_symbols(mnist(model.levels)[:20])
    z = model.posterior(x).pop(random_message(3, 2000))
    likelihood = latent_bits.with_buckets(model, model.bits)
    assert np.array_equal(likelihood(z).bits(x), model.likelihood(z).bits(x))


@pytest.mark.parametrize("name", latent_bits.MODELS)
def test_public_codecs_have_the_model_s_frequencies(name: str) -> None:
    model = bitsback.load_model(name)
    x = as_symbols(mnist(model.levels)[:20])
    message, other = random_message(3, 2000), random_message(3, 2000)
    z = model.posterior(x).pop(message)
    assert np.array_equal(vae_codecs.posterior(model, x).pop(other), z)
    vae_codecs.likelihood(model, z).push(other, x)
    model.likelihood(z).push(message, x)
    assert other == message


def test_few_buckets_cost_bits() -> None:
    model = bitsback.load_model("mnist-binary-paper")
    x = as_symbols(mnist(2)[:100])
    rates = [latent_bits.rate(model, x, bits) for bits in (1, 3, 8)]
    assert rates[0] > rates[1] > rates[2]


@pytest.mark.parametrize("name", precision.MODELS)
def test_tables_at_the_model_s_own_precision_are_its_own(name: str) -> None:
    model = bitsback.load_model(name)
    codec: Any = vae_codecs.likelihood(model, np.zeros((1, model.latents), np.uint16))
    own = codec.table if model.levels == 2 else codec.starts
    assert np.array_equal(precision.coarse_table(codec, codec.precision), own)
    coarse = precision.coarse_table(codec, 12)
    assert coarse.max() <= 1 << 12
    assert (
        np.all(np.diff(coarse.astype(int), axis=-1) > 0) if model.levels > 2 else coarse.min() >= 1
    )


def test_a_coder_with_large_heads_takes_the_information_and_no_more() -> None:
    random = np.random.default_rng(0)
    ones = random.integers(1, 1 << 16, 2000)
    x = (random.random(2000) < ones / 65536).astype(np.uint8)
    intervals = precision.bernoulli_intervals(ones, x, 16)
    information = sum(16 - np.log2(freq) for _, freq in intervals)
    assert precision.coded_bits(intervals, 16, 32) == pytest.approx(information, abs=0.01)
    assert precision.coded_bits(intervals, 16, 16) == pytest.approx(information, abs=30)


def test_a_start_is_what_the_message_has_beyond_the_information() -> None:
    model = bitsback.load_model("mnist-binary-paper")
    x = as_symbols(mnist(2)[:150])
    one, many, ours_ = start.SCHEMES
    bits, information = start.code(model, x, one, 1)
    fresh = code_lengths(model.prior, model.likelihood, model.posterior, x, 1).sum()
    assert information == pytest.approx(fresh, rel=0.02)
    start_up = {
        scheme.name: np.subtract(*start.code(model, x, scheme, 1)) for scheme in (one, many, ours_)
    }
    assert 200 < start_up[one.name] < 600
    assert start_up[many.name] > 20 * start_up[one.name]
    assert start_up[ours_.name] - start.DIGEST < start_up[one.name]
    assert bits % 8 == 0


def test_a_net_rate_is_the_growth_of_one_chain() -> None:
    model = bitsback.load_model("mnist-binary-paper")
    images = mnist(2)[:100]
    rates = compressors.rates(model, images)
    assert rates["net"] == pytest.approx(rates["negative_elbo"], rel=0.02)
    assert rates["net"] < rates["archive"]
    assert rates["archive"] == rounded(8 * rates["archive_bytes"] / images.size)


def test_a_difference_comes_with_its_standard_error() -> None:
    found = compared(np.array([1.0, 3.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    assert (found["chained"], found["fresh"], found["difference"]) == (3, 2, 1)
    assert found["standard_error"] == pytest.approx(1 / np.sqrt(3), abs=1e-4)


def test_random_messages_are_random_and_repeatable() -> None:
    assert random_message(1, 10) == random_message(1, 10)
    assert random_message(1, 10) != random_message(2, 10)
    assert 32 * 10 + 32 <= length(random_message(1, 10)) < 32 * 10 + 64
