"""Training a size-agnostic model, which starts from an existing one."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bitsback.errors import BitsbackError, ModelError
from bitsback.message import Message
from bitsback.models import Model, bundled
from bitsback.models.embed import pack_model
from bitsback.work import check_threads
from bitsback_train.export.exporter import Card
from bitsback_train.export.size_agnostic import BESIDE, export_predictive, with_contexts
from bitsback_train.fit.machine import faster_in_half
from bitsback_train.fit.pixel_training import PixelTraining, Share, mean_bits, pixel_recipe
from bitsback_train.fit.training import Recipe
from bitsback_train.job.evaluation import (
    AT_LEAST,
    Clock,
    Contender,
    Evaluation,
    chosen_peers,
    measured,
)
from bitsback_train.job.image_set import ImageSet, Values
from bitsback_train.job.job import Job, Outcome, Progress, Settings, Written, in_time
from bitsback_train.job.pixel_material import (
    KEPT,
    Amounts,
    Base,
    Prepared,
    choose_starts,
    prepare,
    starts_of_count,
)
from bitsback_train.network.pixel_predictor import PredictiveArchitecture
from bitsback_train.peers.units import Pictures, layouts

VALIDATIONS = 20
TIMED_STEPS = 4
RATE = 1e-3  # for weights that are trained already
FIRST_RATE = 2e-3  # for new weights
FLOAT_PART = 0.6  # the share of steps in floats; the others are with rounding
AVERAGED = 0.05  # the share of all steps in the average
WARM_UP = 0.1  # the share of steps until the full rate, at most 300 steps
FEWEST_STEPS = 20
BATCHES = (1_024, 2_048, 4_096, 8_192)
ENOUGH_STEPS = 4_000  # with more, the next larger batch is better
PART_FOR_PIXELS = 0.2  # the share of time for reading images
PART_FOR_THE_END = 0.02
TOLERATED = (
    0.05  # the share of the time by which a run may miss it before the number of steps changes
)
WORTH = 0.99  # times as many bytes, for which contexts are counted beside the network
LANES = 4
BLOCK_BYTES = 96  # a block's header and entry in the index, besides its message
SAMPLE = 1 << 16  # elements for estimating the time of a compressor


@dataclass(frozen=True)
class PixelPlan:
    """The decisions before training: all that a resumed run needs to end as an uninterrupted
    one.
    """

    steps: int
    batch: int
    amounts: Amounts
    symbols: int
    """The number of symbols from which training pixels were taken."""
    pseudo_count: float
    """The pseudo-count of the start matrices, in pixels."""
    threads: int
    half: bool
    seed: int
    learned: bool
    """Whether the weights are pre-trained."""
    seconds: float | None
    """The time for all steps; None if the number of steps is fixed."""

    @property
    def longest(self) -> bool:
        return False

    def recipe(self, architecture: PredictiveArchitecture) -> Recipe:
        """Pre-trained weights are rounded from the first step, with a cosine rate; others first
        learn in floats.
        """
        return pixel_recipe(
            "pixels",
            architecture,
            self.steps,
            quantise_from=0 if self.learned else int(FLOAT_PART * self.steps),
            validate_every=max(1, self.steps // VALIDATIONS),
            learning_rate=RATE if self.learned else FIRST_RATE,
            constant=0.0 if self.learned else 0.3,
            warm_up=max(1, min(300, int(WARM_UP * self.steps))),
            batch=self.batch,
            average=min(1.0, max(0.002, 4 / (AVERAGED * self.steps))),
            seed=self.seed,
        )

    def training(self, base: Base, prepared: Prepared, folder: Path) -> PixelTraining:
        return PixelTraining(
            self.recipe(base.architecture),
            [Share(prepared.train, 1.0)],
            {"images": prepared.validation},
            folder,
            learned=base.module.state_dict() if self.learned else None,
            half=self.half,
            replanned=True,
        )


class PixelJob(Job[PixelPlan]):
    """base: the initial model. begun: the start time by `time.perf_counter`, so that reading
    counts.
    """

    of_others = "other data, another seed or another --from"
    prepared: Prepared
    """Once there is a plan."""
    counted: list[Model]
    """The models without training to compare with, once there is a result."""

    def __init__(self, images: ImageSet, base: Base, begun: float | None = None) -> None:
        super().__init__(images)
        self.base = base
        self.begun = time.perf_counter() if begun is None else begun
        self._bytes: dict[bytes, int] = {}

    @property
    def words(self) -> str:
        return f"images ({self.images.kind})"

    def run_of(self, settings: Settings) -> str:
        base = "none" if self.base.model is None else self.base.model.identity.hex()
        return f"{self.images.digest()} {settings.seed} {base}"

    def plan(self, settings: Settings) -> PixelPlan:
        seconds, fixed, seed = settings.seconds, settings.epochs, settings.seed
        torch.set_num_threads(settings.threads or 1)
        amounts = Amounts.within(seconds)
        starts, pseudo_count = choose_starts(self.base, self.images, amounts, seed)

        def enough(symbols: int) -> bool:
            return fixed is None and self.seconds > limit

        limit = self.seconds + PART_FOR_PIXELS * seconds
        cores = check_threads(settings.threads)
        self.prepared = prepare(self.base, self.images, starts, amounts, seed, cores, enough)
        plan = PixelPlan(
            steps=fixed or 1,
            batch=BATCHES[1],
            amounts=amounts,
            symbols=self.prepared.symbols,
            pseudo_count=pseudo_count,
            threads=settings.threads or 1,
            half=False,
            seed=seed,
            learned=self.base.model is not None,
            seconds=None,
        )
        if fixed is not None:
            return plan
        left = (1 - PART_FOR_THE_END) * seconds - self.seconds
        return self._timed(plan, settings.threads, left)

    def planned(self, fields: dict[str, Any], settings: Settings) -> PixelPlan:
        plan = PixelPlan(**fields | {"amounts": Amounts(**fields["amounts"])})
        starts = starts_of_count(self.base, self.images, plan.amounts, plan.pseudo_count, plan.seed)
        cores = check_threads(settings.threads)
        self.prepared = prepare(
            self.base, self.images, starts, plan.amounts, plan.seed, cores,
            lambda done: done >= plan.symbols,
        )  # fmt: skip
        return plan

    def train(
        self, plan: PixelPlan, settings: Settings, card: Card, progress: Progress
    ) -> Outcome[PixelPlan]:
        """Trains. If steps take longer or less than planned, their number changes."""
        training = plan.training(self.base, self.prepared, settings.folder / "pixels")

        def replan(steps: int) -> None:
            whole = replace(plan, steps=steps).recipe(self.base.architecture)
            training.replan(replace(whole, average=training.recipe.average))

        def end() -> int:
            return training.recipe.epochs

        progress(training.epoch, end(), None)
        for rate in in_time(training, end, plan.seconds, TOLERATED, replan, each_epoch=False):
            progress(training.epoch, end(), rate)
        return self._best(self._finish(training, plan, card))

    @property
    def seconds(self) -> float:
        """The seconds since the start of the job."""
        return time.perf_counter() - self.begun

    def _timed(self, plan: PixelPlan, threads: int | None, left: float) -> PixelPlan:
        """The plan with as many steps as fit into the remaining seconds, by some timed steps on one
        or all cores, whichever is faster.
        """
        plan = replace(plan, seconds=left, half=faster_in_half())
        choices = (threads,) if threads else tuple(dict.fromkeys((1, os.cpu_count() or 1)))
        seconds = {}
        for count in choices:
            torch.set_num_threads(count)
            seconds[count] = self._seconds_of_a_step(plan)
        best = min(seconds, key=lambda count: seconds[count])
        symbols = left / seconds[best] * plan.batch
        batch = next((b for b in BATCHES if symbols / b <= ENOUGH_STEPS), BATCHES[-1])
        steps = max(FEWEST_STEPS, int(symbols / batch))
        return replace(plan, threads=best, batch=batch, steps=steps)

    def _seconds_of_a_step(self, plan: PixelPlan) -> float:
        """The seconds of a step with rounding, which takes longest."""
        few = replace(plan, steps=1 << 30, learned=True)
        with tempfile.TemporaryDirectory() as folder:
            training = few.training(self.base, self.prepared, Path(folder))
            training.run(1)
            start = time.perf_counter()
            training.run(1 + TIMED_STEPS)
            return (time.perf_counter() - start) / TIMED_STEPS

    def _finish(self, training: PixelTraining, plan: PixelPlan, card: Card) -> Outcome[PixelPlan]:
        """The best candidate, by the validation images."""
        written: Written = "trained"
        module, rate, base = training.best_module(), training.best_loss, self.base
        base.module.quantise()
        base_rate = mean_bits(base.module, self.prepared.validation)
        if base.model is not None and base_rate <= rate:
            module, rate = base.module, base_rate
            written = "base" if plan.pseudo_count == KEPT else "starts"
        if written == "base":
            assert base.model is not None
            model = base.model
        else:
            try:
                model = export_predictive(module, self.prepared.starts, card)
            except ValueError as error:
                raise ModelError(f"training went astray: {error}; try another --seed") from None
        before = None if base.model is None else base_rate
        return Outcome(
            model, plan, training.rows, rate, self.seconds, training.epoch, written, before
        )

    def _best(self, outcome: Outcome[PixelPlan]) -> Outcome[PixelPlan]:
        """The result of the training, with contexts counted beside its network if they pay; or a
        model that needs no training, if the held-out images are smaller with it.
        """
        model, base = outcome.model, self.base.model
        self.counted = counted_models(self.images)
        counting = next((each for each in self.counted if each.name in BESIDE), None)
        if outcome.written != "base" and counting is not None:
            both = with_contexts(model, counting)
            if self.held_out_bytes(both) < WORTH * self.held_out_bytes(model):
                outcome = replace(outcome, model=both, rate=self._validation_rate(both))
        known = [*([] if base is None else [base]), *self.counted]
        if not known:
            return outcome
        untrained = min(known, key=self.held_out_bytes)
        if self.held_out_bytes(untrained) > self.held_out_bytes(outcome.model):
            return outcome
        if untrained is base:
            assert outcome.base_rate is not None
            return replace(outcome, model=base, written="base", rate=outcome.base_rate)
        rate = self._validation_rate(untrained)
        return replace(outcome, model=untrained, written="counted", rate=rate)

    def _validation_rate(self, model: Model) -> float:
        validation = self.images.validation
        elements = sum(values.size for values in validation)
        return 8 * message_bytes(model, self.images, validation) / elements

    def held_out_bytes(self, model: Model) -> int:
        """The bytes of the blocks of the held-out images, which are decoded and compared."""
        if model.identity not in self._bytes:
            self._bytes[model.identity] = message_bytes(model, self.images, self.images.held_out)
        return self._bytes[model.identity]

    def evaluate(self, outcome: Outcome[PixelPlan]) -> Evaluation:
        """Evaluates the model. Peers that would take longer than the training are left out, and
        named.
        """
        held_out, base = self.images.held_out, self.base.model
        images = self.images.count * self.images.part_held_out
        elements = sum(values.size for values in held_out)

        def contender(model: Model, unit: str) -> Contender:
            return Contender(model.name, unit, self.held_out_bytes(model), images, elements)

        untrained = [] if base is None else [contender(base, "bitsback, the model as it was")]
        if self.counted:
            best = min(self.counted, key=self.held_out_bytes)
            untrained.append(contender(best, "bitsback, untrained"))
        pictures = as_pictures(held_out)
        clock = Clock(max(AT_LEAST, outcome.seconds))
        peers = chosen_peers(wanted_peers(pictures), pictures, clock)
        rows = measured(peers, as_pictures(_sample(held_out)), pictures, images, clock)
        adds = 0 if outcome.written in ("base", "counted") else len(pack_model(outcome.model))
        ours = contender(outcome.model, "bitsback")
        return Evaluation(ours, rows, adds, clock.missing, untrained)

    def verdict(self, outcome: Outcome[PixelPlan], evaluation: Evaluation) -> str:
        """The result, and whether an archive of all images, with the model in it, is smaller than
        those of peers, assuming that all images are like the held-out ones.
        """
        if outcome.written in ("base", "counted"):
            what = "the model it started from" if outcome.written == "base" else outcome.model.name
            return (
                f"Training found nothing better than {what}, which is what was written: compress"
                " without -m."
            )
        said = (
            "The weights are those of the model that training started from, which none were better"
            " than; only what each image starts from has been learned. "
            if outcome.written == "starts"
            else ""
        )
        smaller = [row for row in evaluation.peers if row.bytes <= evaluation.ours.bytes]
        if smaller:
            why = (
                "more --minutes will help"
                if outcome.still_falling
                else "more images would help, not more time"
            )
            names = ", ".join(row.name for row in smaller)
            return f"{said}{names}: smaller even without the model; {why}."
        images = self.images.count
        points = [evaluation.pays_from(row) for row in evaluation.others]
        if all(point is not None and point <= images for point in points):
            return (
                f"{said}In one archive of these {images:,} images the model pays, against all of"
                " these."
            )
        rows = evaluation.untrained
        best = min(rows, key=lambda row: row.bytes).name if rows else ""
        against = f" against {best} alone" if rows else ""
        return (
            f"{said}In one archive of these {images:,} images the model does not pay{against}; many"
            " such collections can share it ('compress --embed never')."
        )


def counted_models(images: ImageSet) -> list[Model]:
    """The bundled models that count contexts, if they code the levels of the held-out images."""
    most = max((item.levels for item in images.items(images.held_out)), default=1)
    return [
        bundled.load(outline.name)
        for outline in map(bundled.outline, bundled.names())
        if outline.counted and most <= outline.levels
    ]


def message_bytes(model: Model, images: ImageSet, of: list[Values]) -> int:
    """The bytes of the blocks of some of the images, which are decoded and compared."""
    total = 0
    for block in images.blocks(of):
        total += BLOCK_BYTES
        if not block:
            continue
        bound = model.bind([(1, item.shape) for item in block])
        symbols = np.concatenate([item.symbols.reshape(-1) for item in block])
        message = Message(np.full(LANES, 1 << 32, np.uint64))
        empty = len(message.to_bytes())
        bound.push(message, symbols)
        total += len(message.to_bytes()) - empty
        if not np.array_equal(bound.pop(message), symbols):
            raise BitsbackError("the model did not restore the images; please report this")
    return total


def as_pictures(images: list[Values]) -> Pictures:
    """A picture for each slice, in one array if they are alike."""
    found = [one[..., 0] if one.shape[2] == 1 else one for values in images for one in values]
    alike = len({(one.shape, one.dtype) for one in found}) == 1
    return np.stack(found) if alike else found


def wanted_peers(pictures: Pictures) -> Sequence[tuple[str, str]]:
    """The names of compressors, and their best layouts for such pictures."""
    tiled = "mosaic" in layouts(pictures)
    webp, jpeg_xl = ("WebP m4", "mosaic") if tiled else ("WebP m6", "each"), "JPEG XL e9"
    return ("PNG", "each"), ("xz -9e", "stream"), webp, (jpeg_xl, "mosaic" if tiled else "each")


def _sample(images: list[Values]) -> list[Values]:
    """Some images, or a part of the first."""
    found: list[Values] = []
    left = SAMPLE
    for values in images:
        if values.size > 2 * left:
            rows = max(1, left * values.shape[1] // values.size)
            values = values[:, :rows]
        found.append(values)
        left -= values.size
        if left <= 0:
            break
    return found
