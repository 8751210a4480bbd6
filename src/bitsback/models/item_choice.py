"""Choose test vectors for a new adaptive model, which learns from the data as it codes them.

The test vectors are items that reveal a machine whose arithmetic differs from docs/model-format.md.
"""

import json
from collections import Counter
from functools import partial
from typing import Any

from bitsback.errors import ModelError
from bitsback.models import file
from bitsback.models.distributions.adaptive_distribution import AdaptiveDistribution
from bitsback.models.distributions.counted import CountedDistribution
from bitsback.models.distributions.series import SeriesDistribution
from bitsback.models.item_shape import ItemShape
from bitsback.models.item_vectors import ItemVectors
from bitsback.models.model import Model

WRONG = "contracted", "upward", "downward", "toward zero"
"""The wrong kinds of arithmetic to detect: fused multiply-add, and other rounding directions."""
_SEEDS = (0, 1, 2, 3)
"""The seeds for models that compute only with integers."""
_MOST_TRIES, _TIMES = 1_000, 2
_SHAPE = partial(ItemShape, slices=1, rows=2, columns=40, channels=3)
_SHAPE_OF_SERIES = ItemShape(slices=1, rows=8, columns=1, channels=3, levels=1 << 16)


def build_with_items(description: dict[str, Any], tensors: file.Tensors) -> Model:
    """The model of a description, with newly chosen items in its test.

    Raises ModelError, also if it finds no items that every wrong arithmetic codes differently.
    """
    untested = Model.build(json.dumps(description), tensors, tested=False)
    distribution = untested.adaptive
    assert distribution is not None
    if isinstance(distribution, SeriesDistribution):
        items = choose(distribution, _SHAPE_OF_SERIES)
    elif isinstance(distribution, CountedDistribution):
        items = ItemVectors(_SHAPE(levels=distribution.variable.levels), _SEEDS)
    else:
        items = choose(distribution, _SHAPE(levels=distribution.variable.levels))
    test = {**description["test"], "items": items.described(distribution)}
    return Model.build(json.dumps({**description, "test": test}, separators=(",", ":")), tensors)


def choose(distribution: AdaptiveDistribution, shape: ItemShape) -> ItemVectors:
    """Items of this shape. Every wrong arithmetic codes two of them differently."""
    found, seeds = Counter[str](), list[int]()
    for seed in range(_MOST_TRIES):
        item = ItemVectors(shape, (seed,))
        right = item.digest(distribution)
        changed = [one for one in WRONG if item.digest(distribution, one) != right]
        if any(found[one] < _TIMES for one in changed):
            seeds.append(seed)
            found.update(changed)
        if all(found[one] >= _TIMES for one in WRONG):
            return ItemVectors(shape, tuple(seeds))
    raise ModelError(
        "no items reveal wrong arithmetic in the least squares of the model: its predictors need"
        " two inputs at least, and a decay of 64 or more"
    )
