"""Random layers and networks, as the core has them and as the specification does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.models.integer import Activations, Network, Size
from bitsback.models.integer.fields import Fields, TensorReader
from reference.layers import Linear as SpecLinear
from reference.values import Value

SIMD_PATHS: tuple[str, ...] = _core.simd_paths()


def largest_multiplier(bound: int, shift: int) -> int:
    """The largest multiplier that docs/model-format.md allows for |acc| <= bound."""
    return min((2**53 - 1 - (1 << (shift - 1))) // max(bound, 1), 2**31 - 1)


def random_linear(
    rng: np.random.Generator,
    inputs: int,
    outputs: int,
    clamp: tuple[int, int],
    extreme: bool = False,
    top: int = 255,
) -> SpecLinear:
    """A layer whose outputs use their whole range; extreme: weights of -127 and 127, |bias| up to
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
    """Builds the layer in the core, which chooses an engine for it."""
    tensors: dict[str, NDArray[Any]] = {
        "net.test.weight": spec.weight.astype(np.int8),
        "net.test.bias": spec.bias.astype(np.int32),
        "net.test.multiplier": spec.multiplier.astype(np.int32),
    }
    about = {"op": "linear", "name": "test", "input": "x", "shift": spec.shift}
    layers = [about | {"clamp": list(spec.clamp)}]
    source = Value(spec.weight.shape[1], 1, (low, top))
    linear = read_network(layers, tensors, {"x": source}, None).layers["test"].fields["linear"]
    assert isinstance(linear, _core.Linear)
    return linear


def read_network(
    layers: list[Any],
    tensors: Mapping[str, NDArray[Any]],
    sources: Mapping[str, Value],
    size: Size | None,
    test_size: Size = (4, 5),
) -> Network:
    """The network `net` as the program reads it."""
    known = {
        name: Activations(source.where, source.channels, *source.range)
        for name, source in sources.items()
    }
    fields = Fields({"layers": layers}, "net")
    return Network.read("net", fields, TensorReader(tensors), known, size, size or test_size)


@contextmanager
def engine(path: str) -> Iterator[None]:
    """Layers built in this context compute on this SIMD path."""
    before = _core.simd()
    _core.set_simd(path)
    try:
        yield
    finally:
        _core.set_simd(before)


def run_on(path: str, spec: SpecLinear, x: NDArray[np.uint8], top: int = 255) -> NDArray[np.int64]:
    """The core's result on this SIMD path."""
    with engine(path):
        return build(spec, top=top)(x).astype(np.int64)
