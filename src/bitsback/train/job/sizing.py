"""What kind of model, how large, and how many epochs: by the data, and by a few timed steps
(docs/training.md).
"""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bitsback.train.fit.machine import faster_in_half
from bitsback.train.fit.recipe import Recipe, Training
from bitsback.train.fit.split import Split
from bitsback.train.job.image_set import ImageSet, Parts, training_split
from bitsback.train.job.ladder import KINDS, Kind, candidates
from bitsback.train.twins.architectures import AnyArchitecture
from bitsback.train.twins.context import ContextArchitecture

FLOAT_PART = 0.6  # of the epochs; the others are with rounding
MOST_EPOCHS = 600
WARM_UP = 0.08  # of the epochs: until the KL counts in full
TIMED_STEPS = 4
STEP_PIXELS = (
    20_000  # of a batch that a context VAE is trained on, which learns something from each
)


@dataclass(frozen=True)
class Habits:
    """How models of one kind are trained."""

    least_steps: int
    """Where fewer fit into the time, even with the smallest model, another kind is better."""
    wanted_steps: int
    """A smaller model is taken where fewer fit."""
    fewest_epochs: int
    """Where fewer fit, fewer images are trained on."""
    validations: int
    samples: int
    """Of the posterior, for each validation image."""


HABITS: dict[Kind, Habits] = {
    "dense": Habits(least_steps=0, wanted_steps=6_000, fewest_epochs=20, validations=50, samples=3),
    "context": Habits(
        least_steps=400, wanted_steps=5_000, fewest_epochs=4, validations=30, samples=1
    ),
}


@dataclass(frozen=True)
class Plan:
    """What was decided before training: all that a resumed run needs to end as an uninterrupted
    one.
    """

    architecture: AnyArchitecture
    images: int
    """Images to train on."""
    batch: int
    epochs: int
    seed: int
    threads: int
    half: bool = False
    """Whether to multiply in bfloat16 where that is allowed."""
    seconds: tuple[float, float] | None = None
    """Of an epoch in floats, and of one with rounding, on a machine with nothing else to do. None:
    there are so many epochs, whatever time they take.
    """

    @property
    def kind(self) -> Kind:
        return "context" if isinstance(self.architecture, ContextArchitecture) else "dense"

    @property
    def float_epochs(self) -> int:
        """Epochs without rounding: a multiple of those between two validations."""
        return max(1, round(FLOAT_PART * self.epochs / self.validate_every)) * self.validate_every

    @property
    def rounded_epochs(self) -> int:
        return max(1, self.epochs - self.float_epochs)

    @property
    def validate_every(self) -> int:
        return max(1, self.epochs // HABITS[self.kind].validations)

    def recipe(self) -> Recipe:
        """The first part, without rounding, on the way to `epochs`."""
        return Recipe(
            "train", self.architecture, self.epochs, None, batch=self.batch,
            warm_up=round(WARM_UP * self.epochs),
            validate_every=self.validate_every, seed=self.seed, muon=self.kind == "context",
        )  # fmt: skip

    def training(self, recipe: Recipe, images: Split, folder: Path) -> Training:
        """A run, or one part of it, by the habits of this kind of model."""
        samples = HABITS[self.kind].samples
        return Training(recipe, images, folder, samples, self.half, replanned=True)


def batch_size(images: int, pixels: int, kind: Kind) -> int:
    """At least forty steps an epoch: in batches of 20 to 200, or for a context VAE of 4 or more and
    few pixels.
    """
    if kind == "context":
        return max(4, min(STEP_PIXELS // pixels, images // 40))
    return min(200, max(20, images // 40))


@dataclass(frozen=True)
class Wishes:
    """What the user asked for. `epochs`: so many, whatever time they take. `kinds`: in order of
    preference.
    """

    seconds: float
    seed: int
    threads: int | None = None
    epochs: int | None = None
    kinds: tuple[Kind, ...] = KINDS


def plan(collection: ImageSet, parts: Parts, wishes: Wishes, folder: Path) -> Plan:
    """The first kind of model of which enough steps fit into the time, or else the last.

    With a number of epochs it is the largest model of the first kind, and one thread by default.
    Time is that of the processor, of this thread, which waits for the others while it works: what
    else the machine does must not make the model smaller. folder: need not exist, and nothing is
    written to it.
    """
    start = time.thread_time()
    for kind in wishes.kinds:
        images = len(parts.train)
        batch = batch_size(images, int(parts.train[0].size), kind)
        half = kind == "context" and faster_in_half()
        choices = candidates(collection, parts, kind)
        if wishes.epochs is not None:
            return Plan(
                choices[0], images, batch, wishes.epochs, wishes.seed, wishes.threads or 1, half
            )
        first = Plan(choices[0], images, batch, MOST_EPOCHS, wishes.seed, wishes.threads or 1, half)
        made, steps = _fitted(collection, parts, first, choices, start, wishes, folder)
        if steps >= HABITS[kind].least_steps:
            break
    return made


def _fitted(
    collection: ImageSet,
    parts: Parts,
    first: Plan,
    choices: list[AnyArchitecture],
    start: float,
    wishes: Wishes,
    folder: Path,
) -> tuple[Plan, float]:
    """The largest of some models of one kind of which enough steps fit, and how many do.

    With one thread or all, whichever is faster. start: when the time began to run.
    """
    habits = HABITS[first.kind]
    numbers = [wishes.threads] if wishes.threads else sorted({1, os.cpu_count() or 1})
    few = training_split(
        replace(
            parts, train=parts.train[: TIMED_STEPS * first.batch], validation=parts.validation[:1]
        ),
        collection.levels,
    )
    for architecture in choices:
        trials = [replace(first, architecture=architecture, threads=n) for n in numbers]
        each, trial = min(
            ((_step_seconds(t, few, folder), t) for t in trials), key=lambda timed: sum(timed[0])
        )
        step = sum(each) / len(each)
        numbers = [trial.threads]
        left = max(wishes.seconds - (time.thread_time() - start), 0.5 * wishes.seconds)
        # A validation takes about as long as half an epoch of its images for each sample: passes
        # forward, some exact.
        validations = (
            habits.validations * 0.5 * habits.samples * len(parts.validation) / first.batch
        )
        steps = left / step - min(validations, 0.3 * left / step)
        if steps >= habits.wanted_steps:
            break
    most_images = max(first.batch, int(steps * first.batch / habits.fewest_epochs))
    images = min(first.images, most_images)
    in_an_epoch = max(1, images // first.batch)
    epochs = min(MOST_EPOCHS, max(2, int(steps / in_an_epoch)))
    seconds = each[0] * in_an_epoch, each[1] * in_an_epoch
    return replace(trial, images=images, epochs=epochs, seconds=seconds), steps


def _step_seconds(trial: Plan, few: Split, folder: Path) -> tuple[float, float]:
    """The time of a step without rounding and of one with it, after one epoch of a few steps to get
    warm.
    """
    torch.set_num_threads(trial.threads)
    plain = replace(trial.recipe(), validate_every=MOST_EPOCHS)
    recipes = (plain, replace(plain, quantise_from=0))
    floats, rounded = (_seconds(trial.training(r, few, folder / "none")) for r in recipes)
    return floats, rounded


def _seconds(training: Training) -> float:
    training.run(1)
    start = time.thread_time()
    training.run(2)
    return (time.thread_time() - start) / training.steps
