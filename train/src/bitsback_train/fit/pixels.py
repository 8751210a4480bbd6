"""Training pixels: the network's context of each, and the target to code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback import _core
from bitsback_train.fit.items import Item, flat, together
from bitsback_train.network.exact_tables import seen_differences
from bitsback_train.network.pixel_predictor import (
    FIRST_LEVEL,
    LAST_LEVEL,
    PredictiveArchitecture,
    Targets,
)

GROUP = 1 << 18  # symbols of the items that are processed together, unless one has more

Starts = list[NDArray[np.int32]]
"""The start matrices of each predictor, int32 [3, entries], a row for each number of references."""


@dataclass(frozen=True)
class Pixels:
    """Contexts uint8 [n, width], and their targets. weight: the number of pixels that each
    represents, float32 [n]; None if each represents one.
    """

    context: Tensor
    targets: Targets
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.context)

    def at(self, index: Tensor | slice) -> "Pixels":
        weight = None if self.weight is None else self.weight[index]
        return Pixels(self.context[index], Targets(*(of[index] for of in self.targets)), weight)

    def to(self, device: torch.device) -> "Pixels":
        weight = None if self.weight is None else self.weight.to(device)
        targets = Targets(*(of.to(device) for of in self.targets))
        return Pixels(self.context.to(device), targets, weight)

    def weighed(self, nats: Tensor) -> Tensor:
        """The weighted costs, [n], from the costs of the pixels."""
        return nats if self.weight is None else nats * self.weight

    @property
    def count(self) -> float:
        """The number of pixels that they represent."""
        return len(self) if self.weight is None else float(self.weight.sum())

    @classmethod
    def joined(cls, parts: Sequence["Pixels"]) -> "Pixels":
        columns = zip(*(part.targets for part in parts), strict=True)
        return cls(
            torch.cat([part.context for part in parts]),
            Targets(*(torch.cat(column) for column in columns)),
            None
            if parts[0].weight is None
            else torch.cat([p.weighed(torch.ones(len(p))) for p in parts]),
        )


def make_predictor(architecture: PredictiveArchitecture, starts: Starts) -> _core.Predictor:
    """The core's predictor with these settings."""
    predictors = [
        {"cell": one.cell, "decay": one.decay, "ridge": one.ridge, **vars(one.places)}
        for one in architecture.predictors
    ]
    return _core.Predictor(
        predictors=predictors,
        window=vars(architecture.window),
        see=seen_differences(),
        starts=starts,
    )


def sample_pixels(
    predictor: _core.Predictor, items: Iterable[Item], part: float, random: np.random.Generator
) -> list[Pixels]:
    """A random part of the pixels of all items, or all of them if `part` is 1."""
    return [_sample(predictor, group, part, random) for group in together(list(items), GROUP)]


def _sample(
    predictor: _core.Predictor, group: list[Item], part: float, random: np.random.Generator
) -> Pixels:
    symbols = flat(group)
    contexts, predictions, units = predictor.contexts(symbols, [item.shape for item in group])
    levels = np.repeat([item.levels for item in group], [item.symbols.size for item in group])
    if part < 1:
        kept = np.flatnonzero(random.random(len(symbols)) < part)
        symbols, levels = symbols[kept], levels[kept]
        contexts, predictions, units = contexts[kept], predictions[kept], units[kept]
    unit = unit_of(units)
    below = (256 * symbols.astype(np.int64) - 128 - predictions) / unit
    ends = (symbols == 0) * FIRST_LEVEL + (symbols == levels - 1) * LAST_LEVEL
    targets = (below.astype(np.float32), (256 / unit).astype(np.float32), ends.astype(np.uint8))
    return Pixels(torch.from_numpy(contexts), Targets(*map(torch.from_numpy, targets)))


def unit_of(index: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The units, in 2^-8 levels, from the quarters of their logarithms."""
    quarters = index.astype(np.int32)
    unit: NDArray[np.float64] = np.ldexp(4.0 + quarters % 4, quarters // 4 - 2)
    return unit
