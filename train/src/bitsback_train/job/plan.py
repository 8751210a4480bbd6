"""The plan of a run: as many steps of each network as fit into the time."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bitsback_train.fit.pixel_training import PixelTraining, pixel_recipe
from bitsback_train.fit.training import Recipe
from bitsback_train.job.material import Amounts, Base, Prepared
from bitsback_train.network.wavefront import PixelNetwork

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
TOLERATED = 0.05  # the share of the time by which a run may miss it without another plan
PATIENCE = 10  # validations without a new best one


@dataclass(frozen=True)
class NetworkPlan:
    """The training of the network for planes with some number of references."""

    references: int
    steps: int = 1
    batch: int = BATCHES[1]
    seconds: float | None = None
    """The time for all steps; None if the number of steps is fixed."""


@dataclass(frozen=True)
class Plan:
    """The decisions before training. With them a resumed run ends as an uninterrupted one."""

    networks: tuple[NetworkPlan, ...]
    """Those that the images need, in the order of their training."""
    amounts: Amounts
    symbols: int
    """The number of symbols from which training pixels were taken."""
    pseudo_count: float
    """The pseudo-count of the start matrices, in pixels."""
    threads: int
    seed: int
    learned: bool
    """Whether the weights are pre-trained."""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Plan":
        networks = tuple(NetworkPlan(**network) for network in fields["networks"])
        return cls(**fields | {"networks": networks, "amounts": Amounts(**fields["amounts"])})

    def recipe(self, planned: NetworkPlan, network: PixelNetwork) -> Recipe:
        """Pre-trained weights are rounded from the first step, with a cosine rate; others first
        learn in floats.
        """
        return pixel_recipe(
            network,
            planned.steps,
            quantise_from=0 if self.learned else int(FLOAT_PART * planned.steps),
            validate_every=max(1, planned.steps // VALIDATIONS),
            learning_rate=RATE if self.learned else FIRST_RATE,
            constant=0.0 if self.learned else 0.3,
            warm_up=max(1, min(300, int(WARM_UP * planned.steps))),
            batch=planned.batch,
            average=min(1.0, max(0.002, 4 / (AVERAGED * planned.steps))),
            seed=self.seed,
        )

    def training(
        self, planned: NetworkPlan, base: Base, prepared: Prepared, folder: Path
    ) -> PixelTraining:
        network, r = base.networks[planned.references], planned.references
        return PixelTraining(
            self.recipe(planned, network),
            network,
            prepared.train[r],
            prepared.validation[r],
            folder / f"pixels-{r}",
            replanned=True,
        )

    def timed(self, base: Base, prepared: Prepared, threads: int | None, left: float) -> "Plan":
        """The plan with as many steps as fit into the seconds left, on one or all cores, by timed
        steps on each. The time of networks is proportional to their pixels.
        """
        choices = (threads,) if threads else tuple(dict.fromkeys((1, os.cpu_count() or 1)))
        sizes = {planned: len(prepared.train[planned.references]) for planned in self.networks}
        seconds = {}
        for count in choices:
            torch.set_num_threads(count)
            largest = max(self.networks, key=lambda planned: sizes[planned])
            seconds[count] = self._seconds_of_a_step(largest, base, prepared)
        best = min(seconds, key=lambda count: seconds[count])
        networks = []
        for planned in self.networks:
            own = left * sizes[planned] / sum(sizes.values())
            pixels = own / seconds[best] * planned.batch
            batch = next((b for b in BATCHES if pixels / b <= ENOUGH_STEPS), BATCHES[-1])
            steps = max(FEWEST_STEPS, int(pixels / batch))
            networks.append(replace(planned, steps=steps, batch=batch, seconds=own))
        return replace(self, threads=best, networks=tuple(networks))

    def _seconds_of_a_step(self, planned: NetworkPlan, base: Base, prepared: Prepared) -> float:
        """The seconds of a step with rounding, which takes longest."""
        endless = replace(planned, steps=1 << 30)
        with tempfile.TemporaryDirectory() as folder:
            plan = replace(self, learned=True)
            training = plan.training(endless, base, prepared, Path(folder))
            training.run(1)
            start = time.perf_counter()
            training.run(1 + TIMED_STEPS)
            return (time.perf_counter() - start) / TIMED_STEPS


def in_time(
    training: PixelTraining, seconds: float | None, replan: Callable[[int], None]
) -> Iterator[float]:
    """Trains to the end, or until the validation loss stalls. Yields each validation rate.

    seconds: the time for all steps. At each validation `replan` gets the number of steps that fit
    at the pace since the previous one, if they would miss the time by more than the share
    TOLERATED. This and stalling are decided by data in checkpoints, so that resuming changes
    nothing that is done already.
    """
    step, spent = training.epoch, training.seconds
    while training.epoch < training.recipe.epochs and not stalled(training.rows):
        every = training.recipe.validate_every
        training.run(training.epoch + every - training.epoch % every)
        if seconds is not None and training.epoch % every == 0:
            pace = (training.seconds - spent) / (training.epoch - step)
            fitting = training.epoch + max(0.0, seconds - training.seconds) / pace
            if abs(fitting / training.recipe.epochs - 1) > TOLERATED:
                replan(max(training.epoch, int(fitting)))
            step, spent = training.epoch, training.seconds
        yield training.rows[-1]["validation"]


def stalled(rows: Sequence[Mapping[str, float]]) -> bool:
    """Whether the last PATIENCE validations with rounding brought no new best."""
    losses = [row["validation"] for row in rows if row["quantised"]]
    return len(losses) > PATIENCE and min(losses[-PATIENCE:]) >= min(losses[:-PATIENCE])
