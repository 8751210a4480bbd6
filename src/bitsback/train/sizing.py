"""How large a model and how many epochs: by the data, and by a few timed steps (docs/training.md, in words)."""

import lzma
import os
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from bitsback.bench.peers import pack
from bitsback.train.collection import Collection, Parts, as_images, training_split
from bitsback.train.data import Split
from bitsback.train.recipe import Recipe, Training
from bitsback.train.twins import Architecture

RUNGS: tuple[tuple[tuple[int, ...], int], ...] = (
    ((512, 256), 64), ((384, 192), 48), ((256, 128), 32), ((192, 96), 32), ((128, 64), 24), ((96, 48), 24),
    ((64,), 20), ((48,), 16), ((32,), 16), ((24,), 12), ((16,), 8),
)  # fmt: skip
"""Hidden layers and latents, the largest first. Latents that end up idle are dropped, so there may be too many."""

BYTES_A_WEIGHT = 0.75  # in an archive
MODEL_SHARE = 0.125  # of what xz makes of the data: the most that a model may have
SAMPLE = 1_000  # images that xz is tried on
WANTED_STEPS = 6_000  # a smaller model is taken where fewer fit into the time
FEWEST_EPOCHS = 20  # where fewer fit, even with the smallest model, fewer images are trained on
FLOAT_PART = 0.6  # of the epochs; the others are with rounding
MOST_EPOCHS = 600
VALIDATIONS = 50
WARM_UP = 0.08  # of the epochs: until the KL counts in full
TIMED_STEPS = 4


@dataclass(frozen=True)
class Plan:
    """What was decided before training: all that a resumed run needs to end as an uninterrupted one."""

    architecture: Architecture
    images: int
    """Images to train on."""
    batch: int
    epochs: int
    seed: int
    threads: int

    @property
    def float_epochs(self) -> int:
        """Epochs without rounding: a multiple of those between two validations."""
        return max(1, round(FLOAT_PART * self.epochs / self.validate_every)) * self.validate_every

    @property
    def rounded_epochs(self) -> int:
        return max(1, self.epochs - self.float_epochs)

    @property
    def validate_every(self) -> int:
        return max(1, self.epochs // VALIDATIONS)

    def recipe(self) -> Recipe:
        """The first part, without rounding, on the way to `epochs`."""
        return Recipe(
            "train", self.architecture, self.epochs, None, batch=self.batch, warm_up=round(WARM_UP * self.epochs),
            validate_every=self.validate_every, seed=self.seed,
        )  # fmt: skip


def weights(architecture: Architecture) -> int:
    """How many weights both networks have together."""
    outputs = 1 if architecture.likelihood == "bernoulli" else 2
    sizes = (architecture.pixels, *architecture.hidden)
    hidden = 2 * sum(a * b for a, b in pairwise(sizes))
    return hidden + (outputs - 1) * sizes[0] * sizes[1] + 3 * sizes[-1] * architecture.latents


def candidates(collection: Collection, parts: Parts) -> list[Architecture]:
    """The architectures that the data are worth, the largest first; the smallest of all if there is none."""
    sample = as_images(parts.train[:SAMPLE], collection.levels)
    everything = len(collection.images) + (0 if collection.test is None else len(collection.test))
    compressed = len(lzma.compress(pack(sample))) * everything / len(sample)
    most = MODEL_SHARE * compressed / BYTES_A_WEIGHT
    rungs = [_architecture(collection, *rung) for rung in RUNGS]
    return [architecture for architecture in rungs if weights(architecture) <= most] or rungs[-1:]


def _architecture(collection: Collection, hidden: tuple[int, ...], latents: int) -> Architecture:
    likelihood, bits = ("bernoulli", 8) if collection.levels == 2 else ("exponential", 10)
    return Architecture(int(np.prod(collection.shape)), hidden, latents, bits, collection.levels, likelihood)


def batch_size(images: int) -> int:
    """At least forty steps an epoch, in batches of 20 to 200."""
    return min(200, max(20, images // 40))


def plan(
    collection: Collection,
    parts: Parts,
    seconds: float,
    seed: int,
    threads: int | None,
    epochs: int | None,
    folder: Path,
) -> Plan:
    """The largest model of which enough steps fit into the time, with one thread or all, whichever is faster.

    threads: so many. epochs: so many, of the largest model, whatever time they take, with one thread by default.
    folder: need not exist, and nothing is written to it.
    """
    images = len(parts.train)
    batch = batch_size(images)
    choices = candidates(collection, parts)
    if epochs is not None:
        return Plan(choices[0], images, batch, epochs, seed, threads or 1)
    start = time.perf_counter()
    numbers = [threads] if threads else sorted({1, os.cpu_count() or 1})
    few = training_split(
        replace(parts, train=parts.train[: TIMED_STEPS * batch], validation=parts.validation[:1]), collection.levels
    )
    for architecture in choices:
        trials = [Plan(architecture, images, batch, MOST_EPOCHS, seed, n) for n in numbers]
        step, trial = min(((_step_seconds(t, few, folder), t) for t in trials), key=lambda timed: timed[0])
        numbers = [trial.threads]
        left = max(seconds - (time.perf_counter() - start), 0.5 * seconds)
        # A validation is three passes forward over its images, about as much as one epoch of them, in floats or more.
        validations = VALIDATIONS * 1.5 * len(parts.validation) / batch
        steps = left / step - min(validations, 0.3 * left / step)
        if steps >= WANTED_STEPS:
            break
    most_images = max(batch, int(steps * batch / FEWEST_EPOCHS))
    images = min(images, most_images)
    fitting = int(steps / max(1, images // batch))
    return replace(trial, images=images, epochs=min(MOST_EPOCHS, max(2, fitting)))


def _step_seconds(trial: Plan, few: Split, folder: Path) -> float:
    """The mean time of a step with rounding and one without, after one epoch of a few steps to get warm."""
    torch.set_num_threads(trial.threads)
    plain = replace(trial.recipe(), validate_every=MOST_EPOCHS)
    measured = [_seconds(Training(recipe, few, folder / "none")) for recipe in (plain, replace(plain, quantise_from=0))]
    return sum(measured) / len(measured)


def _seconds(training: Training) -> float:
    training.run(1)
    start = time.perf_counter()
    training.run(2)
    return (time.perf_counter() - start) / training.steps
