"""The test vectors of size-agnostic models: items, and the message that they come to."""

import copy
import hashlib
from collections.abc import Iterator
from itertools import count, product
from typing import Any

import numpy as np

from . import cost
from .counted import CountedCodec
from .counted_rules import CountedRules
from .distributions import Prediction
from .message import LOW, Message, splitmix64
from .planes import ItemShape
from .rules import check_integer, check_keys, check_list, require
from .series import SeriesCodec
from .values import Ints, Tensors
from .wavefront import WavefrontCodec
from .wavefront_rules import INPUTS, WavefrontRules

REACH = 600


def hash_items(of: Prediction, about: Any) -> str:
    """SHA-256 of the message of the items that the entry `items` of a test describes."""
    shape, message = ItemShape(*about["shape"], about["levels"]), Message([LOW], [], 0)
    pushed = []
    for seed in about["seeds"]:
        words = (splitmix64(j, seed) >> 32 for j in count())
        item = draw_item(shape, words)
        codec = codec_for_test(of, shape, words)
        codec.push(message, item)
        pushed.append((codec, item))
    digest = hashlib.sha256(message.to_bytes()).hexdigest()
    for codec, item in reversed(pushed):
        assert codec.pop(message) == item
    assert message == Message([LOW], [], 0)
    return digest


def check_items(of: Prediction, about: Any, tensors: Tensors) -> None:
    """Checks that an entry follows the page, and that its items are within the limits of cost."""
    check_keys(about, "shape levels seeds sha256")
    sides = [check_integer(side, 1, 2**12) for side in check_list(about["shape"], 4, 4)]
    shape = ItemShape(*sides, check_integer(about["levels"], 2, 2**16))
    seeds = [check_integer(seed, 0, 2**64 - 1) for seed in check_list(about["seeds"], 1, 16)]
    if isinstance(of, CountedRules | WavefrontRules):
        require(shape.levels <= of.levels, "no more levels than x has")
    require(shape.elements * len(seeds) <= 2**12, "at most 2^12 elements in the test")
    elements = sum(tensor.size for tensor in tensors.values())
    require(cost.plane_memory(of, [shape]) <= 2**26, "an item of the test takes at most 2^26 bytes")
    require(
        cost.plane_macs(of, [shape] * len(seeds)) <= 2**28 + 2**12 * elements,
        "the items of the test take no more MACs than the tensors allow",
    )


def draw_item(shape: ItemShape, words: Iterator[int]) -> list[int]:
    """The symbols of an item, in C order."""
    middle, top = shape.levels // 2, shape.levels - 1
    reach = max(shape.levels // 64, 1)
    x: dict[tuple[int, ...], int] = {}
    for s, r, q, c in product(*(range(side) for side in shape[:4])):
        mean = (x.get((s, r, q - 1, c), middle) + x.get((s, r - 1, q, c), middle)) >> 1
        x[s, r, q, c] = min(max(mean + next(words) % (2 * reach + 1) - reach, 0), top)
    return list(x.values())


def codec_for_test(
    of: Prediction, shape: ItemShape, words: Iterator[int]
) -> SeriesCodec | CountedCodec | WavefrontCodec:
    """The codec of an item, whose least squares start from sums by which rounding shows."""
    if isinstance(of, CountedRules):
        return CountedCodec(of, [shape])
    of = copy.copy(of)
    if isinstance(of, WavefrontRules):
        of.starts = [start_sums(n, of.ridge, words) for n in INPUTS]
        return WavefrontCodec(of, [shape])
    of.starts = []
    for channel in range(shape.channels):
        of.starts.append([])
        for predictor in of.predictors:
            there = [b for b, d in predictor.inputs if 0 <= channel - d < shape.channels]
            keep = (1 - 2.0**-predictor.forgetting) ** (1 if 0 in there else 2)
            sums = draw_sums(len(there), words).astype(np.float64)
            for i in range(len(there)):
                sums[i, i] -= predictor.ridge / keep
            of.starts[-1].append(sums)
    return SeriesCodec(of, [shape])


def start_sums(n: int, ridge: int, words: Iterator[int]) -> Ints:
    """A lower triangle that is nearly singular with its ridge."""
    sums = draw_sums(n, words)
    for i in range(n):
        sums[i, i] = max(sums[i, i] - ridge, 0)
    return np.tril(sums)


def draw_sums(n: int, words: Iterator[int]) -> Ints:
    """The sums of products of n inputs and a target, of fewer vectors than there are inputs."""
    rows = [[next(words) % (2 * REACH + 1) - REACH for _ in range(n + 1)] for _ in range(n - 1)]
    v = np.array(rows, np.int64).reshape(-1, n + 1)
    return v.T @ v
