"""How a free model is trained: for how many steps, at what rate, by how many threads
(docs/training.md).
"""

import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bitsback.errors import InputError
from bitsback.train.fit.machine import faster_in_half
from bitsback.train.fit.pixel_training import FreeRecipe, FreeTraining, Share
from bitsback.train.job.free.base import Base
from bitsback.train.job.free.preparing import Amounts, Prepared

PLAN = "plan.json"
VALIDATIONS = 20
TIMED_STEPS = 4
RATE = 1e-3  # of weights that have learned already
FIRST_RATE = 2e-3  # of those that have not
FLOAT_PART = 0.6  # of their steps; the others are with rounding
AVERAGED = 0.05  # of all steps, about so many make the average
WARM_UP = 0.1  # of them, until the full rate, but at most 300 steps
FEWEST_STEPS = 20
BATCHES = (1_024, 2_048, 4_096, 8_192)
ENOUGH_STEPS = 4_000  # with a batch, where a greater one is better


@dataclass(frozen=True)
class FreePlan:
    """What was decided before training: all that a resumed run needs to end as an uninterrupted
    one.
    """

    steps: int
    batch: int
    amounts: Amounts
    symbols: int
    """That were looked at for pixels to train on."""
    worth: float
    """Of the start matrices, in pixels."""
    threads: int
    half: bool
    seed: int
    learned: bool
    """Whether the weights have learned before."""
    seconds: float | None
    """That all steps are to take; None: there are so many steps, whatever time they take."""

    def recipe(self) -> FreeRecipe:
        """Weights that have learned already are rounded from the first step on, in a cosine; others
        first learn in floats.
        """
        return FreeRecipe(
            "free",
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

    def training(self, base: Base, prepared: Prepared, folder: Path) -> FreeTraining:
        return FreeTraining(
            self.recipe(),
            base.architecture,
            [Share(prepared.train, 1.0)],
            {"images": prepared.validation},
            folder,
            learned=base.twin.state_dict() if self.learned else None,
            half=self.half,
            replanned=True,
        )


def timed(
    plan: FreePlan, base: Base, prepared: Prepared, threads: int | None, left: float
) -> FreePlan:
    """The plan with as many steps as fit into the seconds that are left, by some that are timed, on
    one or all cores, whichever is faster.
    """
    plan = replace(plan, seconds=left, half=faster_in_half())
    choices = (threads,) if threads else tuple(dict.fromkeys((1, os.cpu_count() or 1)))
    seconds = {}
    for count in choices:
        torch.set_num_threads(count)
        seconds[count] = _seconds_of_a_step(plan, base, prepared)
    best = min(seconds, key=lambda count: seconds[count])
    symbols = left / seconds[best] * plan.batch
    batch = next((b for b in BATCHES if symbols / b <= ENOUGH_STEPS), BATCHES[-1])
    return replace(plan, threads=best, batch=batch, steps=max(FEWEST_STEPS, int(symbols / batch)))


def _seconds_of_a_step(plan: FreePlan, base: Base, prepared: Prepared) -> float:
    """With rounding, which takes longest."""
    few = replace(plan, steps=1 << 30, learned=True)
    with tempfile.TemporaryDirectory() as folder:
        training = few.training(base, prepared, Path(folder))
        training.run(1)
        start = time.perf_counter()
        training.run(1 + TIMED_STEPS)
        return (time.perf_counter() - start) / TIMED_STEPS


def write_plan(folder: Path, plan: FreePlan, of: str) -> None:
    """of: what the run is of, as text that another run of the same has too."""
    temporary = folder / (PLAN + ".part")
    temporary.write_text(json.dumps({"of": of, "free": asdict(plan)}))
    temporary.replace(folder / PLAN)


def read_plan(folder: Path, of: str) -> FreePlan:
    """Raises InputError where it is damaged, or of something else."""
    path = folder / PLAN
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
        fields, same = stored["free"], stored["of"] == of
        plan = FreePlan(**fields | {"amounts": Amounts(**fields["amounts"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: is damaged, or of another kind of model ({error}); start again with --force"
        ) from None
    if not same:
        raise InputError(
            f"{folder}: is of other data, another seed or another --from; start again with --force"
        )
    return plan
