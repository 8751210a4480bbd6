"""Exact code lengths of an integer model, from the frequencies that its codecs code with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.message import Message
from bitsback.models import Model
from bitsback.models.variables import DATA

Bits = NDArray[np.float64]

BATCH = 500
STEPS = 5_000  # of a context VAE, each for a pixel of a batch, that are soon done


@dataclass(frozen=True)
class CodeLengths:
    """Bits of each item, [n]: `net` what is left of the pushes after the pops; `popped` the most
    that has been popped beyond what has been pushed: for one layer of latents, all that is popped
    under the posterior.
    """

    net: Bits
    popped: Bits


def code_lengths(model: Model, x: NDArray[np.uint8], seed: int) -> CodeLengths:
    """x uint8 [n, pixels]. Latents are popped from random bits, as the chain pops them: one sample
    of each item.
    """
    random = np.random.default_rng(seed)
    net, popped = np.empty(len(x)), np.empty(len(x))
    for start in range(0, len(x), BATCH):
        items = slice(start, min(start + BATCH, len(x)))
        net[items], popped[items] = _one_batch(model, x[items], random)
    return CodeLengths(net, popped)


def repeated_lengths(model: Model, x: NDArray[np.uint8], seed: int, count: int) -> CodeLengths:
    """At least `count` of them: x as often as that takes, with other latents each time as far as
    that is soon done.
    """
    times = -(-count // len(x))
    runs = times
    if model.scans:
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
    heads = random.integers(2**32, 2**64, 8, dtype=np.uint64)
    tail = random.integers(0, 2**32, len(x) * model.latents, dtype=np.uint32)
    message = Message(heads, tail)
    values: dict[str, NDArray[Any]] = {DATA: x}
    net, popped = np.zeros(len(x)), np.zeros(len(x))
    for step in model.code:
        codec = model.distributions[step.distribution].codec(values, len(x), model.whole_size())
        if step.pops:
            values[step.variable] = symbols = codec.pop(message)
            net -= codec.bits(symbols).sum(1)
            popped = np.maximum(popped, -net)
        else:
            net += codec.bits(values.pop(step.variable)).sum(1)
    return net, popped
