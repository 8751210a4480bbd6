"""Training a VAE for small images of one shape.

A run has two parts, each a training with its own checkpoint. The first is in floats. The second
starts from its best weights and rounds on the way forward, while the learning rate falls to zero.
Each ends early if the validation loss stalls, and its number of epochs changes if they take longer
or less than planned.
"""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bitsback.errors import ModelError
from bitsback.models import Model
from bitsback_train.export.code_lengths import ITEMS, repeated_lengths, safe_growth
from bitsback_train.export.exporter import Card, chain_batch, export
from bitsback_train.fit.machine import faster_in_half
from bitsback_train.fit.pruning import prune
from bitsback_train.fit.training import Recipe
from bitsback_train.fit.vae_training import Split, VaeTraining
from bitsback_train.job.evaluation import Evaluation, evaluate_whole, verdict_of_whole
from bitsback_train.job.image_set import ImageSet, Values
from bitsback_train.job.job import Job, Outcome, Progress, Settings, in_time
from bitsback_train.job.presets import Kind, as_images, candidates
from bitsback_train.network.architectures import AnyArchitecture, from_json
from bitsback_train.network.context import ContextArchitecture

FLOATS, ROUNDED = "floats", "rounded"
FLOAT_PART = 0.6  # the share of epochs in floats; the others are with rounding
MOST_EPOCHS = 600
WARM_UP = 0.08  # the share of epochs until the KL counts in full
TIMED_STEPS = 4
STEP_PIXELS = 20_000  # the pixels of a context VAE's batch, since it learns from each of them
# the rate of the second part, as a share of the last one of the first, since its weights are
# averaged
PEAK = 0.6
TOLERATED = (
    0.2  # the share of the time by which a run may miss it before the number of epochs changes
)
LEAST_PART = 0.5  # the share of the planned epochs below which training is not worth while


@dataclass(frozen=True)
class Habits:
    """The training settings of models of one kind."""

    least_steps: int
    """The fewest steps; if fewer fit into the time, even with the smallest model, another kind is
    better.
    """
    wanted_steps: int
    """The number of steps below which a smaller model is taken."""
    fewest_epochs: int
    """The fewest epochs; if fewer fit, training uses fewer images."""
    validations: int
    samples: int
    """The samples of the posterior, for each validation image."""


HABITS: dict[Kind, Habits] = {
    "dense": Habits(least_steps=0, wanted_steps=6_000, fewest_epochs=20, validations=50, samples=3),
    "context": Habits(
        least_steps=400, wanted_steps=5_000, fewest_epochs=4, validations=30, samples=1
    ),
}


