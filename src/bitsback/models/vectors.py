"""Test vectors: what a model's networks must compute on this machine too, docs/model-format.md."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer import Network
from bitsback.integer.fields import Fields
from bitsback.models.context import PixelsInContext
from bitsback.models.independent import IndependentPixels
from bitsback.models.outline import Outline
from bitsback.models.posterior import Posterior

_MOST_ELEMENTS = 1 << 28
"""Of all values of a network together, for a batch and for the items of the test."""


def check(
    top: Fields,
    outline: Outline,
    posterior: Posterior,
    likelihood: IndependentPixels | PixelsInContext,
) -> None:
    """Compares the networks with the field `test` of a description. Raises ModelError if they
    differ, or are so large that running them would take all memory.
    """
    test = top.object("test")
    seed, count = test.integer("seed", 0, (1 << 64) - 1), test.integer("count", 1, 16)
    digests = test.object("sha256")
    expected = [digests.text(output) for output in ("mean", "scale", *likelihood.output_names)]
    for fields in (digests, test):
        fields.done()
    networks = {"posterior": posterior.network, **likelihood.networks}
    for name, network in networks.items():
        if network.elements * max(outline.batch, count) > _MOST_ELEMENTS:
            raise ModelError(
                f"{name}: its values have more than 2^28 elements for a batch; the model needs a"
                " smaller one"
            )
    if digest_outputs(**networks, seed=seed, count=count) != expected:
        raise ModelError(
            f"the model {outline.name} does not compute on this machine what it computed where it"
            " was made: the file is damaged, or please report this with the output of  python -m"
            " platform"
        )


def digest_outputs(
    posterior: Network, likelihood: Network, seed: int, count: int, pixel: Network | None = None
) -> list[str]:
    """SHA-256 (hex) of the outputs of the networks on the vectors of `count` items that `seed`
    gives.

    pixel: the network of a `context-vae` that goes from pixel to pixel.
    """
    outputs: list[NDArray[Any]] = []
    taken = 0
    for network in (posterior, likelihood, pixel):
        if network is None:
            continue
        values = network.source
        size = count * values.width
        words = _core.splitmix64(seed, taken, size) >> np.uint64(32)
        taken += size
        source = (words % np.uint64(values.high - values.low + 1)).astype(np.uint16) + np.uint16(
            values.low
        )
        outputs += network(source.reshape(count, values.width))
    return [hashlib.sha256(output.astype("<i4").tobytes()).hexdigest() for output in outputs]
