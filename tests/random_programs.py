"""Whole descriptions drawn at random: variables, their places, networks, distributions and code.

A seed makes the choices in `random_program`, and hypothesis in `programs`, which shrinks towards
the first of all choices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import random_counted
import random_series
import random_wavefronts
from bitsback.models import file
from choices import Choices, Drawn, Seeded
from model_parts import Net, Parts, Tensors
from random_models import random_autoregressive
from reference.values import ITEM, Size

SIZES: list[Size] = [(3, 4), (1, 1), (1, 7), (5, 1), (4, 5), (5, 3), (2, 9)]
LATENTS = 3  # channels of a latent, at most
# By the codec of x: levels and precisions.
DATA: dict[str, tuple[list[int], list[int]]] = {
    "bernoulli": ([2], [16, 8, 11]),
    "beta-binomial": ([256], [24, 16]),
    "exponential": ([3, 2, 256], [18, 16, 24]),
    "mixture": ([3, 2, 256, 1000, 65536], [22, 20, 24]),
    "normal": ([256, 2, 3, 1000, 65536], [22, 20, 24]),
    "uniform": ([3, 2, 256, 1000, 65536], [0]),
    "series": ([256, 2, 3, 1000, 65536], [24, 20]),
    "counted": ([256, 2, 3], [24, 16]),
    "wavefront": ([256, 2, 3, 1000, 65536], [0]),
}
GIVEN_NOTHING = ["uniform", "series", "counted", "wavefront"]
OF_LATENTS = ["gaussian", "normal", "mixture"]
OF_A_PIXEL = ["bernoulli", "exponential", "mixture"]
CODES = {
    "no latents": ["push x ~ p(x)"],
    "bits back": ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"],
    "two, in plain order": [
        "pop z ~ q(z|x)", "pop y ~ q(y|z)", "push x ~ p(x|z)", "push z ~ p(z|y)", "push y ~ p(y)",
    ],
    "Bit-Swap": [
        "pop z ~ q(z|x)", "push x ~ p(x|z)", "pop y ~ q(y|z)", "push z ~ p(z|y)", "push y ~ p(y)",
    ],
    "top-down": [
        "pop y ~ q(y|x)", "pop z ~ q(z|x,y)", "push x ~ p(x|y,z)", "push z ~ p(z|y)",
        "push y ~ p(y)",
    ],
    "side by side": [
        "pop z ~ q(z|x)", "pop y ~ q(y|x)", "push x ~ p(x|z,y)", "push y ~ p(y)", "push z ~ p(z)",
    ],
    "one of them of the prior": [
        "pop z ~ q(z|x)", "pop y ~ p(y)", "push x ~ p(x|z,y)", "push y ~ p(y)", "push z ~ p(z)",
    ],
    "latents beside": ["pop z ~ q(z|x)", "push x ~ p(x)", "push z ~ p(z)"],
    "three, in Bit-Swap's order": [
        "pop z ~ q(z|x)", "push x ~ p(x|z)", "pop y ~ q(y|z)", "push z ~ p(z|y)",
        "pop w ~ q(w|y)", "push y ~ p(y|w)", "push w ~ p(w)",
    ],
}  # fmt: skip


@dataclass
class Program:
    """A model, and a size of images that it codes."""

    description: str
    tensors: Tensors
    size: Size

    def to_bytes(self) -> bytes:
        return file.write(self.description, self.tensors)


def random_program(seed: int) -> Program:
    return Grower(Seeded(np.random.default_rng(seed)), seed).program()


@st.composite
def programs(draw: st.DrawFn) -> Program:
    return Grower(Drawn(draw), draw(st.integers(0, 2**32 - 1))).program()


class Grower:
    def __init__(self, choose: Choices, seed: int) -> None:
        self.choose, self.seed = choose, seed
        self.image: Size = choose.of(SIZES)
        self.has_size: bool = choose.of([True, False])
        self.shares: bool = choose.of([False, True])  # one network for all that is given the same
        self.parts = Parts(seed, self.image if self.has_size else None)

    def program(self) -> Program:
        choose, parts = self.choose, self.parts
        code: list[str] = CODES[choose.of(list(CODES))]
        autoregressive = choose.of([False, True])
        no_network = "push x ~ p(x)" in code and not autoregressive
        codecs = [codec for codec in DATA if (codec in GIVEN_NOTHING) == no_network]
        codecs = OF_A_PIXEL if autoregressive else codecs
        self.codec: str = choose.of(codecs)
        levels, self.precisions = DATA[self.codec]
        parts.data(choose.of([1, 2, 3]), choose.of(levels))
        for name in sorted({step.split(" ")[1] for step in code} - {"x"}, reverse=True):
            where = choose.of([ITEM, ITEM, 1, 2, 4, 3] if self.has_size else [1, 2, 4])
            parts.latent(
                name, choose.of(range(1, LATENTS + 1)), choose.of([10, 1, 8, 9, 12]), where
            )
        for key in dict.fromkeys(step.split(" ~ ")[1] for step in code):
            self.distribution(key, autoregressive)
        size = choose.of(SIZES)
        growth, batch = choose.of([96, 256, 1]), choose.of([3, 1, 8])
        description, tensors = parts.model(code, growth, batch, size, choose.of([2, 1]))
        return Program(description, tensors, self.image)

    def distribution(self, key: str, autoregressive: bool) -> None:
        parts, variable = self.parts, key[2]
        given = key[4:-1].split(",") if "|" in key else []
        if variable == "x" and autoregressive:
            parts.distributions[key] = self.autoregressive_pixels(given)
            return
        if not given:
            codec = self.codec if variable == "x" else "uniform"
            parts.distributions[key] = {"codec": codec} | self.prediction(codec)
            return
        value = parts.value(variable)
        is_data = variable == "x"
        codec = self.codec if is_data else self.choose.of(OF_LATENTS)
        shared = self.shares and codec == "gaussian"
        name = "_".join(given) if shared else "of_" + "_".join([variable, *given])
        net = parts.nets.get(name) or parts.net(name, given)
        of = self.body(net, given, value.where)
        levels = value.range[1] + 1
        least = levels.bit_length() + 3
        coarse = self.precisions if is_data else [24, least if codec == "gaussian" else 20]
        precision = self.choose.of(coarse)
        components = self.choose.of([2, 1, 5])
        prefix = f"{variable}_"
        outputs = net.outputs(codec, of, value.channels, levels, components, prefix)
        if is_data and codec == "normal" and value.channels > 1 and self.choose.of([True, False]):
            pairs = value.channels * (value.channels - 1) // 2
            outputs.append(net.linear(of, pairs, self.choose.of(COUPLINGS), f"{prefix}coupling"))
        shift = self.choose.of([2, 0, 9])
        parts.distributions[key] = parts.codec(codec, precision, net, outputs, levels, shift)

    def prediction(self, codec: str) -> dict[str, Any]:
        levels = self.parts.value("x").range[1] + 1
        if codec == "series":
            return random_series.prediction(self.choose, self.seed)
        if codec == "counted":
            return random_counted.prediction(self.choose, self.seed, levels)
        if codec == "wavefront":
            contexts = {"contexts": 12} if self.choose.of([False, True]) else {}
            about, tensors = random_wavefronts.random_distribution(self.seed, **contexts)
            self.parts.tensors.update(tensors)
            return about
        return {}

    def autoregressive_pixels(self, given: list[str]) -> dict[str, Any]:
        parts, choose = self.parts, self.choose
        features, about = None, {}
        if given:
            net = parts.net("features", given)
            name = net.linear(self.body(net, given, 1), choose.of([2, 1, 4]), choose.of(TOPS))
            features, about = net.values[name], {"network": "features", "outputs": [name]}
        channels = choose.order(range(parts.value("x").channels))
        cut = choose.of(range(len(channels)))
        groups = [group for group in (channels[cut:], channels[:cut]) if group]
        pixels = random_autoregressive(
            parts, features, self.codec, choose.of(self.precisions), choose.of(WINDOWS),
            planes=choose.of([1, 2, 4]), components=choose.of([2, 1, 5]),
            mean_shift=choose.of([2, 0, 9]), hidden=choose.of([5, 33]), groups=groups,
            flat=bool(given) and choose.of([False, True]),
        )  # fmt: skip
        return pixels | about

    def body(self, net: Net, given: list[str], where: int) -> str:
        """A value of bytes at this place that depends on all given values."""
        ends = [net.moved(net.bytes_of(name), where) for name in given]
        of = ends[0]
        for other in ends[1:]:
            of = net.grow("concat", of, other=other)
        of = net.linear(of, self.choose.of([4, 1, 9]))
        for grow in self.choose.of(BODIES):
            of = GROW[grow](net, of)
        return of


COUPLINGS = [(-128, 127), (0, 100), (-5, 5)]
TOPS = [(0, 255), (0, 127), (3, 200)]
WINDOWS = [(1, 1), (2, 3), (8, 1), (3, 8)]


def convolve(net: Net, of: str) -> str:
    if net.values[of].where == ITEM:
        return net.residual(of)
    return net.conv(of, 3, kernel=3)


def down_and_up(net: Net, of: str) -> str:
    """To a coarser grid and back, which drops what is beyond the image."""
    where = net.values[of].where
    if where == ITEM:
        return net.residual(of)
    coarse = net.conv(of, 8, stride=2, kernel=5)
    fine = net.grow("pixel_shuffle", coarse, factor=2)
    return net.grow("concat", net.linear(of, 2), other=fine)


def bend(net: Net, of: str) -> str:
    lo, hi = net.values[of].range
    entries = net.parts.rng.integers(-300, 256, hi - lo + 1).astype(np.int16)
    lowest = net.table(of, entries)
    return net.add(lowest, lowest, (0, 255))


GROW: dict[str, Callable[[Net, str], str]] = {
    "residual": Net.residual, "convolve": convolve, "down and up": down_and_up, "bend": bend,
}  # fmt: skip
BODIES: list[list[str]] = [
    [],
    ["residual"],
    ["convolve"],
    ["down and up"],
    ["bend"],
    ["bend", "residual", "convolve"],
    ["down and up", "convolve"],
]
