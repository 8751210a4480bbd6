"""`bitsback train`: from images to a model file, interrupted or not.

Each kind of model has a `Job`: `vae_job.py` and `pixel_job.py`. This file has the user's settings,
the order of the steps, and the planning of time.
"""

import json
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import torch

from bitsback.errors import InputError
from bitsback.io.output import open_output
from bitsback.models import Model
from bitsback_train.export.exporter import Card
from bitsback_train.fit.machine import keep_freed_memory
from bitsback_train.fit.pixel_training import PixelTraining
from bitsback_train.fit.training import Point, points
from bitsback_train.fit.vae_training import VaeTraining
from bitsback_train.job.curve import draw
from bitsback_train.job.evaluation import Evaluation
from bitsback_train.job.image_set import ImageSet
from bitsback_train.job.presets import KINDS, Kind

PLAN = "plan.json"
PATIENCE = 10  # validations without a new best one

Progress = Callable[[int, int, float | None], None]
"""Called with the finished epochs or steps, the planned ones, and the latest validation rate in
bits per pixel and channel, if there is one; the first call is before the first epoch.
"""
Written = Literal["trained", "starts", "base", "counted"]
"""The result of a run: new weights; the weights of the base with new start matrices; the unchanged
base; or a bundled model that learns as it codes.
"""


@dataclass(frozen=True)
class Settings:
    """The choices of the user."""

    output: Path
    minutes: float
    seed: int
    threads: int | None = None
    epochs: int | None = None
    """The number of epochs, regardless of time."""
    resume: bool = False
    force: bool = False
    kind: Kind | None = None
    """The kind of VAE; None for the one that fits the time."""
    curve: Path | None = None
    """The file for a picture of the training curve; None for no picture."""

    @property
    def folder(self) -> Path:
        """The folder of the checkpoints."""
        return self.output.parent / (self.output.name + ".ckpt")

    @property
    def seconds(self) -> float:
        return 60 * self.minutes

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of VAEs, in order of preference."""
        return KINDS if self.kind is None else (self.kind,)


class AnyPlan(Protocol):
    """The decisions before training: all that a resumed run needs to end as an uninterrupted one. A
    dataclass of JSON.
    """

    @property
    def threads(self) -> int: ...
    @property
    def longest(self) -> bool:
        """Whether there can be no more epochs."""
        ...


Plan = TypeVar("Plan", bound=AnyPlan)


@dataclass(frozen=True, eq=False)
class Outcome(Generic[Plan]):
    """The result of a run, and the number of its finished epochs."""

    model: Model
    plan: Plan
    rows: list[dict[str, float]]
    rate: float
    """Bits per pixel and channel of the validation images."""
    seconds: float
    epochs: int
    """Epochs or steps: the final plan, or the finished ones."""
    written: Written = "trained"
    base_rate: float | None = None
    """The rate of the model from which training started, if there was one."""

    @property
    def still_falling(self) -> bool:
        """Whether more time would have helped: the best validation is one of the last, and epochs
        were few.
        """
        losses = [point.validation for point in points(self.rows) if point.quantised]
        late = not losses or losses.index(min(losses)) >= 0.8 * (len(losses) - 1)
        return late and not self.plan.longest


class Job(ABC, Generic[Plan]):
    """A kind of model to train on some images."""

    of_others: str
    """The properties in which checkpoints of another run may differ, so that this run cannot use
    them.
    """

    def __init__(self, images: ImageSet) -> None:
        self.images = images

    @property
    @abstractmethod
    def words(self) -> str:
        """A description of what the model is for, for people."""

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of the model's items, if they have one."""
        return ()

    @abstractmethod
    def run_of(self, settings: Settings) -> str:
        """A text that identifies the run, the same when it is resumed."""

    @abstractmethod
    def plan(self, settings: Settings) -> Plan:
        """Examines the images and decides."""

    @abstractmethod
    def planned(self, fields: dict[str, Any], settings: Settings) -> Plan:
        """The plan of a resumed run. Raises KeyError, TypeError, ValueError or IndexError if it is
        invalid.
        """

    @abstractmethod
    def train(
        self, plan: Plan, settings: Settings, card: Card, progress: Progress
    ) -> Outcome[Plan]:
        """Trains. Raises ModelError if training left the range of the integer format."""

    @abstractmethod
    def evaluate(self, outcome: Outcome[Plan]) -> Evaluation:
        """Evaluates the model on the held-out images, beside other compressors."""

    @abstractmethod
    def verdict(self, outcome: Outcome[Plan], evaluation: Evaluation) -> str:
        """The verdict on whether the model saves more bytes than it takes."""


