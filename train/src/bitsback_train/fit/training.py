"""Training by a recipe: the same seed and the same machine give the same weights, interrupted or
not.

`Descent` has the epochs, the learning rate and the running average of the weights; `Training` adds
validations and checkpoints. Their subclasses have the modules, batches and losses.
"""

import copy
import csv
import io
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from bitsback.errors import InputError
from bitsback_train.fit.optimiser import Optimiser
from bitsback_train.layers.operations import Rounding

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.csv"
REPLANNED = ("epochs", "quantise_from", "warm_up", "validate_every")
"""The fields of a recipe that may change during a run."""

Trained = TypeVar("Trained", bound=Rounding)
Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the outcome, besides the images."""

    name: str
    architecture: Any
    """The dataclass of the module's sizes; None for a module of a user."""
    epochs: int
    """The number of epochs; an epoch of a model of pixels is one step."""
    quantise_from: int | None
    """The epoch from which the module rounds; None for never."""
    batch: int = 200
    learning_rate: float = 2e-3
    constant: float = 0.3
    """The share of the steps at the full rate. Then the rate falls by a cosine, to `least_rate`."""
    warm_up: int = 300
    """Steps until the full rate."""
    least_rate: float = 0.0
    kl_warm_up: int = 30
    """Epochs until the KL of a VAE counts in full."""
    clip: float = 0.5
    scale: float = 1.0
    """The factor of the loss before its gradient is clipped."""
    average: float = 0.005
    """The weight of a step in the running average of the weights."""
    validate_every: int = 5
    seed: int = 1
    shifted: float = 0.0
    """The share of training images that are moved by a pixel."""
    muon: bool = False
    """Whether Muon trains the matrices of hidden layers instead of Adam."""
    half: bool = True
    """Whether bfloat16 is allowed. It rounds the products of integers."""

    def rounds(self, epoch: int) -> bool:
        return self.quantise_from is not None and epoch >= self.quantise_from


def last_part(recipe: Recipe) -> Recipe:
    """The recipe that continues, with rounding, a training in floats by `recipe`."""
    return replace(
        recipe, name=f"{recipe.name}-last", epochs=2, quantise_from=0, learning_rate=8e-5,
        constant=0.0, kl_warm_up=0, validate_every=1, muon=False,
    )  # fmt: skip


class Descent(ABC, Generic[Trained, Batch]):
    """Steps down the gradients of a module's loss. steps: the number of steps of an epoch."""

    followed = 1
    """The number of steps between two updates of the average."""

    def __init__(self, recipe: Recipe, module: Trained, steps: int) -> None:
        self.recipe, self.steps = recipe, steps
        self.module, self.average = module, copy.deepcopy(module)
        self.optimiser = Optimiser(module, recipe.learning_rate, recipe.muon)
        self.epoch = 0
        self.losses: list[float] = []
        """The bits per pixel of the last steps."""
        self._rounds: bool | None = None

    @abstractmethod
    def _batches(self) -> Iterator[Batch]:
        """The batches of this epoch, which depend only on the seed and the epoch."""

    @abstractmethod
    def _loss(self, batch: Batch, done: int) -> tuple[Tensor, Tensor]:
        """The loss to minimise after `done` steps, and the bits per pixel in it."""

    def run_epoch(self) -> None:
        """Run one epoch, and update `average` with its steps."""
        recipe, rounds = self.recipe, self.recipe.rounds(self.epoch)
        # So a run that was interrupted draws the same numbers as one that was not.
        torch.manual_seed(recipe.seed * 1_000_003 + self.epoch)
        if rounds != self._rounds:
            self.module.quantise(rounds)
            self._rounds = rounds
        if self.steps > 1:  # the mean over one epoch is enough; epochs of one step add up
            self.losses.clear()
        self.module.train()
        for step, batch in enumerate(self._batches()):
            done = self.epoch * self.steps + step
            loss, bits = self._loss(batch, done)
            self.optimiser.zero_grad()
            (recipe.scale * loss).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), recipe.clip)
            self.optimiser.step(self._rate(done))
            self._follow(done)
            self.losses.append(float(bits))
        self.epoch += 1

    def last_module(self) -> Trained:
        """The average of the last steps, in eval mode, on the CPU."""
        module = copy.deepcopy(self.average)
        module.quantise(self.recipe.rounds(max(0, self.epoch - 1)))
        module.to("cpu").eval()
        return module

    def _rate(self, done: int) -> float:
        recipe = self.recipe
        falling = done / (recipe.epochs * self.steps) - recipe.constant
        fall = falling / (1 - recipe.constant) if falling > 0 else 0.0
        rising = min(1.0, (done + 1) / recipe.warm_up)
        cosine = 0.5 * (1 + math.cos(math.pi * fall))
        return max(recipe.least_rate, recipe.learning_rate * rising * cosine)

    @torch.no_grad()
    def _follow(self, done: int) -> None:
        """Updates the running average. Early steps weigh more, since weights still change much."""
        if done % self.followed == 0:
            weight = max(self.recipe.average, min(1.0, 10 / (done + 1)))
            for kept, new in zip(self.average.parameters(), self.module.parameters(), strict=True):
                kept.lerp_(new, weight)


