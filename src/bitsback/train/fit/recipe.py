"""Training a twin by a recipe: the same seed and the same machine give the same weights,
interrupted or not.
"""

import copy
import csv
import io
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bitsback.errors import InputError
from bitsback.train.fit.optimiser import Optimiser
from bitsback.train.fit.split import Split, binarise
from bitsback.train.fit.warm_start import as_lowest, equalise, grow, revive
from bitsback.train.twins.architectures import AnyArchitecture, Twin, make_twin
from bitsback.train.twins.context import ContextTwin
from bitsback.train.twins.dense import Architecture
from bitsback.train.twins.layered import (
    LayeredArchitecture,
    LayeredTwin,
    TopDownArchitecture,
)
from bitsback.train.twins.likelihoods import LN2, pixel_means

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.csv"
COLUMNS = (
    "epoch",
    "quantised",
    "train_bpd",
    "validation_bpd",
    "validation_kl_bits",
    "active",
    "seconds",
)
VALIDATION_SAMPLES = 3
MOST_PIXELS = 1 << 15  # of the images that are looked at at once where nothing is trained
ACTIVE_NATS = 0.01
REPLANNED = ("epochs", "warm_up", "validate_every")  # what of a recipe may change during a run
# images by which a twin that goes on from another is equalised, or its dead channels are found
PROBED = 1_000


@dataclass(frozen=True)
class Recipe:
    """All that decides the outcome. `quantise_from` is the epoch from which on the twin rounds;
    None: never.
    """

    name: str
    architecture: AnyArchitecture
    epochs: int
    quantise_from: int | None
    batch: int = 200
    learning_rate: float = 2e-3
    constant: float = 0.3  # this part of the steps at the full rate, a cosine to zero after it
    warm_up: int = 30  # epochs until the KL counts in full
    clip: float = 0.5
    ema: float = 0.00125  # weight of one step in the running average of the weights
    validate_every: int = 5
    seed: int = 1
    muon: bool = False  # whether Muon trains the matrices of hidden layers, in place of Adam

    def quantised(self, epoch: int) -> bool:
        return self.quantise_from is not None and epoch >= self.quantise_from


def last_part(recipe: Recipe) -> Recipe:
    """The recipe by which what `recipe` has come to in floats is trained on with rounding."""
    return replace(
        recipe, name=f"{recipe.name}-last", epochs=2, quantise_from=0, learning_rate=8e-5,
        constant=0.0, warm_up=0, validate_every=1, muon=False,
    )  # fmt: skip


