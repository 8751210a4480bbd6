"""`bitsback train`: from images to a model file, interrupted or not.

A run has two parts, each a `Training` with its own checkpoint. The first is in floats. The second
starts from its best weights and rounds on the way forward, while the learning rate falls to zero.
Each ends early when the validation loss has stalled, and has fewer epochs, or more, where they turn
out to take longer than planned, or less.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bitsback.archive.output import open_output
from bitsback.errors import InputError, ModelError
from bitsback.models import Model
from bitsback.train.export.code_lengths import ITEMS, repeated_lengths, safe_growth
from bitsback.train.export.exporter import Card, chain_batch, export
from bitsback.train.fit.machine import keep_freed_memory
from bitsback.train.fit.pruning import prune
from bitsback.train.fit.recipe import Recipe, Training
from bitsback.train.fit.split import Split
from bitsback.train.job.curve import draw
from bitsback.train.job.image_set import ImageSet, Parts, training_split
from bitsback.train.job.ladder import KINDS, Kind
from bitsback.train.job.sizing import FLOAT_PART, MOST_EPOCHS, Plan, Wishes, plan
from bitsback.train.twins.architectures import from_json

PLAN = "plan.json"
FLOATS, ROUNDED = "floats", "rounded"
PATIENCE = 10  # validations without a new best one
# of the rate that the first part ended with, for the second, which starts from averaged weights
PEAK = 0.6
TOLERATED = 0.2  # by so much of it the number of epochs may miss the time before it is changed
LEAST_PART = 0.5  # of the epochs planned: with fewer, what comes out is not worth the time it saves

Progress = Callable[[int, int, float | None], None]
"""Called with the epochs done, those planned, and the latest validation rate in bits per pixel, if
there is one; for the first time before the first epoch.
"""


@dataclass(frozen=True)
class Settings:
    """What the user chose. `epochs`: so many, whatever time they take. `kind`: of model; None: what
    fits the time.
    """

    output: Path
    minutes: float
    seed: int
    threads: int | None = None
    epochs: int | None = None
    resume: bool = False
    force: bool = False
    kind: Kind | None = None
    curve: Path | None = None
    """Where the curve of the training is drawn; None: nowhere."""

    @property
    def folder(self) -> Path:
        """Where the checkpoints are."""
        return self.output.parent / (self.output.name + ".ckpt")

    @property
    def wishes(self) -> Wishes:
        kinds = KINDS if self.kind is None else (self.kind,)
        return Wishes(60 * self.minutes, self.seed, self.threads, self.epochs, kinds)


@dataclass(frozen=True)
class Outcome:
    """A trained model, written to its file."""

    model: Model
    plan: Plan
    rows: list[dict[str, float]]
    validation_rate: float
    """The exact code length of the integer model, in bits per pixel."""
    seconds: float
    """Of all epochs."""
    epochs: int
    """That there were to be in the end: those of the plan, unless they took another time."""

    @property
    def replanned(self) -> bool:
        return self.epochs != self.plan.epochs

    @property
    def still_falling(self) -> bool:
        """Whether more time would have helped: the best validation is one of the last, and there
        were few epochs.
        """
        losses = [row["validation_bpd"] for row in self.rows if row["quantised"]]
        late = losses.index(min(losses)) >= 0.8 * (len(losses) - 1)
        return late and self.plan.epochs < MOST_EPOCHS


def train(
    collection: ImageSet, parts: Parts, card: Card, settings: Settings, progress: Progress
) -> Outcome:
    """Trains, writes the model, and its curve if that is wanted, and removes the checkpoints.

    parts: `split(collection, settings.seed)`; the held-out images are not looked at. Raises
    InputError where the output or a checkpoint is in the way, ModelError if training left the range
    of the integer format.
    """
    check_output(settings)
    if not settings.resume:
        shutil.rmtree(settings.folder, ignore_errors=True)
        settings.folder.mkdir()
    torch.set_flush_denormal(True)
    keep_freed_memory()
    decided = _plan(collection, parts, settings)
    torch.set_num_threads(decided.threads)
    train_split = training_split(
        replace(parts, train=parts.train[: decided.images]), collection.levels
    )
    floats, rounded = _two_parts(decided, train_split, settings.folder, progress)
    later = [{**row, "epoch": row["epoch"] + floats.epoch} for row in rounded.rows]
    rows = floats.rows + later
    model, rate = finish(rounded, card)
    with open_output(settings.output, settings.force) as file:
        file.write(model.to_bytes())
    draw_curve(settings, rows, card.name)
    shutil.rmtree(settings.folder)
    seconds = floats.seconds + rounded.seconds
    in_floats = replace(decided, epochs=floats.recipe.epochs).float_epochs
    return Outcome(model, decided, rows, rate, seconds, in_floats + rounded.recipe.epochs)


def draw_curve(settings: Settings, rows: list[dict[str, float]], title: str) -> None:
    """Where it is wanted."""
    if settings.curve is not None:
        with open_output(settings.curve, settings.force) as file:
            file.write(draw(rows, title))


def check_output(settings: Settings) -> None:
    """Raises InputError now for what would otherwise be an error after minutes of training."""
    output, folder = settings.output, settings.folder
    if output.is_dir():
        raise InputError(
            f"{output}: is a folder; name a file in it, such as {output / 'model.safetensors'}"
        )
    if output.exists() and not settings.force:
        raise InputError(
            f"{output}: exists already; name another output, or use --force to replace it"
        )
    curve = settings.curve
    if curve is not None and (curve.is_dir() or curve.suffix.lower() != ".png"):
        raise InputError(f"{curve}: the curve is drawn as a .png file; name one")
    if curve is not None and curve.exists() and not settings.force:
        raise InputError(
            f"{curve}: exists already; name another file, or use --force to replace it"
        )
    there = (folder / PLAN).exists()
    if settings.resume and not there:
        raise InputError(
            f"{folder}: holds no checkpoint to resume from; leave out --resume to start"
        )
    if there and not settings.resume and not settings.force:
        raise InputError(
            f"{folder}: holds the checkpoint of a run; go on with --resume, or start again with"
            " --force"
        )
    made = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if made:
            folder.rmdir()
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from None


def _plan(collection: ImageSet, parts: Parts, settings: Settings) -> Plan:
    """The plan of the run that is resumed, or a new one, written down."""
    path = settings.folder / PLAN
    digest = collection.digest()
    if path.exists():
        try:
            stored: dict[str, Any] = json.loads(path.read_text())
            fields = stored["plan"]
            seconds = fields["seconds"]
            fields |= {
                "architecture": from_json(fields["architecture"]),
                "seconds": None if seconds is None else (float(seconds[0]), float(seconds[1])),
            }
            decided = Plan(**fields)
            same = stored["data"] == digest and decided.seed == settings.seed
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"{path}: is damaged ({error}); start again with --force") from None
        if not same:
            raise InputError(
                f"{settings.folder}: is of other data or another seed; start again with --force"
            )
        return decided
    try:
        decided = plan(collection, parts, settings.wishes, settings.folder)
    except BaseException:
        settings.folder.rmdir()  # there is nothing in it to go on from
        raise
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps({"data": digest, "plan": asdict(decided)}))
    temporary.replace(path)
    return decided


def _two_parts(
    decided: Plan, images: Split, folder: Path, progress: Progress
) -> tuple[Training, Training]:
    """Both run to their end."""
    floats = decided.training(decided.recipe(), images, folder / FLOATS)

    def whole_plan() -> Plan:
        return replace(decided, epochs=floats.recipe.epochs)

    def go_on_with(epochs: int) -> None:
        whole = _within(decided.epochs, epochs / FLOAT_PART)
        floats.replan(replace(decided, epochs=whole).recipe())

    before = floats.epoch
    if before < whole_plan().float_epochs:
        progress(before, whole_plan().epochs, None)
    for rate in _run(floats, lambda: whole_plan().float_epochs, _seconds(decided)[0], go_on_with):
        progress(floats.epoch, whole_plan().epochs, rate)
    rounded = decided.training(_second_recipe(whole_plan(), floats), images, folder / ROUNDED)
    if rounded.epoch == 0:
        rounded.start_from(floats.best_twin().state_dict())

    if floats.epoch == before:
        progress(before + rounded.epoch, before + rounded.recipe.epochs, None)

    def end_with(epochs: int) -> None:
        epochs = _within(decided.rounded_epochs, epochs)
        rounded.replan(replace(rounded.recipe, epochs=epochs))

    for rate in _run(rounded, lambda: rounded.recipe.epochs, _seconds(decided)[1], end_with):
        progress(floats.epoch + rounded.epoch, floats.epoch + rounded.recipe.epochs, rate)
    return floats, rounded


def _within(planned: int, fitting: float) -> int:
    return min(MOST_EPOCHS, max(round(fitting), math.ceil(LEAST_PART * planned)))


def _seconds(decided: Plan) -> tuple[float | None, float | None]:
    """Of all epochs of either part."""
    if decided.seconds is None:
        return None, None
    floats, rounded = decided.seconds
    return decided.float_epochs * floats, decided.rounded_epochs * rounded


def _second_recipe(decided: Plan, floats: Training) -> Recipe:
    """The rate goes on from where the first part left it."""
    rate = PEAK * floats.optimiser.rate
    epochs = decided.rounded_epochs
    return replace(
        decided.recipe(), epochs=epochs, quantise_from=0, learning_rate=rate, constant=0.0,
        warm_up=0,
        validate_every=decided.validate_every,
    )  # fmt: skip


def _run(
    training: Training,
    end: Callable[[], int],
    seconds: float | None,
    replan: Callable[[int], None],
) -> Iterator[float | None]:
    """One part, and after each epoch the latest validation rate, if there is one.

    seconds: that its epochs are to take. At each validation `replan` is given the epochs that fit
    by the pace since the one before, if they are far from those planned, after which `end` is
    another. Both this and whether it has stalled is decided by what checkpoints keep, so that
    resuming changes nothing that is done already.
    """
    epoch, spent = training.epoch, training.seconds
    while training.epoch < end() and not stalled(training.rows):
        training.run(training.epoch + 1)
        if seconds is not None and training.epoch % training.recipe.validate_every == 0:
            pace = (training.seconds - spent) / (training.epoch - epoch)
            fitting = training.epoch + max(0.0, seconds - training.seconds) / pace
            if abs(fitting / end() - 1) > TOLERATED:
                replan(max(training.epoch, int(fitting)))
            epoch, spent = training.epoch, training.seconds
        yield training.rows[-1]["validation_bpd"] if training.rows else None


def stalled(rows: list[dict[str, float]]) -> bool:
    """Whether the last PATIENCE validations brought no new best."""
    losses = [row["validation_bpd"] for row in rows]
    return len(losses) > PATIENCE and min(losses[-PATIENCE:]) >= min(losses[:-PATIENCE])


def finish(training: Training, card: Card) -> tuple[Model, float]:
    """The integer model, and its exact rate on the validation images in bits per pixel."""
    twin = prune(training.best_twin(), training.validation)
    validation = training.validation.numpy().astype(np.uint8)
    try:
        # Blocks may have more items than there are validation images, so those are taken more than
        # once.
        lengths = repeated_lengths(
            export(twin, card, growth=1), validation, training.recipe.seed, ITEMS
        )
        model = export(twin, card, safe_growth(lengths, chain_batch(twin)))
    except ValueError as error:
        raise ModelError(f"training went astray: {error}; try another --seed") from None
    return model, float(lengths.net.mean()) / model.pixels