class Training(Descent[Trained, Batch]):
    """The state of a run. `folder` keeps the checkpoint and the curve; a run continues from a
    checkpoint in it.

    module: untrained. replanned: whether a checkpoint may have another number of epochs, which then
    applies.
    """

    followed = 4  # suffices and is cheaper
    counted = "epoch"
    """The name of the column of the curve that counts epochs."""

    def __init__(
        self,
        recipe: Recipe,
        module: Trained,
        steps: int,
        folder: Path,
        replanned: bool = False,
    ) -> None:
        super().__init__(recipe, module, steps)
        self.folder, self.replanned = folder, replanned
        self.seconds = 0.0
        self.rows: list[dict[str, float]] = []
        self.best_loss = math.inf
        self.best: dict[str, Tensor] = {}
        if (folder / CHECKPOINT).exists():
            self._load(folder / CHECKPOINT)

    @abstractmethod
    def _validated(self) -> dict[str, float]:
        """The row of the curve for the average, in eval mode. Its `validation` decides which is
        best.
        """

    def run(self, until: int | None = None) -> Trained:
        """Train to the end, or through the epoch `until`. Returns the best module so far."""
        end = self.recipe.epochs if until is None else min(until, self.recipe.epochs)
        while self.epoch < end:
            begin = time.perf_counter()
            self.run_epoch()
            validates = self.epoch % self.recipe.validate_every == 0
            row = self._validate() if validates or self.epoch == self.recipe.epochs else None
            self.seconds += time.perf_counter() - begin
            if row is not None:
                self.rows.append(row | {"seconds": round(self.seconds)})
                self._save()
        return self.best_module()

    def replan(self, recipe: Recipe) -> None:
        """Continue with a recipe that differs in REPLANNED."""
        self.recipe = recipe
        self._save()

    def best_module(self) -> Trained:
        """The average with the least validation loss so far, in eval mode, on the CPU. After
        rounding has begun, only averages with rounding count.
        """
        module = self.last_module()
        if self.best:
            module.load_state_dict(self.best)
        return module

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        rounds = self.recipe.rounds(self.epoch - 1)
        self.average.quantise(rounds)
        self.average.eval()
        found = self._validated()
        loss = found["validation"]
        # The best loss of floats cannot be compared with one of integers.
        first_rounded = rounds and not any(row["quantised"] for row in self.rows)
        if loss < self.best_loss or first_rounded:
            self.best_loss, self.best = loss, copy.deepcopy(self.average.state_dict())
        train = sum(self.losses) / len(self.losses)
        self.losses.clear()
        row: dict[str, float] = {self.counted: self.epoch, "quantised": int(rounds)}
        named = {"train": train, **found}
        return row | {name: round(value, 5) for name, value in named.items()}

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "recipe": asdict(self.recipe), "epoch": self.epoch, "seconds": self.seconds,
            "rows": self.rows,
            "module": self.module.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(), "best": self.best,
            "best_loss": self.best_loss,
            "random": torch.get_rng_state(),
        }  # fmt: skip
        buffer = io.BytesIO()
        torch.save(state, buffer)
        temporary = self.folder / (CHECKPOINT + ".part")
        # Unlike torch.save, this fails with a clear error if the disk is full.
        temporary.write_bytes(buffer.getbuffer())
        temporary.replace(self.folder / CHECKPOINT)
        if not self.rows:
            return
        temporary = self.folder / (CURVE + ".part")
        with temporary.open("w", newline="") as file:
            table = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(self.rows)
        temporary.replace(self.folder / CURVE)

    def _load(self, path: Path) -> None:
        try:
            state: dict[str, Any] = torch.load(path, "cpu", weights_only=True)
        except Exception as error:  # a damaged file may make torch raise any error
            raise InputError(
                f"{path}: is damaged ({type(error).__name__}); remove it to start again"
            ) from None
        if self.replanned:
            self.recipe = replace(self.recipe, **{key: state["recipe"][key] for key in REPLANNED})
        if state["recipe"] != asdict(self.recipe):
            raise InputError(
                f"{path}: is from another recipe; give another folder, or remove it to start again"
            )
        self.epoch, self.seconds, self.rows = state["epoch"], state["seconds"], state["rows"]
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best, self.best_loss = state["best"], state["best_loss"]
        # This state selects the training pixels of a context VAE.
        torch.set_rng_state(state["random"])
