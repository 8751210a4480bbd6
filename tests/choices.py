"""Random choices from a seed, or from hypothesis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from hypothesis import strategies as st


class Choices(Protocol):
    def of(self, options: Sequence[Any]) -> Any: ...

    def order(self, items: Sequence[Any]) -> list[Any]: ...


@dataclass
class Seeded:
    rng: np.random.Generator

    def of(self, options: Sequence[Any]) -> Any:
        return options[self.rng.integers(len(options))]

    def order(self, items: Sequence[Any]) -> list[Any]:
        return [items[i] for i in self.rng.permutation(len(items))]


@dataclass
class Drawn:
    draw: st.DrawFn

    def of(self, options: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def order(self, items: Sequence[Any]) -> list[Any]:
        return self.draw(st.permutations(items))