class Training:
    """The state of a run. `folder` keeps the checkpoint and the curve; a run goes on from a
    checkpoint found there.

    samples: of the posterior, for each validation image. half: whether a context VAE multiplies in
    bfloat16. replanned: whether a checkpoint may have other epochs, by which it then goes on.
    """

    def __init__(
        self,
        recipe: Recipe,
        split: Split,
        folder: Path,
        samples: int = VALIDATION_SAMPLES,
        half: bool = True,
        replanned: bool = False,
    ) -> None:
        self.recipe = recipe
        self.replanned = replanned
        self.split = split
        self.folder = folder
        self.samples = samples
        torch.manual_seed(recipe.seed)
        levels = recipe.architecture.levels
        top = (
            255 if levels == 2 else levels - 1
        )  # images of two levels come as grey ones, which they are drawn from
        dense = isinstance(
            recipe.architecture, Architecture | LayeredArchitecture | TopDownArchitecture
        )
        centre = round(float(pixel_means(split.train, top).mean()), 3) if dense else 0.0
        self.twin = make_twin(recipe.architecture, centre)
        if isinstance(self.twin, ContextTwin):
            self.twin.multiply_in_half(half)
        self.twin.start(split.train)
        self.average = copy.deepcopy(self.twin)
        self.optimiser = Optimiser(self.twin, recipe.learning_rate, recipe.muon)
        self.epoch = 0
        self.seconds = 0.0
        self.rows: list[dict[str, float]] = []
        self.best_loss = math.inf
        self.best: dict[str, Tensor] = {}
        self.validation = self._symbols(
            split.validation, torch.Generator().manual_seed(recipe.seed)
        )
        if (folder / CHECKPOINT).exists():
            self._load(folder / CHECKPOINT)

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return max(1, len(self.split.train) // self.recipe.batch)

    def run(self, until: int | None = None) -> Twin:
        """Train to the end (or through epoch `until`) and return the best averaged twin, ready for
        export.
        """
        end = self.recipe.epochs if until is None else min(until, self.recipe.epochs)
        while self.epoch < end:
            self._epoch()
        return self.best_twin()

    def replan(self, recipe: Recipe) -> None:
        """Go on by a recipe that differs in its epochs: see REPLANNED."""
        self.recipe = recipe
        self._save()

    def start_from(self, learned: dict[str, Tensor]) -> None:
        """Start from what a twin as large or a smaller one has learned, or one with fewer layers of
        latents.

        See bitsback.train.fit.warm_start; reviving, where floats are trained on; equalising, where
        rounding begins.
        """
        torch.manual_seed(self.recipe.seed)
        grow(self.twin, as_lowest(learned) if isinstance(self.twin, LayeredTwin) else learned)
        if isinstance(self.twin, ContextTwin):
            adapt = equalise if self.recipe.quantise_from == 0 else revive
            adapt(self.twin.eval(), self.symbols_to_train_on(PROBED))
        self.average.load_state_dict(self.twin.state_dict())

    def symbols_to_train_on(self, count: int) -> Tensor:
        """What the model codes of `count` of the training images, or of all if there are fewer."""
        generator = torch.Generator().manual_seed(self.recipe.seed)
        return self._symbols(self.split.train[:count], generator)

    def best_twin(self) -> Twin:
        """The averaged twin with the least validation loss so far, in eval mode."""
        twin = copy.deepcopy(self.average)
        if self.best:
            twin.load_state_dict(self.best)
        twin.quantise(self.recipe.quantise_from is not None)
        return twin.eval()

    def _epoch(self) -> None:
        begin, recipe = time.perf_counter(), self.recipe
        torch.manual_seed(
            recipe.seed * 1_000_003 + self.epoch
        )  # an interrupted run goes on as it would have
        self.twin.quantise(recipe.quantised(self.epoch))
        self.twin.train()
        if self.epoch == recipe.quantise_from:
            self.best_loss, self.best = (
                math.inf,
                {},
            )  # what floats reached says nothing of the integers
        total = 0.0
        for step, (x, noise) in enumerate(self._batches()):
            done = self.epoch * self.steps + step
            losses, kl = self.twin.nats(x, noise)
            weight = min(1.0, 0.1 + done / max(1, recipe.warm_up * self.steps))
            loss = (losses + weight * kl).mean() / (x.shape[1] * LN2)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.twin.parameters(), recipe.clip)
            self.optimiser.step(self._rate(done))
            self._follow(done)
            total += float((losses + kl).detach().mean())
        self.epoch += 1
        self.seconds += time.perf_counter() - begin
        if self.epoch % recipe.validate_every == 0 or self.epoch == recipe.epochs:
            self._validate(total / self.steps / (self.validation.shape[1] * LN2))
            self._save()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of freshly binarised batches and noise: a function of the seed and the epoch
        alone.
        """
        recipe = self.recipe
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.split.train), generator=generator)
        for step in range(self.steps):
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            x = self._symbols(self.split.train[chosen], generator)
            yield x, torch.randn(len(x), recipe.architecture.latents, generator=generator)

    def _symbols(self, grey: Tensor, generator: torch.Generator) -> Tensor:
        """What the model codes of grey pixels: all 256 levels, or two, drawn."""
        return binarise(grey, generator) if self.recipe.architecture.levels == 2 else grey

    def _rate(self, done: int) -> float:
        recipe = self.recipe
        part = done / (recipe.epochs * self.steps)
        fall = max(0.0, (part - recipe.constant) / (1 - recipe.constant))
        return (
            recipe.learning_rate * min(1.0, (done + 1) / 300) * 0.5 * (1 + math.cos(math.pi * fall))
        )

    @torch.no_grad()
    def _follow(self, done: int) -> None:
        """Every fourth step is enough for the running average, and cheaper; early on it must forget
        faster.
        """
        if done % 4 == 0:
            weight = max(4 * self.recipe.ema, min(1.0, 10 / (done + 1)))
            for kept, new in zip(self.average.parameters(), self.twin.parameters(), strict=True):
                kept.lerp_(new, weight)

    @torch.no_grad()
    def _validate(self, train_bpd: float) -> None:
        quantised = self.recipe.quantised(self.epoch - 1)
        self.average.quantise(quantised)
        self.average.eval()
        generator = torch.Generator().manual_seed(self.recipe.seed)
        shape = (len(self.validation), self.recipe.architecture.latents)
        losses = kls = 0.0
        for _ in range(self.samples):
            loss, kl = nats_in_parts(
                self.average, self.validation, torch.randn(shape, generator=generator)
            )
            losses += float(loss.mean()) / self.samples
            kls += float(kl.mean()) / self.samples
        bpd = (losses + kls) / (self.validation.shape[1] * LN2)
        active = int((latent_nats(self.average, self.validation) > ACTIVE_NATS).sum())
        if bpd < self.best_loss:
            self.best_loss, self.best = bpd, copy.deepcopy(self.average.state_dict())
        values = (
            self.epoch,
            int(quantised),
            round(train_bpd, 5),
            round(bpd, 5),
            round(kls / LN2, 2),
            active,
        )
        self.rows.append(dict(zip(COLUMNS, (*values, round(self.seconds)), strict=True)))

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "recipe": asdict(self.recipe), "epoch": self.epoch, "seconds": self.seconds,
            "rows": self.rows,
            "twin": self.twin.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(), "best": self.best,
            "best_loss": self.best_loss,
            "random": torch.get_rng_state(),
        }  # fmt: skip
        temporary = self.folder / (CHECKPOINT + ".part")
        buffer = io.BytesIO()
        torch.save(state, buffer)
        temporary.write_bytes(buffer.getbuffer())  # which says it plainly if the disk is full
        temporary.replace(self.folder / CHECKPOINT)
        temporary = self.folder / (CURVE + ".part")
        with temporary.open("w", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(self.rows)
        temporary.replace(self.folder / CURVE)

    def _load(self, path: Path) -> None:
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
        except Exception as error:  # whatever a damaged file makes torch raise
            raise InputError(
                f"{path}: is damaged ({type(error).__name__}); remove it to start again"
            ) from None
        if self.replanned:
            epochs = {key: state["recipe"][key] for key in REPLANNED}
            self.recipe = replace(self.recipe, **epochs)
        if state["recipe"] != asdict(self.recipe):
            raise InputError(
                f"{path}: is from another recipe; give another folder, or remove it to start again"
            )
        self.epoch, self.seconds, self.rows = state["epoch"], state["seconds"], state["rows"]
        self.twin.load_state_dict(state["twin"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best, self.best_loss = state["best"], state["best_loss"]
        if "random" in state:  # of which pixels a context VAE is trained on
            torch.set_rng_state(state["random"])


def parts(count: int, pixels: int) -> list[slice]:
    """Slices of `count` images that are small enough to be looked at at once."""
    size = max(1, MOST_PIXELS // pixels)
    return [slice(start, start + size) for start in range(0, count, size)]


@torch.no_grad()
def nats_in_parts(twin: Twin, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """`twin.nats`, which takes more memory than there may be for many images at once."""
    pieces = [twin.nats(x[part], noise[part]) for part in parts(*x.shape)]
    losses, kls = zip(*pieces, strict=True)
    return torch.cat(losses), torch.cat(kls)


@torch.no_grad()
def latent_nats(twin: Twin, x: Tensor) -> Tensor:
    """What each latent costs, the mean of its KL to the prior, [latents], in nats: near 0 for one
    that says nothing of x.
    """
    total = torch.zeros(twin.architecture.latents)
    for part in parts(*x.shape):
        total += twin.latent_nats(x[part]).sum(0)
    return total / len(x)