@dataclass(frozen=True)
class VaePlan:
    """The decisions before training: all that a resumed run needs to end as an uninterrupted
    one.
    """

    architecture: AnyArchitecture
    images: int
    """The number of training images."""
    batch: int
    epochs: int
    seed: int
    threads: int
    half: bool = False
    """Whether to multiply in bfloat16 if that is allowed."""
    seconds: tuple[float, float] | None = None
    """The seconds of an epoch in floats, and of one with rounding, on an idle machine. None if the
    number of epochs is fixed.
    """

    @property
    def kind(self) -> Kind:
        return "context" if isinstance(self.architecture, ContextArchitecture) else "dense"

    @property
    def longest(self) -> bool:
        return self.epochs >= MOST_EPOCHS

    @property
    def float_epochs(self) -> int:
        """The epochs without rounding: a multiple of those between two validations."""
        return max(1, round(FLOAT_PART * self.epochs / self.validate_every)) * self.validate_every

    @property
    def rounded_epochs(self) -> int:
        return max(1, self.epochs - self.float_epochs)

    @property
    def validate_every(self) -> int:
        return max(1, self.epochs // HABITS[self.kind].validations)

    def recipe(self) -> Recipe:
        """The recipe of the first part, without rounding, of `epochs` in total."""
        return Recipe(
            "train", self.architecture, self.epochs, None, batch=self.batch,
            kl_warm_up=round(WARM_UP * self.epochs),
            validate_every=self.validate_every, seed=self.seed, muon=self.kind == "context",
        )  # fmt: skip

    def rounded_recipe(self, rate: float) -> Recipe:
        """The recipe of the second part, whose rate continues that of the first one."""
        return replace(
            self.recipe(), epochs=self.rounded_epochs, quantise_from=0, learning_rate=PEAK * rate,
            constant=0.0, kl_warm_up=0,
        )  # fmt: skip

    def training(self, recipe: Recipe, images: Split, folder: Path) -> VaeTraining:
        """A run, or a part of it, with the settings for this kind of model."""
        samples = HABITS[self.kind].samples
        return VaeTraining(recipe, images, folder, samples, self.half, replanned=True)


class VaeJob(Job[VaePlan]):
    """images: of one shape, as symbols."""

    of_others = "other data or another seed"

    @property
    def words(self) -> str:
        rows, columns = self.item_shape
        return f"{self.images.kind} images of {rows}x{columns} pixels"

    @property
    def item_shape(self) -> tuple[int, ...]:
        return self.images.train[0].shape[1:3]

    def run_of(self, settings: Settings) -> str:
        return f"{self.images.digest()} {settings.seed}"

    def plan(self, settings: Settings) -> VaePlan:
        return plan(self.images, settings)

    def planned(self, fields: dict[str, Any], settings: Settings) -> VaePlan:
        seconds = fields["seconds"]
        fields |= {
            "architecture": from_json(fields["architecture"]),
            "seconds": None if seconds is None else (float(seconds[0]), float(seconds[1])),
        }
        return VaePlan(**fields)

    def train(
        self, plan: VaePlan, settings: Settings, card: Card, progress: Progress
    ) -> Outcome[VaePlan]:
        split = training_split(self.images, plan.images)
        floats, rounded = _two_parts(plan, split, settings.folder, progress)
        later = [{**row, "epoch": row["epoch"] + floats.epoch} for row in rounded.rows]
        model, rate = finish(rounded, card)
        epochs = replace(plan, epochs=floats.recipe.epochs).float_epochs + rounded.recipe.epochs
        seconds = floats.seconds + rounded.seconds
        return Outcome(model, plan, floats.rows + later, rate, seconds, epochs)

    def evaluate(self, outcome: Outcome[VaePlan]) -> Evaluation:
        assert self.images.whole is not None and self.images.levels is not None
        held_out, whole = (
            as_images(values, self.images.levels)
            for values in (self.images.held_out[0], self.images.whole)
        )
        return evaluate_whole(outcome.model, held_out, whole, outcome.seconds)

    def verdict(self, outcome: Outcome[VaePlan], evaluation: Evaluation) -> str:
        falling = outcome.still_falling
        return verdict_of_whole(evaluation, self.images.count, falling, outcome.plan.kind)


def training_split(images: ImageSet, count: int) -> Split:
    """The split for `VaeTraining`, with `count` images to train on. It draws bilevel pixels by
    their grey value, so that black and white do not change.
    """

    def flat(values: Values) -> torch.Tensor:
        grey = values * np.uint8(255) if images.levels == 2 else values
        return torch.from_numpy(np.ascontiguousarray(grey.reshape(len(grey), -1)))

    return Split(flat(images.train[0][:count]), flat(images.validation[0]))


def batch_size(images: int, pixels: int, kind: Kind) -> int:
    """A batch size that gives at least forty steps an epoch: 20 to 200, or for a context VAE 4 or
    more and few pixels.
    """
    if kind == "context":
        return max(4, min(STEP_PIXELS // pixels, images // 40))
    return min(200, max(20, images // 40))


def plan(images: ImageSet, settings: Settings) -> VaePlan:
    """The first kind of model of which enough steps fit into the time, or otherwise the last.

    With a number of epochs it is the largest model of the first kind, by default with one thread.
    Time is the processor time of this thread, which waits for the others while they work, so that
    other load on the machine does not make the model smaller. Nothing is written.
    """
    start = time.thread_time()
    count, pixels = len(images.train[0]), int(images.train[0][0].size)
    threads = settings.threads or 1
    for kind in settings.kinds:
        batch = batch_size(count, pixels, kind)
        half = kind == "context" and faster_in_half()
        choices = candidates(images, kind)
        first = VaePlan(choices[0], count, batch, MOST_EPOCHS, settings.seed, threads, half)
        if settings.epochs is not None:
            return replace(first, epochs=settings.epochs)
        made, steps = _fitted(images, first, choices, start, settings)
        if steps >= HABITS[kind].least_steps:
            break
    return made


def _fitted(
    images: ImageSet,
    first: VaePlan,
    choices: list[AnyArchitecture],
    start: float,
    settings: Settings,
) -> tuple[VaePlan, float]:
    """The largest model of one kind of which enough steps fit, and their number.

    It uses one thread or all, whichever is faster. start: the start of the time.
    """
    habits = HABITS[first.kind]
    numbers = [settings.threads] if settings.threads else sorted({1, os.cpu_count() or 1})
    few = training_split(
        replace(images, validation=[images.validation[0][:1]]), TIMED_STEPS * first.batch
    )
    for architecture in choices:
        trials = [replace(first, architecture=architecture, threads=n) for n in numbers]
        each, trial = min(
            ((_step_seconds(t, few, settings.folder), t) for t in trials),
            key=lambda timed: sum(timed[0]),
        )
        step = sum(each) / len(each)
        numbers = [trial.threads]
        left = max(settings.seconds - (time.thread_time() - start), 0.5 * settings.seconds)
        # For each sample, a validation takes about as long as half an epoch of its images: forward
        # passes, some of them exact.
        validated = habits.samples * len(images.validation[0]) / first.batch
        validations = habits.validations * 0.5 * validated
        steps = left / step - min(validations, 0.3 * left / step)
        if steps >= habits.wanted_steps:
            break
    most_images = max(first.batch, int(steps * first.batch / habits.fewest_epochs))
    count = min(first.images, most_images)
    in_an_epoch = max(1, count // first.batch)
    epochs = min(MOST_EPOCHS, max(2, int(steps / in_an_epoch)))
    seconds = each[0] * in_an_epoch, each[1] * in_an_epoch
    return replace(trial, images=count, epochs=epochs, seconds=seconds), steps


def _step_seconds(trial: VaePlan, few: Split, folder: Path) -> tuple[float, float]:
    """The time of a step without rounding and of one with it, after a short epoch as warm-up."""
    torch.set_num_threads(trial.threads)
    plain = replace(trial.recipe(), validate_every=MOST_EPOCHS)
    recipes = (plain, replace(plain, quantise_from=0))
    floats, rounded = (_seconds(trial.training(r, few, folder / "none")) for r in recipes)
    return floats, rounded


def _seconds(training: VaeTraining) -> float:
    training.run(1)
    start = time.thread_time()
    training.run(2)
    return (time.thread_time() - start) / training.steps


def _two_parts(
    decided: VaePlan, images: Split, folder: Path, progress: Progress
) -> tuple[VaeTraining, VaeTraining]:
    """Runs both parts to their end."""
    floats = decided.training(decided.recipe(), images, folder / FLOATS)

    def whole() -> VaePlan:
        return replace(decided, epochs=floats.recipe.epochs)

    def go_on_with(epochs: int) -> None:
        fitting = _within(decided.epochs, epochs / FLOAT_PART)
        floats.replan(replace(decided, epochs=fitting).recipe())

    def run(training: VaeTraining, seconds: float | None, planned: int) -> Iterator[float | None]:
        of_all = None if seconds is None else seconds * planned
        first = training is floats
        end = (lambda: whole().float_epochs) if first else (lambda: training.recipe.epochs)
        replan = go_on_with if first else end_with
        return in_time(training, end, of_all, TOLERATED, replan, each_epoch=True)

    before = floats.epoch
    if before < whole().float_epochs:
        progress(before, whole().epochs, None)
    each = decided.seconds or (None, None)
    for rate in run(floats, each[0], decided.float_epochs):
        progress(floats.epoch, whole().epochs, rate)
    rounded = decided.training(
        whole().rounded_recipe(floats.optimiser.rate), images, folder / ROUNDED
    )
    if rounded.epoch == 0:
        rounded.start_from(floats.best_module().state_dict())
    if floats.epoch == before:
        progress(before + rounded.epoch, before + rounded.recipe.epochs, None)

    def end_with(epochs: int) -> None:
        epochs = _within(decided.rounded_epochs, epochs)
        rounded.replan(replace(rounded.recipe, epochs=epochs))

    for rate in run(rounded, each[1], decided.rounded_epochs):
        progress(floats.epoch + rounded.epoch, floats.epoch + rounded.recipe.epochs, rate)
    return floats, rounded


def _within(planned: int, fitting: float) -> int:
    return min(MOST_EPOCHS, max(round(fitting), math.ceil(LEAST_PART * planned)))


def finish(training: VaeTraining, card: Card) -> tuple[Model, float]:
    """The integer model, and its exact rate on the validation images in bits per pixel."""
    module = prune(training.best_module(), training.validation)
    validation = training.validation.numpy().astype(np.uint8)
    try:
        # Blocks may have more items than there are validation images, so images are repeated.
        lengths = repeated_lengths(
            export(module, card, growth=1), validation, training.recipe.seed, ITEMS
        )
        model = export(module, card, safe_growth(lengths, chain_batch(module)))
    except ValueError as error:
        raise ModelError(f"training went astray: {error}; try another --seed") from None
    return model, float(lengths.net.mean()) / model.pixels