def train(job: Job[Plan], card: Card, settings: Settings, progress: Progress) -> Outcome[Plan]:
    """Trains, writes the model, and its curve if requested, and removes the checkpoints.

    The held-out images are used only to avoid writing a model that is worse on them than the base.
    Raises InputError if the output or a checkpoint is in the way, ModelError if training left the
    range of the integer format.
    """
    check_output(settings)
    if not settings.resume:
        shutil.rmtree(settings.folder, ignore_errors=True)
        settings.folder.mkdir()
    torch.set_flush_denormal(True)
    keep_freed_memory()
    plan = _plan(job, settings)
    torch.set_num_threads(plan.threads)
    outcome = job.train(plan, settings, card, progress)
    with open_output(settings.output, settings.force) as file:
        file.write(outcome.model.to_bytes())
    if settings.curve is not None:
        with open_output(settings.curve, settings.force) as file:
            file.write(draw(points(outcome.rows), outcome.model.name))
    shutil.rmtree(settings.folder)
    return outcome


def check_output(settings: Settings) -> None:
    """Raises InputError now for errors that would otherwise occur after minutes of training."""
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


def _plan(job: Job[Plan], settings: Settings) -> Plan:
    """The plan of the resumed run, or a new one, which is saved."""
    path, of = settings.folder / PLAN, job.run_of(settings)
    if path.exists():
        try:
            stored: dict[str, Any] = json.loads(path.read_text())
            fields, same = stored["plan"], stored["of"] == of
            plan = job.planned(fields, settings) if same else None
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"{path}: is damaged ({error}); start again with --force") from None
        if plan is None:
            raise InputError(f"{settings.folder}: is of {job.of_others}; start again with --force")
        return plan
    try:
        plan = job.plan(settings)
    except BaseException:
        settings.folder.rmdir()  # it has nothing from which a run could continue
        raise
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps({"of": of, "plan": asdict(plan)}))  # type: ignore[call-overload]
    temporary.replace(path)
    return plan


def in_time(
    training: VaeTraining | PixelTraining,
    end: Callable[[], int],
    seconds: float | None,
    tolerated: float,
    replan: Callable[[int], None],
    each_epoch: bool,
) -> Iterator[float | None]:
    """Trains to the end, or until the validation loss stalls. Yields the latest validation rate, if
    there is one, after each epoch, or validation.

    seconds: the time for all epochs. At each validation `replan` gets the number of epochs that fit
    at the pace since the previous one, if it differs from the plan by more than the share
    `tolerated`; this changes `end`. This and stalling are decided by data in checkpoints, so that
    resuming changes nothing that is done already.
    """
    epoch, spent = training.epoch, training.seconds
    while training.epoch < end() and not stalled(training):
        every = training.recipe.validate_every
        training.run(training.epoch + (1 if each_epoch else every - training.epoch % every))
        if seconds is not None and training.epoch % every == 0:
            pace = (training.seconds - spent) / (training.epoch - epoch)
            fitting = training.epoch + max(0.0, seconds - training.seconds) / pace
            if abs(fitting / end() - 1) > tolerated:
                replan(max(training.epoch, int(fitting)))
            epoch, spent = training.epoch, training.seconds
        yield points(training.rows)[-1].validation if training.rows else None


def stalled(training: VaeTraining | PixelTraining) -> bool:
    """Whether the last validations brought no new best; only those with rounding count, if there
    are any.
    """
    rounds = training.recipe.quantise_from is not None
    return no_better([point for point in points(training.rows) if point.quantised or not rounds])


def no_better(found: Sequence[Point]) -> bool:
    """Whether the last PATIENCE validations brought no new best."""
    losses = [point.validation for point in found]
    return len(losses) > PATIENCE and min(losses[-PATIENCE:]) >= min(losses[:-PATIENCE])
