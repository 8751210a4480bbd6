"""`bitsback train`: from images to a model file, interrupted or not.

A run has two parts, each a `Training` with its own checkpoint. The first is in floats. The second
starts from its best weights and rounds on the way forward, while the learning rate falls to zero.
Each ends early when the validation loss has stalled.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bitsback.archive.output import open_output
from bitsback.errors import InputError, ModelError
from bitsback.models import Model
from bitsback.train.export.chain_growth import ITEMS, safe_growth
from bitsback.train.export.code_lengths import repeated_lengths
from bitsback.train.export.exporter import Card, chain_batch, export
from bitsback.train.fit.allocator import keep_freed_memory
from bitsback.train.fit.pruning import prune
from bitsback.train.fit.recipe import Recipe, Training
from bitsback.train.fit.split import Split
from bitsback.train.job.curve import draw
from bitsback.train.job.image_set import ImageSet, Parts, training_split
from bitsback.train.job.ladder import KINDS, Kind
from bitsback.train.job.sizing import MOST_EPOCHS, Plan, Wishes, plan
from bitsback.train.twins.architectures import from_json

PLAN = "plan.json"
FLOATS, ROUNDED = "floats", "rounded"
PATIENCE = 10  # validations without a new best one
# of the rate that the first part ended with, for the second, which starts from averaged weights
PEAK = 0.6

Progress = Callable[[int, int, float | None], None]
"""Called with the epochs done, those planned, and the latest validation rate in bits per pixel, if
there is one.
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

    @property
    def folder(self) -> Path:
        """Where the checkpoints are."""
        return self.output.parent / (self.output.name + ".ckpt")

    @property
    def wishes(self) -> Wishes:
        kinds = KINDS if self.kind is None else (self.kind,)
        return Wishes(60 * self.minutes, self.seed, self.threads, self.epochs, kinds)

    @property
    def curve(self) -> Path:
        return self.output.parent / (self.output.stem + "-curve.png")


@dataclass(frozen=True)
class Outcome:
    """A trained model, written to its file."""

    model: Model
    plan: Plan
    rows: list[dict[str, float]]
    validation_rate: float
    """The exact code length of the integer model, in bits per pixel."""

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
    """Trains, writes the model and its curve, and removes the checkpoints.

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
    training, rows = _two_parts(decided, train_split, settings.folder, progress)
    model, rate = finish(training, card)
    with open_output(settings.output, settings.force) as file:
        file.write(model.to_bytes())
    with open_output(settings.curve, force=True) as file:
        file.write(draw(rows, card.name))
    shutil.rmtree(settings.folder)
    return Outcome(model, decided, rows, rate)


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
            decided = Plan(from_json(stored["plan"].pop("architecture")), **stored["plan"])
            same = stored["data"] == digest and decided.seed == settings.seed
        except (OSError, ValueError, KeyError, TypeError) as error:
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
) -> tuple[Training, list[dict[str, float]]]:
    total = decided.float_epochs + decided.rounded_epochs
    floats = decided.training(decided.recipe(), images, folder / FLOATS)
    _run(floats, decided.float_epochs, 0, total, progress)
    recipe = _second_recipe(decided, floats)
    rounded = decided.training(recipe, images, folder / ROUNDED)
    if rounded.epoch == 0:
        rounded.start_from(floats.best_twin().state_dict())
    _run(rounded, recipe.epochs, floats.epoch, floats.epoch + recipe.epochs, progress)
    later = [{**row, "epoch": row["epoch"] + floats.epoch} for row in rounded.rows]
    return rounded, floats.rows + later


def _second_recipe(decided: Plan, floats: Training) -> Recipe:
    """The rate goes on from where the first part left it."""
    rate = PEAK * floats.optimiser.rate
    epochs = decided.rounded_epochs
    return replace(
        decided.recipe(), epochs=epochs, quantise_from=0, learning_rate=rate, constant=0.0,
        warm_up=0,
        validate_every=decided.validate_every,
    )  # fmt: skip


def _run(training: Training, end: int, before: int, total: int, progress: Progress) -> None:
    """One part. Whether it has stalled is read from what checkpoints keep, so that resuming changes
    nothing.
    """
    while training.epoch < end and not stalled(training.rows):
        training.run(training.epoch + 1)
        rate = training.rows[-1]["validation_bpd"] if training.rows else None
        progress(before + training.epoch, total, rate)


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
