"""Write a torch program as a model of docs/model-format.md, with test vectors that torch
computes.
"""

import json
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.errors import ModelError
from bitsback.models import Model
from bitsback.models.variables import DATA
from bitsback_train.export.code_lengths import repeated_lengths, safe_growth
from bitsback_train.export.exporter import Card
from bitsback_train.export.network_writer import Tensors
from bitsback_train.export.vectors import TEST_SEED, Draw, digests
from bitsback_train.portable.torch_program import Program, in_words, key
from bitsback_train.portable.torch_variables import Data

_BATCH = 256
_MOST_ROOM = 1 << 28
_TEST_COUNTS = (4, 2, 1)
_GROWTH_ITEMS = 256
_GROWTH_RUNS = 4


def write(program: Program, card: Card, symbols: NDArray[Any]) -> Model:
    """The integer model that `program.integers` computes. symbols: [n, elements], for choosing the
    growth of the batches of its chain.

    Raises ModelError if the core computes something else, or if a bound of the format is exceeded.
    """
    parts = _Parts(program, card)
    model = parts.model(1)
    items = symbols[:_GROWTH_ITEMS]
    lengths = repeated_lengths(model, items, TEST_SEED, _GROWTH_RUNS * len(items))
    return parts.model(safe_growth(lengths, parts.batch))


class _Parts:
    """The whole model except the growth of its batches."""

    def __init__(self, program: Program, card: Card) -> None:
        self.program, self.card = program, card
        self.tensors: Tensors = {}
        self.networks = {
            network.name: network.described(self.tensors) for network in program.every_network()
        }
        self.distributions: dict[str, Any] = {}
        for step in program.steps:
            of, variable = step.distribution, program.variables[step.variable]
            entry = of.described(variable)
            if of.network is not None:
                names = [each.name for each in of.outputs(variable)]
                entry |= {"network": of.network, "outputs": names}
                for name, tensor in of.tensors(variable).items():
                    self.tensors[f"{of.network}.{name}"] = tensor
            self.distributions[key(step)] = entry
        self.count = self._test_count()
        self.digests = self._digests()
        self.batch = self._batch()

    def model(self, growth: int) -> Model:
        return Model.build(self._description(growth, self.batch, self.digests), self.tensors)

    def _description(self, growth: int, batch: int, digests: dict[str, str]) -> str:
        description = {
            **self.card.heading(),
            "variables": self._variables(),
            "networks": self.networks,
            "distributions": self.distributions,
            "code": [in_words(step) for step in self.program.steps],
            "chain": {"growth": growth, "batch": batch},
            "test": {"seed": TEST_SEED, "count": self.count, "sha256": digests},
        }  # fmt: skip
        return json.dumps(description, separators=(",", ":"))

    def _variables(self) -> dict[str, Any]:
        found: dict[str, Any] = {DATA: self.program.data.described()}
        for name, variable in self.program.variables.items():
            if not isinstance(variable, Data):
                found[name] = {"channels": variable.whole[-1], "bits": variable.bits}
                if len(variable.shape) == 3:
                    found[name]["grid"] = self.program.grids[name]
        return found

    def _untested(self, count: int) -> Model:
        self.count = count
        return Model.build(self._description(1, 1, {}), self.tensors, tested=False)

    def _test_count(self) -> int:
        """The most test items within the bounds."""
        for count in _TEST_COUNTS[:-1]:
            try:
                self._untested(count)
            except ModelError:
                continue
            return count
        self._untested(_TEST_COUNTS[-1])
        return _TEST_COUNTS[-1]

    def _batch(self) -> int:
        size = self.program.data.size
        model = self._untested(self.count)
        return max(1, min(_BATCH, _MOST_ROOM // model.memory(model.shape_of(size))))

    def _digests(self) -> dict[str, str]:
        """The digests of torch's outputs for the test: docs/model-format.md, Test vectors."""
        draw = Draw(self.count)
        answers = {}
        for network in self.program.every_network():
            values = {}
            for name in network.sources:
                variable = self.program.variables[name]
                shape = (
                    (*variable.size, variable.channels)
                    if isinstance(variable, Data)
                    else variable.whole
                )
                levels = variable.levels if isinstance(variable, Data) else 1 << variable.bits
                symbols = draw(math.prod(shape), levels - 1).astype(np.float64)
                values[name] = torch.from_numpy(symbols).reshape(self.count, *shape)
            answers[network.name] = {
                name: out.numpy().astype(np.int32) for name, out in network.integers(values).items()
            }
        return digests(answers)
