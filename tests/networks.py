"""Random layers and networks, as the core has them and as the specification does."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.integer import Values
from bitsback.integer.layers import make_linear
from reference.network import Linear as SpecLinear

SIMD_PATHS: tuple[str, ...] = _core.simd_paths()


def largest_multiplier(bound: int, shift: int) -> int:
    """The largest that docs/model-format.md allows where |acc| <= bound."""
    return min((2**53 - 1 - (1 << (shift - 1))) // max(bound, 1), 2**31 - 1)


def random_linear(
    rng: np.random.Generator,
    inputs: int,
    outputs: int,
    clamp: tuple[int, int],
    extreme: bool = False,
    top: int = 255,
) -> SpecLinear:
    """A layer whose outputs use all of their range; extreme: weights of -127 and 127, |bias| up to
    the bound.
    """
    if extreme:
        weight = rng.choice([-128, -127, 127], (outputs, inputs)).astype(np.int64)
    else:
        weight = rng.integers(-128, 128, (outputs, inputs))
    reach = top * np.abs(weight).sum(axis=1)
    room = 2**31 - 1 - reach
    bias = rng.integers(-room, room + 1) if extreme else rng.integers(-1000, 1001, outputs)
    shift = int(rng.integers(1, 53)) if extreme else 24
    spread = max(1.0, 64 * 74 * inputs**0.5)
    multiplier = np.full(outputs, max(1, int((clamp[1] - clamp[0]) * 2.0**shift / spread)))
    bound = reach + np.abs(bias)
    most = np.array([largest_multiplier(int(b), shift) for b in bound])
    return SpecLinear(weight, bias, np.clip(multiplier, 1, np.maximum(most, 1)), shift, clamp)


def build(spec: SpecLinear, low: int = 0, top: int = 255) -> _core.Linear:
    """The same layer in the core; an engine is chosen when it is built."""
    layer, _ = make_linear(
        "test",
        Values(spec.weight.shape[1], low, top),
        spec.weight.astype(np.int8),
        spec.bias.astype(np.int32),
        spec.multiplier.astype(np.int32),
        spec.shift,
        spec.clamp,
    )
    return layer


@contextmanager
def simd_path(path: str) -> Iterator[None]:
    """Layers that are built meanwhile run on this SIMD path."""
    before = _core.simd()
    _core.set_simd(path)
    try:
        yield
    finally:
        _core.set_simd(before)


def run_on(path: str, spec: SpecLinear, x: NDArray[np.uint8], top: int = 255) -> NDArray[np.int64]:
    """What the core computes on this SIMD path."""
    with simd_path(path):
        return build(spec, top=top)(x).astype(np.int64)
