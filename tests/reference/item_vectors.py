"""The test vectors of free models: items, and the message that they come to."""

import hashlib
from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

from . import cost
from .message import LOW, Message, splitmix64
from .planes import PlaneShape, check_shape
from .predictive import PlanesCodec
from .predictive_rules import Predictive
from .rules import check_integer, check_keys, check_list, require
from .series import SeriesCodec, SeriesRules
from .values import Tensors


def codec(of: Predictive | SeriesRules, shapes: Sequence[PlaneShape]) -> PlanesCodec | SeriesCodec:
    """Of a batch of items of these shapes."""
    return (SeriesCodec if isinstance(of, SeriesRules) else PlanesCodec)(of, shapes)  # type: ignore


def hash_items(of: Predictive | SeriesRules, about: Any) -> str:
    """SHA-256 of the message of the items that the entry `items` of a test describes."""
    shape, seeds = PlaneShape(*about["shape"], about["levels"]), about["seeds"]
    message = Message([LOW], [], 0)
    symbols = [x for seed in seeds for x in draw_item(shape, seed)]
    codec(of, [shape] * len(seeds)).push(message, symbols)
    return hashlib.sha256(message.to_bytes()).hexdigest()


def check_items(
    of: Predictive | SeriesRules, about: Any, levels: int, tensors: Tensors, identity: bytes
) -> None:
    """levels: of the model. identity: of the model, by which it is tried once."""
    check_keys(about, "shape levels seeds sha256")
    sides = [check_integer(side, 1, 2**12) for side in check_list(about["shape"], 4, 4)]
    shape = PlaneShape(*sides, check_integer(about["levels"], 2, levels))
    check_shape(shape, levels)
    seeds = [check_integer(seed, 0, 2**64 - 1) for seed in check_list(about["seeds"], 1, 16)]
    require(shape.elements * len(seeds) <= 2**12, "at most 2^12 elements in the test")
    shapes = [shape] * len(seeds)
    elements = sum(tensor.size for tensor in tensors.values())
    require(cost.plane_room(of, shapes) <= 2**26, "the items of the test take at most 2^26 bytes")
    require(
        cost.plane_work(of, shapes) <= 2**28 + 2**12 * elements,
        "the items of the test take no more work than the tensors allow",
    )
    if identity not in tried:
        require(hash_items(of, about) == about["sha256"], "the message of the test items")
        tried.add(identity)


tried: set[bytes] = set()
"""The identities of models whose items came to the right message, which takes seconds."""


@cache
def draw_item(shape: PlaneShape, seed: int) -> list[int]:
    """The symbols of an item, in C order."""
    middle, top = shape.levels // 2, shape.levels - 1
    reach = max(shape.levels // 64, 1)
    x: dict[tuple[int, ...], int] = {}
    places = product(*(range(side) for side in shape[:4]))
    for e, (s, r, q, c) in enumerate(places):
        mean = (x.get((s, r, q - 1, c), middle) + x.get((s, r - 1, q, c), middle)) >> 1
        noise = (splitmix64(e, seed) >> 32) % (2 * reach + 1) - reach
        x[s, r, q, c] = min(max(mean + noise, 0), top)
    return list(x.values())
