"""The size of a model follows from the data, the number of epochs from the time."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitsback.train.collection import as_collection, split
from bitsback.train.sizing import RUNGS, batch_size, candidates, plan, weights
from bitsback.train.twins import Architecture, VaeTwin


def noise(count: int, side: int, levels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, levels, (count, side, side), dtype=np.uint8)


def test_weights_are_those_of_the_networks() -> None:
    for likelihood, levels in (("bernoulli", 2), ("exponential", 256)):
        architecture = Architecture(64, (24, 12), 8, 10, levels, likelihood)
        matrices = [p for p in VaeTwin(architecture).parameters() if p.ndim == 2]
        assert weights(architecture) == sum(p.numel() for p in matrices)


def test_more_data_are_worth_a_larger_model() -> None:
    sizes = []
    for count, side in ((100, 8), (2_000, 8), (2_000, 28), (20_000, 28)):
        collection = as_collection(noise(count, side, 256), "noise")
        best = candidates(collection, split(collection, 1))[0]
        sizes.append(weights(best) / (side * side))
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_the_smallest_model_is_there_for_data_worth_none() -> None:
    collection = as_collection(noise(100, 8, 2), "noise")
    (only,) = candidates(collection, split(collection, 1))
    assert (only.hidden, only.latents) == RUNGS[-1]


def test_a_short_time_gives_few_epochs_and_a_long_one_more(tmp_path: Path) -> None:
    collection = as_collection(noise(400, 8, 16), "noise")
    parts = split(collection, 1)
    short, long = (plan(collection, parts, seconds, 1, 1, None, tmp_path) for seconds in (0.01, 60))
    assert 2 <= short.epochs < long.epochs
    assert not list(tmp_path.iterdir())
    for made in (short, long):
        assert made.float_epochs % made.validate_every == 0 and made.rounded_epochs >= 1


def test_batches_give_at_least_forty_steps_an_epoch_where_they_can() -> None:
    assert [batch_size(n) for n in (60, 1_000, 4_000, 50_000)] == [20, 25, 100, 200]
