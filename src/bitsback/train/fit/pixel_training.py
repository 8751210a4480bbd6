"""Training the network of a free model: the same seed and the same machine give the same weights,
interrupted or not.
"""

import copy
import csv
import io
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bitsback.errors import InputError
from bitsback.train.fit.optimiser import Optimiser
from bitsback.train.fit.pixels import Pixels
from bitsback.train.twins.likelihoods import LN2
from bitsback.train.twins.pixel_predictor import PredictiveArchitecture, PredictiveTwin, Targets

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.csv"
LEAST_RATE = 1e-5
FOLLOWED = 4  # every so many steps the average follows
AT_ONCE = 1 << 15  # pixels that are validated at a time
REPLANNED = ("steps", "quantise_from", "validate_every")  # what of a recipe may change in a run


@dataclass(frozen=True)
class FreeRecipe:
    """All that decides the outcome, beside the pixels. `quantise_from`: the step from which on the
    twin rounds.
    """

    name: str
    steps: int
    quantise_from: int
    validate_every: int
    learning_rate: float = 2e-3
    constant: float = 0.3  # this part of the steps at the full rate, a cosine to zero after it
    warm_up: int = 300  # steps until the full rate
    batch: int = 8_192
    clip: float = 0.5
    average: float = 0.002  # weight of a step that the average follows
    seed: int = 1
    muon: bool = True  # whether Muon trains the matrices of hidden layers, in place of Adam
    half: bool = True  # whether to multiply in bfloat16, which rounds the products of integers


@dataclass(frozen=True)
class Share:
    """Pixels to train on, and which part of each batch is drawn from them."""

    pixels: Pixels
    part: float


