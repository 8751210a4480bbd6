"""Exact code lengths of an integer model, from the frequencies of its codecs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitsback.message import Message
from bitsback.models import Model
from bitsback.models.variables import DATA

Bits = NDArray[np.float64]

BATCH = 500
ELEMENTS = 1 << 21  # of the items evaluated at once, if there are several
STEPS = 5_000  # the limit for a context VAE, with a step for each pixel of a batch


@dataclass(frozen=True)
class CodeLengths:
    """The bits of each item, [n].

    `net` is pushed minus popped bits. `popped` is the largest excess of popped over pushed bits.
    For one layer of latents these are all bits that are popped under the posterior.
    """

    net: Bits
    popped: Bits


def code_lengths(model: Model, x: NDArray[np.uint8], seed: int) -> CodeLengths:
    """x uint8 [n, pixels]. Latents are popped from random bits, as the chain pops them: one sample
    of each item.
    """
    random = np.random.default_rng(seed)
    net, popped = np.empty(len(x)), np.empty(len(x))
    batch = max(1, min(BATCH, ELEMENTS // x.shape[1]))
    for start in range(0, len(x), batch):
        items = slice(start, min(start + batch, len(x)))
        net[items], popped[items] = _one_batch(model, x[items], random)
    return CodeLengths(net, popped)


def repeated_lengths(model: Model, x: NDArray[np.uint8], seed: int, count: int) -> CodeLengths:
    """At least `count` code lengths: x is repeated, each time with other latents as far as this is
    fast.
    """
    times = -(-count // len(x))
    runs = times
    if model.autoregressive:
        runs = min(times, max(1, STEPS // (model.pixels * -(-len(x) // BATCH))))
    made = [code_lengths(model, x, seed + run) for run in range(runs)]
    net, popped = (
        np.concatenate([run.net for run in made]),
        np.concatenate([run.popped for run in made]),
    )
    return CodeLengths(np.resize(net, times * len(x)), np.resize(popped, times * len(x)))


def _one_batch(
    model: Model, x: NDArray[np.uint8], random: np.random.Generator
) -> tuple[Bits, Bits]:
    size = model.whole_size()
    heads = random.integers(2**32, 2**64, 8, dtype=np.uint64)
    latents = sum(
        variable.elements(size) for name, variable in model.variables.items() if name != DATA
    )
    tail = random.integers(0, 2**32, len(x) * latents, dtype=np.uint32)
    message = Message(heads, tail)
    changes = model.step_bits(x, message)
    return changes.sum(0), -np.minimum(changes.cumsum(0).min(0), 0)


FASTEST = 256
ITEMS = 2_048  # the items of a simulated block
BLOCKS = 64
TOLERATED_BITS = 2.0
# a share of the growth that is safe on the validation data, since other data differ
MARGIN = 0.75


def deepest(net: Bits, popped: Bits, growth: int, batch: int) -> float:
    """The bits by which the message of a block sinks below its start if the items are coded in this
    order.
    """
    level = lowest = 0.0
    done = 0
    while done < len(net):
        size = min(max(done * growth >> 8, 1), batch, len(net) - done)
        lowest = min(lowest, level - float(popped[done : done + size].sum()))
        level += float(net[done : done + size].sum())
        done += size
    return -lowest


def safe_growth(lengths: CodeLengths, batch: int, seed: int = 1) -> int:
    """`MARGIN` times the fastest growth at which blocks of items in random order sink no deeper
    than at the slowest.

    The slowest growth codes most of a block item by item, so its depth is that of the first few
    items. Beyond the safe growth the depth jumps to thousands of bits, since each batch sinks below
    the last.
    """
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(lengths.net))[:ITEMS] for _ in range(BLOCKS)]

    def depth(growth: int) -> float:
        depths = [
            deepest(lengths.net[order], lengths.popped[order], growth, batch) for order in orders
        ]
        return float(np.mean(depths))

    allowed = depth(1) + TOLERATED_BITS
    fastest = next((growth for growth in range(FASTEST, 1, -1) if depth(growth) <= allowed), 1)
    return max(1, int(fastest * MARGIN))
