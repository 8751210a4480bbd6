"""Export networks and distributions to the model file of docs/model-format.md.

The test vectors are the networks' own answers, so reading the file compares the integer engine with
them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.errors import ModelError
from bitsback.models import Model
from bitsback.models.outline import VERSION
from bitsback_train.export.code_lengths import CodeLengths, repeated_lengths, safe_growth
from bitsback_train.export.vectors import TEST_SEED, Draw, digests
from bitsback_train.layers.network import Network
from bitsback_train.layers.network_writer import Tensors
from bitsback_train.layers.rounding import TOP
from bitsback_train.network.context import ContextModule
from bitsback_train.network.context_bytes import seen_planes
from bitsback_train.network.dense import VaeModule
from bitsback_train.network.exact_tables import inverse_scales
from bitsback_train.network.mixtures import MEAN_SHIFT

AnyVae = VaeModule | ContextModule
GAUSSIAN_PRECISION = 24
BATCH = 256
# the batch of a context VAE, which keeps its features in memory: 256 images of 28 x 28
MOST_BATCH_PIXELS = 200_704
_TEST_COUNTS = (4, 2, 1)


@dataclass(frozen=True)
class Card:
    """A model file's description of itself."""

    name: str
    about: str
    licence: str
    item_shape: tuple[int, ...] = ()
    """The shape of its items; None for a size-agnostic model."""


@dataclass(frozen=True)
class Parts:
    """A whole model, except the growth and the size of its batches."""

    card: Card
    variables: Mapping[str, Any]
    networks: Sequence[Network]
    distributions: Mapping[str, Any]
    code: Sequence[str]
    tensors: Tensors
    """Those beside the networks'."""
    tops: Mapping[str, int]
    """The greatest symbol of each variable; other sources have TOP."""

    def fields(
        self, tensors: Tensors, growth: int, batch: int, count: int, tested: bool = True
    ) -> dict[str, Any]:
        """The description; adds the networks' tensors to the others."""
        return {
            "format": "bitsback-model", "version": VERSION,
            "name": self.card.name, "about": self.card.about, "licence": self.card.licence,
            "variables": self.variables,
            "networks": {each.name: each.described(tensors) for each in self.networks},
            "distributions": self.distributions,
            "code": self.code,
            "chain": {"growth": growth, "batch": batch},
            "test": {
                "seed": TEST_SEED, "count": count, "sha256": self.digests(count) if tested else {},
            },
        }  # fmt: skip

    def model(
        self, growth: int, batch: int, count: int | None = None, tested: bool = True
    ) -> Model:
        """The integer model. count: of test items; by default the most within the bounds.

        Raises ModelError if the engine computes something else, or if a bound of the format is
        exceeded.
        """
        tensors = dict(self.tensors)
        fields = self.fields(tensors, growth, batch, count or self._test_count(), tested)
        return Model.build(json.dumps(fields, separators=(",", ":")), tensors, tested=tested)

    def digests(self, count: int) -> dict[str, str]:
        """The digests of the networks' outputs: docs/model-format.md, Test vectors."""
        draw = Draw(count)
        answers = {}
        for network in self.networks:
            values = {}
            for name, shape in network.inputs.items():
                symbols = draw(math.prod(shape), self.tops.get(name, TOP)).astype(np.float64)
                values[name] = torch.from_numpy(symbols).reshape(count, *shape)
            answers[network.name] = {
                name: out.numpy().astype(np.int32) for name, out in network.integers(values).items()
            }
        return digests(answers)

    def _test_count(self) -> int:
        for count in _TEST_COUNTS[:-1]:
            try:
                self.model(1, 1, count, tested=False)
            except ModelError:
                continue
            return count
        return _TEST_COUNTS[-1]

    def grown(
        self, batch: int, symbols: NDArray[Any], seed: int, count: int
    ) -> tuple[Model, CodeLengths]:
        """The model with the growth that at least `count` items allow, of repeated symbols [n,
        elements], and their code lengths.
        """
        lengths = repeated_lengths(self.model(1, batch), symbols, seed, count)
        return self.model(safe_growth(lengths, batch), batch), lengths


def export(module: AnyVae, card: Card, growth: int) -> Model:
    """The integer model that a VAE computes in eval mode. `growth`: see `code_lengths.py`."""
    return vae_parts(module, card).model(growth, chain_batch(module))


def chain_batch(module: AnyVae) -> int:
    """The largest batch of the chain."""
    if isinstance(module, ContextModule):
        return max(1, min(BATCH, MOST_BATCH_PIXELS // module.architecture.pixels))
    return BATCH


def vae_parts(module: AnyVae, card: Card) -> Parts:
    """The model file of a VAE."""
    a = module.architecture
    size = card.item_shape if len(card.item_shape) == 2 else (1, a.pixels)
    networks = module.networks(*size)
    tensors: Tensors = {"posterior.inverse_scale": inverse_scales()}
    posterior = {
        "codec": "gaussian", "precision": GAUSSIAN_PRECISION,
        "network": "posterior", "outputs": ["mean", "scale"],
    }  # fmt: skip
    return Parts(
        card,
        {
            "x": {"channels": 1, "levels": a.levels, "size": size},
            "z": {"channels": a.latents, "bits": a.bits},
        },
        networks,
        {"q(z|x)": posterior, "p(x|z)": _pixels(module, tensors), "p(z)": {"codec": "uniform"}},
        ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"],
        tensors,
        {"x": a.levels - 1, "z": 2**a.bits - 1},
    )


def _pixels(module: AnyVae, tensors: Tensors) -> dict[str, Any]:
    """The codec of the pixels; adds its tensors to the others."""
    likelihood = module.pixel_likelihood
    network = "pixel" if isinstance(module, ContextModule) else "likelihood"
    tensors |= {f"{network}.{name}": tensor for name, tensor in likelihood.tensors().items()}
    shift = {"mean_shift": MEAN_SHIFT} if likelihood.codec == "mixture" else {}
    codec = {
        "codec": likelihood.codec, "precision": likelihood.precision, **shift,
        "network": network, "outputs": list(likelihood.outputs),
    }  # fmt: skip
    if not isinstance(module, ContextModule):
        return codec
    a = module.architecture
    tensors["x.planes"] = seen_planes(a.levels).numpy()
    group = {"channels": [0], **codec}
    if module.flat:
        tensors["x.flat"] = (np.arange(a.levels) < a.flat_levels).astype(np.uint8)
        group["flat"] = {"network": "flat", "outputs": codec["outputs"]}
    return {
        "codec": "autoregressive", "order": "raster", "window": [a.above, a.side],
        "network": "likelihood", "outputs": ["features"], "groups": [group],
    }  # fmt: skip