class FreeTraining:
    """The state of a run. `folder` keeps the checkpoint and the curve; a run goes on from a
    checkpoint found there.

    validation: by the name of the kind of images. The mean over the kinds makes the choice.
    learned: weights to start from. half: whether to multiply in bfloat16. replanned: whether a
    checkpoint may have other steps, by which it then goes on.
    """

    def __init__(
        self,
        recipe: FreeRecipe,
        architecture: PredictiveArchitecture,
        shares: list[Share],
        validation: Mapping[str, Pixels],
        folder: Path,
        *,
        learned: dict[str, Tensor] | None = None,
        device: str = "cpu",
        half: bool = True,
        replanned: bool = False,
    ) -> None:
        self.recipe, self.folder, self.replanned = recipe, folder, replanned
        self.device = torch.device(device)
        self.shares = [Share(one.pixels.to(self.device), one.part) for one in shares]
        self.validation = {name: of.to(self.device) for name, of in validation.items()}
        torch.manual_seed(recipe.seed)
        self.twin = PredictiveTwin(architecture)
        self.twin.multiply_in_half(half and recipe.half)
        if learned is not None:
            self.twin.load_state_dict(learned)
        self.twin.to(self.device)
        self.average = copy.deepcopy(self.twin)
        self.optimiser = Optimiser(self.twin, recipe.learning_rate, recipe.muon)
        self.step = 0
        self.seconds = 0.0
        self.rows: list[dict[str, float]] = []
        self.best_bits = math.inf
        self.best: dict[str, Tensor] = {}
        self._bits, self._steps = 0.0, 0  # of training, since the last validation
        if (folder / CHECKPOINT).exists():
            self._load(folder / CHECKPOINT)

    def run(self, until: int | None = None) -> None:
        """Train to the end, or through the step `until`."""
        end = self.recipe.steps if until is None else min(until, self.recipe.steps)
        begin = time.perf_counter()
        while self.step < end:
            self._step()
            if self.step % self.recipe.validate_every == 0 or self.step == self.recipe.steps:
                self._validate()
                self.seconds += time.perf_counter() - begin
                self.rows[-1]["seconds"] = round(self.seconds)
                self._save()
                begin = time.perf_counter()
        self.seconds += time.perf_counter() - begin

    def replan(self, recipe: FreeRecipe) -> None:
        """Go on by a recipe that differs in REPLANNED."""
        self.recipe = recipe
        self._save()

    def last_twin(self) -> PredictiveTwin:
        """The average of the last steps, in eval mode, on the processor."""
        twin = copy.deepcopy(self.average).to("cpu")
        twin.quantise(self.step > self.recipe.quantise_from)
        return twin.eval()

    def best_twin(self) -> PredictiveTwin:
        """The averaged twin that rounds and has the least validation loss so far, likewise."""
        twin = self.last_twin()
        if self.best:
            twin.load_state_dict(self.best)
        return twin

    def _step(self) -> None:
        recipe, rounds = self.recipe, self.step >= self.recipe.quantise_from
        if self.twin.quantised != rounds:
            self.twin.quantise(rounds)
        self.twin.train()
        batch = self._batch()
        bits = self.twin.nats(batch.context, batch.targets).mean() / LN2
        self.optimiser.zero_grad()
        bits.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.twin.parameters(), recipe.clip)
        self.optimiser.step(self._rate())
        self._follow()
        self._bits += float(bits.detach())
        self._steps += 1
        self.step += 1

    def _batch(self) -> Pixels:
        """Of each share its part, drawn at random: a function of the seed and the step alone."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        parts = []
        for share in self.shares:
            count = round(self.recipe.batch * share.part)
            index = torch.randint(len(share.pixels), (count,), generator=generator)
            parts.append(share.pixels.at(index.to(self.device)))
        return parts[0] if len(parts) == 1 else Pixels.joined(parts)

    def _rate(self) -> float:
        recipe = self.recipe
        falling = self.step / recipe.steps - recipe.constant
        fall = falling / (1 - recipe.constant) if falling > 0 else 0.0
        rising = min(1.0, (self.step + 1) / recipe.warm_up)
        return max(LEAST_RATE, recipe.learning_rate * rising * 0.5 * (1 + math.cos(math.pi * fall)))

    @torch.no_grad()
    def _follow(self) -> None:
        if self.step % FOLLOWED == 0:
            weight = max(self.recipe.average, min(1.0, 10 / (self.step + 1)))
            for kept, new in zip(self.average.parameters(), self.twin.parameters(), strict=True):
                kept.lerp_(new, weight)

    def _validate(self) -> None:
        rounds = self.step > self.recipe.quantise_from
        self.average.quantise(rounds)
        of = {name: mean_bits(self.average, pixels) for name, pixels in self.validation.items()}
        mean = sum(of.values()) / len(of)
        if rounds and mean < self.best_bits:
            self.best_bits, self.best = mean, copy.deepcopy(self.average.state_dict())
        row = {"step": self.step, "quantised": int(rounds), "train": self._bits / self._steps}
        row |= {"validation": mean} | of
        self.rows.append({name: round(value, 5) for name, value in row.items()})
        self._bits, self._steps = 0.0, 0

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "recipe": asdict(self.recipe), "step": self.step, "seconds": self.seconds,
            "rows": self.rows, "twin": self.twin.state_dict(),
            "average": self.average.state_dict(), "optimiser": self.optimiser.state_dict(),
            "best": self.best, "best_bits": self.best_bits,
        }  # fmt: skip
        buffer = io.BytesIO()
        torch.save(state, buffer)
        temporary = self.folder / (CHECKPOINT + ".part")
        temporary.write_bytes(buffer.getbuffer())  # which says it plainly if the disk is full
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
            state: dict[str, Any] = torch.load(path, self.device, weights_only=True)
        except Exception as error:  # whatever a damaged file makes torch raise
            raise InputError(
                f"{path}: is damaged ({type(error).__name__}); remove it to start again"
            ) from None
        stored = state["recipe"]
        if self.replanned:
            self.recipe = FreeRecipe(
                **asdict(self.recipe) | {key: stored[key] for key in REPLANNED}
            )
        if stored != asdict(self.recipe):
            raise InputError(
                f"{path}: is from another recipe; give another folder, or remove it to start again"
            )
        self.step, self.seconds, self.rows = state["step"], state["seconds"], state["rows"]
        self.twin.load_state_dict(state["twin"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best, self.best_bits = state["best"], state["best_bits"]


@torch.no_grad()
def mean_bits(twin: PredictiveTwin, pixels: Pixels) -> float:
    """Bits a pixel, by the twin in eval mode."""
    twin.eval()
    total = 0.0
    for start in range(0, len(pixels), AT_ONCE):
        part = pixels.at(slice(start, start + AT_ONCE))
        total += float(twin.nats(part.context, Targets(*part.targets)).sum())
    return total / (len(pixels) * LN2)
