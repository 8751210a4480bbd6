"""Test vectors of adaptive models, which learn from the data as they code them
(docs/model-format.md).

They are items whose message must be the same on every machine. This tests the floating-point
arithmetic of least squares.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.message import Message
from bitsback.models import costs
from bitsback.models.distributions.adaptive_distribution import AdaptiveDistribution, Words
from bitsback.models.integer.fields import Fields
from bitsback.models.item_shape import ItemShape
from bitsback.models.outline import Outline

_MOST_SEEDS = 16
_MOST_ELEMENTS = 1 << 12
_MOST_MEMORY = 1 << 26
_LEVELS = 1 << 16


@dataclass(frozen=True)
class ItemVectors:
    """Test items of one shape, one for each seed."""

    shape: ItemShape
    seeds: tuple[int, ...]

    @classmethod
    def read(cls, fields: Fields) -> "ItemVectors":
        """Reads the field `items` of the field `test`, and leaves `sha256`. Raises ModelError."""
        sides, levels = (
            fields.integers("shape", 4, 1, _MOST_ELEMENTS),
            fields.integer("levels", 2, _LEVELS),
        )
        slices, rows, columns, channels = sides
        shape = ItemShape(slices, rows, columns, channels, levels)
        seeds = fields.integers("seeds", range(1, _MOST_SEEDS + 1), 0, (1 << 64) - 1)
        if shape.elements * len(seeds) > _MOST_ELEMENTS:
            raise ModelError("the items of the test have more than 2^12 elements")
        return cls(shape, tuple(seeds))

    def check_cost(self, distribution: AdaptiveDistribution, tensor_elements: int) -> None:
        """Raises ModelError if coding the items takes too much work for a model of this size."""
        memory = costs.memory_of({}, [distribution], self.shape) + distribution.state_memory(
            self.shape.elements
        )
        macs = len(self.seeds) * costs.macs_of({}, [], [distribution], self.shape)
        if memory > _MOST_MEMORY or macs > (1 << 28) + (tensor_elements << 12):
            raise ModelError("the items of the test take more work than a model of this size may")

    def digest(self, distribution: AdaptiveDistribution, arithmetic: str = "exact") -> str:
        """The SHA-256 (hex) of the items' message.

        arithmetic: of least squares: 'exact', or wrong in one way. 'contracted' is fused
        multiply-add; 'upward', 'downward' and 'toward zero' are rounding directions.
        """
        message, _ = self._pushed(distribution, arithmetic)
        return hashlib.sha256(message.to_bytes()).hexdigest()

    def hold(self, distribution: AdaptiveDistribution, sha256: str) -> bool:
        """Whether the items give the message with this digest, and decode from it."""
        message, pushed = self._pushed(distribution, "exact")
        if hashlib.sha256(message.to_bytes()).hexdigest() != sha256:
            return False
        same = all(
            np.array_equal(program.pop(message, [(1, self.shape)], [(1, 1)]), symbols)
            for program, symbols in reversed(pushed)
        )
        return same and message == Message()

    def described(self, distribution: AdaptiveDistribution) -> dict[str, Any]:
        """The field `items` of a description."""
        digest = self.digest(distribution)
        shape, levels = list(self.shape[:4]), self.shape.levels
        return {"shape": shape, "levels": levels, "seeds": list(self.seeds), "sha256": digest}

    def _pushed(
        self, distribution: AdaptiveDistribution, arithmetic: str
    ) -> tuple[Message, list[tuple[_core.Program, NDArray[np.uint16]]]]:
        """The items' message, and the program and the 16-bit symbols of each item."""
        message, pushed = Message(), []
        for seed in self.seeds:
            symbols, words = _item(self.shape, seed)
            of_item = distribution.for_test(self.shape, words, arithmetic)
            program = _core.Program([(0, self.shape.levels)], [(False, of_item)])
            program.push(message, symbols, [(1, self.shape)], [(1, 1)])
            pushed.append((program, symbols))
        return message, pushed


_held: set[bytes] = set()
"""The identities of models whose items have passed the test in this process."""


def check(
    outline: Outline,
    test: Fields,
    distribution: AdaptiveDistribution,
    tensor_elements: int,
    identity: bytes,
) -> None:
    """Tests the message of the items in the field `test` against its digest, once per process.

    Raises ModelError if it differs.
    """
    if not test.has("items"):
        raise ModelError(
            f"the model {outline.name} was made by an older bitsback, without test items: train it"
            " again, or use the bitsback that it was made with"
        )
    fields = test.object("items")
    items, sha256 = ItemVectors.read(fields), fields.text("sha256")
    fields.done()
    items.check_cost(distribution, tensor_elements)
    if identity not in _held:
        if not items.hold(distribution, sha256):
            raise ModelError(
                f"the model {outline.name} fails its test on this machine, so bitsback does not use"
                " it: its file is damaged, or bitsback was built wrongly; please report this with"
                " the output of  python -m platform"
            )
        _held.add(identity)


def _item(shape: ItemShape, seed: int) -> tuple[NDArray[np.uint16], Words]:
    """The symbols of an item, in C order, and a function that returns the next random words."""
    taken = 0

    def words(count: int) -> NDArray[np.int64]:
        nonlocal taken
        drawn = _core.splitmix64(seed, taken, count) >> np.uint64(32)
        taken += count
        return drawn.astype(np.int64)

    reach = max(shape.levels >> 6, 1)
    noise = words(shape.elements).reshape(shape[:4]) % (2 * reach + 1) - reach
    middle, top = shape.levels // 2, shape.levels - 1
    x = np.full((shape.slices, shape.rows + 1, shape.columns + 1, shape.channels), middle)
    for r in range(shape.rows):
        for q in range(shape.columns):
            mean = (x[:, r + 1, q] + x[:, r, q + 1]) >> 1
            x[:, r + 1, q + 1] = np.clip(mean + noise[:, r, q], 0, top)
    return x[:, 1:, 1:].astype(np.uint16).ravel(), words
