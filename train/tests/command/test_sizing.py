"""The kind and size of a model follow from the data and the time, the number of epochs from the
time.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitsback_train.job.image_set import ImageSet
from bitsback_train.job.job import Settings
from bitsback_train.job.one_shape import one_shape
from bitsback_train.job.presets import CONTEXT, DENSE, KINDS, Kind, candidates, weights
from bitsback_train.job.vae_job import batch_size, plan
from bitsback_train.network.architectures import from_json, in_words, to_json
from bitsback_train.network.context import ContextArchitecture
from bitsback_train.network.dense import Architecture, VaeModule


def noise(count: int, side: int, levels: int) -> ImageSet:
    made = np.random.default_rng(0).integers(0, levels, (count, side, side), dtype=np.uint8)
    return one_shape(made, "noise", 1)


def settings(folder: Path, seconds: float, kind: Kind | None = None) -> Settings:
    return Settings(folder / "m.safetensors", seconds / 60, seed=1, threads=1, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_presets_get_smaller(kind: Kind) -> None:
    sizes = [weights(architecture) for architecture in candidates(noise(20_000, 28, 256), kind)]
    assert len(sizes) == len(DENSE if kind == "dense" else CONTEXT)
    assert sizes == sorted(sizes, reverse=True)


def test_weights_are_those_of_the_networks() -> None:
    for likelihood, levels in (("bernoulli", 2), ("exponential", 256)):
        architecture = Architecture(64, (24, 12), 8, 10, levels, likelihood)
        matrices = [p for p in VaeModule(architecture).parameters() if p.ndim == 2]
        assert weights(architecture) == sum(p.numel() for p in matrices)


@pytest.mark.parametrize("kind", KINDS)
def test_more_data_are_worth_a_larger_model(kind: Kind) -> None:
    sizes = []
    for count, side in ((100, 8), (2_000, 8), (2_000, 28), (20_000, 28)):
        sizes.append(weights(candidates(noise(count, side, 256), kind)[0]) / side)
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_model_is_there_for_data_worth_none(kind: Kind) -> None:
    (only,) = candidates(noise(100, 8, 2), kind)
    assert only.latents == (DENSE[-1][1] if kind == "dense" else CONTEXT[-1].latents)


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_time_gives_few_epochs_and_a_long_one_more(tmp_path: Path, kind: Kind) -> None:
    images = noise(400, 8, 16)
    short, long = (plan(images, settings(tmp_path, seconds, kind)) for seconds in (0.01, 60))
    assert 2 <= short.epochs < long.epochs
    assert short.kind == long.kind == kind
    assert not list(tmp_path.iterdir())
    for made in (short, long):
        assert made.float_epochs % made.validate_every == 0 and made.rounded_epochs >= 1


def test_a_context_model_is_taken_where_there_is_time_for_it(tmp_path: Path) -> None:
    images = noise(400, 8, 16)
    kinds = [plan(images, settings(tmp_path, seconds)).kind for seconds in (0.01, 600)]
    assert kinds == ["dense", "context"]


def test_batches_give_at_least_forty_steps_an_epoch_where_they_can() -> None:
    assert [batch_size(n, 784, "dense") for n in (60, 1_000, 4_000, 50_000)] == [20, 25, 100, 200]
    assert [batch_size(n, 784, "context") for n in (60, 400, 4_000, 50_000)] == [4, 10, 25, 25]
    assert [batch_size(4_000, side * side, "context") for side in (8, 28, 64, 128)] == [
        100,
        25,
        4,
        4,
    ]


def test_either_architecture_survives_json() -> None:
    context = ContextArchitecture((28, 28), 16, 8, 2, 4, 4, 24, 48, 1)
    dense = Architecture(784, (256, 128), 28, 8)
    for architecture in (context, replace(context, levels=256, components=5), dense):
        as_read = {
            name: list(v) if isinstance(v, tuple) else v
            for name, v in to_json(architecture).items()
        }
        assert from_json(as_read) == architecture
    with pytest.raises(TypeError):
        from_json({"shape": [28, 28]})
    assert "784-256-128-7" in in_words(dense, 7) and "7 latents" in in_words(context, 7)
