"""`bitsback train`: from images to a model file, interrupted or not."""

import json
import math
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import torch

from bitsback.errors import InputError, ModelError
from bitsback.io.output import open_output
from bitsback.lazy import cached_property
from bitsback.models import Model
from bitsback.models.embed import pack_model
from bitsback.work import check_threads
from bitsback_train.export.exporter import Card
from bitsback_train.export.wavefronts import trained_model, with_contexts
from bitsback_train.fit.machine import keep_freed_memory
from bitsback_train.fit.pixel_training import PixelTraining
from bitsback_train.job.evaluation import Evaluation, archive_bytes
from bitsback_train.job.image_set import ImageSet
from bitsback_train.job.material import (
    Amounts,
    Base,
    Prepared,
    choose_start,
    prepare,
    start_of_count,
    weighted,
)
from bitsback_train.job.plan import NetworkPlan, Plan, in_time
from bitsback_train.job.settings import PLAN, Settings, check_output

PART_FOR_PIXELS = 0.2  # the share of time for preparing pixels
PART_FOR_THE_END = 0.02

Progress = Callable[[int, int, float | None], None]
"""Called with the finished steps, the planned steps, and the latest validation rate or None.

The rate is in bits per pixel and channel. The first call is before the first step.
"""
Written = Literal["trained", "kept", "base"]
"""The result of a run: new weights; those of the base with new start matrices, or with contexts
beside the networks; or the unchanged base.
"""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a run, and the number of its finished steps."""

    model: Model
    plan: Plan
    rows: list[dict[str, float]]
    rate: float
    """Bits per pixel and channel of the validation images, without contexts."""
    seconds: float
    steps: int
    written: Written
    base_rate: float | None
    """The rate of the model from which training started, if there was one."""

    @property
    def still_falling(self) -> bool:
        """Whether more time would have helped: a network's best validation is one of its last."""
        for network in self.plan.networks:
            losses = [
                row["validation"]
                for row in self.rows
                if row["references"] == network.references and row["quantised"]
            ]
            if not losses or losses.index(min(losses)) >= 0.8 * (len(losses) - 1):
                return True
        return False


