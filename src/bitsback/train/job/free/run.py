"""`bitsback train` for a free model: from images to a model file, interrupted or not."""

import shutil
from dataclasses import dataclass, replace
from typing import Literal

import torch

from bitsback.archive.output import open_output
from bitsback.archive.pool import check_threads
from bitsback.errors import ModelError
from bitsback.models import Model
from bitsback.train.export.exporter import Card
from bitsback.train.export.size_agnostic import export_predictive
from bitsback.train.fit.machine import keep_freed_memory
from bitsback.train.fit.pixel_training import FreeTraining, mean_bits
from bitsback.train.job.free.base import Base
from bitsback.train.job.free.image_pool import ImagePool
from bitsback.train.job.free.plan import BATCHES, PLAN, FreePlan, read_plan, timed, write_plan
from bitsback.train.job.free.preparing import (
    KEPT,
    Amounts,
    Prepared,
    choose_starts,
    prepare,
    starts_worth,
)
from bitsback.train.job.free.stopwatch import Stopwatch
from bitsback.train.job.job import PATIENCE, Progress, Settings, check_output, draw_curve, stalled

PART_FOR_PIXELS = 0.2  # of the time, for looking at images
PART_FOR_THE_END = 0.02
TOLERATED = 0.05  # by so much of it the number of steps may miss the time before it is changed

Kind = Literal["trained", "starts", "base"]
"""What came of it: new weights; those of the base with new start matrices; the base as it is."""


@dataclass(frozen=True, eq=False)
class FreeOutcome:
    """What a run has come to. bits: a symbol of the validation images, with the base and with the
    model.
    """

    model: Model
    kind: Kind
    plan: FreePlan
    rows: list[dict[str, float]]
    base_bits: float
    bits: float
    seconds: float
    steps: int
    """Done, which may be fewer than planned."""

    @property
    def still_falling(self) -> bool:
        """Whether more time would have helped: the best validation is one of the last."""
        losses = [row["validation"] for row in self.rows if row["quantised"]]
        return not losses or losses.index(min(losses)) >= 0.8 * (len(losses) - 1)


def train_free(
    pool: ImagePool,
    base: Base,
    card: Card,
    settings: Settings,
    progress: Progress,
    clock: Stopwatch,
) -> FreeOutcome:
    """Trains; the checkpoints stay until `write_model`.

    clock: started when the job was, so that reading counts. Raises InputError where the output or a
    checkpoint is in the way, ModelError if training left the range of the integer format.
    """
    check_output(settings)
    if not settings.resume:
        shutil.rmtree(settings.folder, ignore_errors=True)
        settings.folder.mkdir()
    torch.set_flush_denormal(True)
    keep_freed_memory()
    plan, prepared = _plan(pool, base, settings, clock)
    torch.set_num_threads(plan.threads)
    training = plan.training(base, prepared, settings.folder / "free")
    _run(training, plan, progress)
    return _finish(training, plan, base, prepared, card, clock)


def _plan(
    pool: ImagePool, base: Base, settings: Settings, clock: Stopwatch
) -> tuple[FreePlan, Prepared]:
    """The plan of the run that is resumed, or a new one, written down; and the pixels by it."""
    name = "none" if base.model is None else base.model.identity.hex()
    of = f"{pool.digest()} {settings.seed} {name}"
    cores = check_threads(settings.threads)
    if (settings.folder / PLAN).exists():
        plan = read_plan(settings.folder, of)
        starts = starts_worth(base, pool, plan.amounts, plan.worth, plan.seed)
        prepared = prepare(
            base, pool, starts, plan.amounts, plan.seed, cores, lambda done: done >= plan.symbols
        )
        return plan, prepared
    try:
        seconds, fixed = 60 * settings.minutes, settings.epochs
        torch.set_num_threads(settings.threads or 1)
        amounts = Amounts.within(seconds)
        starts, worth = choose_starts(base, pool, amounts, settings.seed)
        limit = clock.seconds + PART_FOR_PIXELS * seconds

        def enough(symbols: int) -> bool:
            return fixed is None and clock.seconds > limit

        prepared = prepare(base, pool, starts, amounts, settings.seed, cores, enough)
        plan = FreePlan(
            steps=fixed or 1,
            batch=BATCHES[1],
            amounts=amounts,
            symbols=prepared.symbols,
            worth=worth,
            threads=settings.threads or 1,
            half=False,
            seed=settings.seed,
            learned=base.model is not None,
            seconds=None,
        )
        if fixed is None:
            left = (1 - PART_FOR_THE_END) * seconds - clock.seconds
            plan = timed(plan, base, prepared, settings.threads, left)
    except BaseException:
        settings.folder.rmdir()  # there is nothing in it to go on from
        raise
    write_plan(settings.folder, plan, of)
    return plan, prepared


def _run(training: FreeTraining, plan: FreePlan, progress: Progress) -> None:
    """To the end, or until ten validations have brought nothing better.

    Where the steps take longer than planned, or less, their number is changed. That is decided by
    what checkpoints keep, so that resuming changes nothing that is done already.
    """
    step, spent = training.step, training.seconds
    progress(step, training.recipe.steps, None)
    while training.step < training.recipe.steps and not _stalled(training):
        training.run(training.step + training.recipe.validate_every)
        if plan.seconds is not None and training.step < training.recipe.steps:
            pace = (training.seconds - spent) / (training.step - step)
            fitting = training.step + max(0.0, plan.seconds - training.seconds) / pace
            if abs(fitting / training.recipe.steps - 1) > TOLERATED:
                whole = replace(plan, steps=max(training.step, int(fitting))).recipe()
                training.replan(replace(whole, average=training.recipe.average))
            step, spent = training.step, training.seconds
        progress(training.step, training.recipe.steps, training.rows[-1]["validation"])


def _stalled(training: FreeTraining) -> bool:
    """Of the validations with rounding."""
    rows = [{"validation_bpd": row["validation"]} for row in training.rows if row["quantised"]]
    return len(rows) > PATIENCE and stalled(rows)


def _finish(
    training: FreeTraining,
    plan: FreePlan,
    base: Base,
    prepared: Prepared,
    card: Card,
    clock: Stopwatch,
) -> FreeOutcome:
    """The best of what there is, by the validation images."""
    kind: Kind = "trained"
    twin, bits = training.best_twin(), training.best_bits
    base.twin.quantise()
    base_bits = mean_bits(base.twin, prepared.validation)
    if base.model is not None and base_bits <= bits:
        twin, bits = base.twin, base_bits
        kind = "base" if plan.worth == KEPT else "starts"
    if kind == "base":
        assert base.model is not None
        model = base.model
    else:
        try:
            model = export_predictive(twin, prepared.starts, card)
        except ValueError as error:
            raise ModelError(f"training went astray: {error}; try another --seed") from None
    return FreeOutcome(
        model, kind, plan, training.rows, base_bits, bits, clock.seconds, training.step
    )


def write_model(outcome: FreeOutcome, settings: Settings) -> None:
    """The model, and its curve if that is wanted; the checkpoints go."""
    with open_output(settings.output, settings.force) as file:
        file.write(outcome.model.to_bytes())
    rows = [
        {
            "epoch": row["step"],
            "quantised": row["quantised"],
            "train_bpd": row["train"],
            "validation_bpd": row["validation"],
        }
        for row in outcome.rows
    ]
    draw_curve(settings, rows, outcome.model.name)
    shutil.rmtree(settings.folder)