class Job:
    """A run of training. begun: the time by `time.perf_counter` before the images were read."""

    prepared: Prepared
    """Once there is a plan."""

    def __init__(self, images: ImageSet, base: Base, begun: float) -> None:
        self.images, self.base, self.begun = images, base, begun
        self._bytes: dict[bytes, int] = {}

    @cached_property
    def base_bits(self) -> dict[int, float]:
        """Bits per pixel of the validation images by each network of the base."""
        return self.base.bits(self.prepared.validation)

    @property
    def words(self) -> str:
        """The words for the images in the model's description."""
        return f"images ({self.images.kind})"

    def train(self, card: Card, settings: Settings, progress: Progress) -> Outcome:
        """Trains, writes the model, and removes the checkpoints.

        The held-out images are used only to avoid writing a model that is worse on them than the
        base, or than without contexts. Raises InputError if the output or a checkpoint is in the
        way, ModelError if training left the range of the integer format.
        """
        check_output(settings)
        if not settings.resume:
            shutil.rmtree(settings.folder, ignore_errors=True)
            settings.folder.mkdir()
        torch.set_flush_denormal(True)
        keep_freed_memory()
        plan = self._plan(settings)
        torch.set_num_threads(plan.threads)
        trainings = {
            network: plan.training(network, self.base, self.prepared, settings.folder)
            for network in plan.networks
        }

        def show(rate: float | None) -> None:
            done = sum(training.epoch for training in trainings.values())
            total = sum(training.recipe.epochs for training in trainings.values())
            progress(done, total, rate)

        show(None)
        for network, training in trainings.items():
            for _ in in_time(
                training, network.seconds, partial(self._replan, plan, network, training)
            ):
                show(self._rate(trainings.values()))
        outcome = self._finish(trainings.values(), plan, card)
        with open_output(settings.output, settings.force) as file:
            file.write(outcome.model.to_bytes())
        shutil.rmtree(settings.folder)
        return outcome

    def _replan(
        self, plan: Plan, network: NetworkPlan, training: PixelTraining, steps: int
    ) -> None:
        """Changes the number of steps, if they take longer or less than planned."""
        whole = plan.recipe(replace(network, steps=steps), training.module)
        training.replan(replace(whole, average=training.recipe.average))

    def _rate(self, trainings: Iterable[PixelTraining]) -> float:
        """The latest bits per pixel of the validation images."""
        bits = {
            training.module.references: training.rows[-1]["validation"]
            for training in trainings
            if training.rows
        }
        return weighted(self.prepared.validation, self.base_bits | bits)

    @property
    def seconds(self) -> float:
        """The seconds since the start of the job."""
        return time.perf_counter() - self.begun

    def _plan(self, settings: Settings) -> Plan:
        """The plan of the resumed run, or a new one, which is saved."""
        base = self.base.model.identity.hex() if self.base.learned else "none"
        path, fingerprint = settings.folder / PLAN, f"{self.images.digest()} {settings.seed} {base}"
        if path.exists():
            try:
                stored: dict[str, Any] = json.loads(path.read_text())
                plan = (
                    self._resumed(stored["plan"], settings) if stored["of"] == fingerprint else None
                )
            except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
                raise InputError(
                    f"{path}: is damaged ({error}); start again with --force"
                ) from None
            if plan is None:
                raise InputError(
                    f"{settings.folder}: is of other data, another seed or another --from; start"
                    " again with --force"
                )
            return plan
        try:
            plan = self._planned(settings)
        except BaseException:
            settings.folder.rmdir()  # it has nothing from which a run could continue
            raise
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps({"of": fingerprint, "plan": asdict(plan)}))
        temporary.replace(path)
        return plan

    def _planned(self, settings: Settings) -> Plan:
        seconds, fixed, seed = settings.seconds, settings.steps, settings.seed
        torch.set_num_threads(settings.threads or 1)
        amounts = Amounts.within(seconds)
        start, pseudo_count = choose_start(self.base, self.images, amounts, seed)

        def enough(symbols: int) -> bool:
            return fixed is None and self.seconds > limit

        limit = self.seconds + PART_FOR_PIXELS * seconds
        cores = check_threads(settings.threads)
        self.prepared = prepare(self.base, self.images, start, amounts, seed, cores, enough)
        train, validation = self.prepared.train, self.prepared.validation
        plan = Plan(
            networks=tuple(
                NetworkPlan(r, fixed or 1) for r in validation if r in train and len(train[r])
            ),
            amounts=amounts,
            symbols=self.prepared.symbols,
            pseudo_count=pseudo_count,
            threads=settings.threads or 1,
            seed=seed,
            learned=self.base.learned,
        )
        if fixed is not None:
            return plan
        left = (1 - PART_FOR_THE_END) * seconds - self.seconds
        return plan.timed(self.base, self.prepared, settings.threads, left)

    def _resumed(self, fields: dict[str, Any], settings: Settings) -> Plan:
        plan = Plan.from_json(fields)
        start = start_of_count(self.base, self.images, plan.amounts, plan.pseudo_count, plan.seed)
        cores = check_threads(settings.threads)
        self.prepared = prepare(
            self.base, self.images, start, plan.amounts, plan.seed, cores,
            lambda done: done >= plan.symbols,
        )  # fmt: skip
        return plan

    def _finish(self, trainings: Iterable[PixelTraining], plan: Plan, card: Card) -> Outcome:
        """The outcome with the best model. Validation images choose among weights; held-out images
        decide on contexts and on the unchanged base.
        """
        base, bits = self.base, dict(self.base_bits)
        written: Written = "kept"
        networks = {}
        for training in trainings:
            references = training.module.references
            if not math.isfinite(training.best_loss):
                raise ModelError("training diverged; try another --seed")
            if not base.learned or training.best_loss < bits[references]:
                networks[references] = training.best_module()
                bits[references] = training.best_loss
                written = "trained"
        try:
            model = trained_model(base.model, card, networks, self.prepared.start)
        except ModelError as error:
            raise ModelError(f"training diverged: {error}; try another --seed") from None
        candidates = [with_contexts(model), model]
        if base.learned:
            candidates.append(base.model)
        best = min(candidates, key=self.held_out_bytes)
        rate = base_rate = weighted(self.prepared.validation, self.base_bits)
        if best is base.model:
            written = "base"
        else:
            rate = weighted(self.prepared.validation, bits)
        rows = [
            {"references": training.module.references, **row}
            for training in trainings
            for row in training.rows
        ]
        steps = sum(training.epoch for training in trainings)
        before = base_rate if base.learned else None
        return Outcome(best, plan, rows, rate, self.seconds, steps, written, before)

    def held_out_bytes(self, model: Model) -> int:
        """The bytes of the held-out images, which are decoded and compared, without the model."""
        if model.identity not in self._bytes:
            self._bytes[model.identity] = archive_bytes(self.images.held_out, model)
        return self._bytes[model.identity]

    def evaluate(self, outcome: Outcome) -> Evaluation:
        """Compares the model with `compress --best`, which needs no training."""
        held_out = self.images.held_out
        return Evaluation(
            count=self.images.count,
            images=self.images.count * self.images.part_held_out,
            values=sum(values.size for values in held_out),
            trained=self.held_out_bytes(outcome.model),
            untrained=archive_bytes(held_out, "best"),
            model_bytes=0 if outcome.written == "base" else len(pack_model(outcome.model)),
        )
