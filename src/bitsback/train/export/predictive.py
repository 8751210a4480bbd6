"""From the twin of a free model to its model file."""

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback import _core
from bitsback.models import Model
from bitsback.models.item_choice import build_with_items
from bitsback.models.outline import VERSION
from bitsback.train.export.exporter import Card
from bitsback.train.export.network_fields import NetworkDescription, Tensors
from bitsback.train.quantise.exact_tables import (
    exponentials,
    inverse_unit_scales,
    seen_differences,
)
from bitsback.train.quantise.rounding import TOP
from bitsback.train.twins.predictive import Places, PredictiveTwin
from bitsback.train.twins.relative import MEAN_SHIFT, OUTPUTS, PRECISION

LEVELS = 65_536
TEST_SEED = 1
TEST_COUNT = 16

Answers = dict[str, NDArray[np.int32]]
"""By the name of the output, int32 [n, components]."""


def export_predictive(
    twin: PredictiveTwin, starts: list[NDArray[np.int32]], card: Card, levels: int = LEVELS
) -> Model:
    """The integer model that `twin` computes in eval mode.

    starts: the start matrices of each predictor, int32 [3, entries]. levels: the most that it is to
    code. The test vectors of the network are the twin's own answers. Raises ModelError if the
    integer engine differs from them.
    """
    return build_with_items(*described(twin, starts, card, levels))


def described(
    twin: PredictiveTwin, starts: list[NDArray[np.int32]], card: Card, levels: int = LEVELS
) -> tuple[dict[str, Any], Tensors]:
    """The description, without test items, and the tensors of that model."""
    a = twin.architecture
    tensors: Tensors = {
        "x.see": seen_differences(),
        "pixel.exponential": exponentials(),
        "pixel.inverse_scale": inverse_unit_scales(),
    }
    tensors |= {f"x.start.{number}": start for number, start in enumerate(starts)}
    pixel = NetworkDescription("pixel", "context", tensors)
    hidden = pixel.linear("hidden", "context", twin.pixel[0])
    hidden = pixel.residuals("hidden", hidden, twin.pixel[1:])
    for name, layer in twin.output_layers().items():
        pixel.linear(name, hidden, layer)
    predictors = [
        {"cell": one.cell, "decay": one.decay, "ridge": one.ridge, **_offsets(one.places)}
        for one in a.predictors
    ]
    description = {
        "format": "bitsback-model", "version": VERSION,
        "name": card.name, "about": card.about, "licence": card.licence,
        "variables": {"x": {"planes": "any", "levels": levels}},
        "networks": {pixel.name: pixel.described()},
        "distributions": {
            "p(x)": {
                "codec": "predictive", "precision": PRECISION, "mean_shift": MEAN_SHIFT,
                "predictors": predictors, "window": _offsets(a.window),
                "network": pixel.name, "outputs": list(OUTPUTS),
            },
        },
        "code": ["push x ~ p(x)"],
        "chain": {"growth": 256, "batch": 1},
        "test": {
            "seed": TEST_SEED, "count": TEST_COUNT, "size": [1, 1],
            "sha256": vector_digests(twin),
        },
    }  # fmt: skip
    return description, tensors


@torch.no_grad()
def pixel_integers(twin: PredictiveTwin, context: NDArray[np.uint8]) -> Answers:
    """The outputs of the network `pixel`, for contexts [n, width]."""
    outputs = twin(torch.from_numpy(context))
    return {
        name: grid.integers(output).numpy().astype(np.int32)
        for (name, grid), output in zip(OUTPUTS.items(), outputs, strict=True)
    }


def vector_digests(twin: PredictiveTwin) -> dict[str, str]:
    """The `sha256` of the test vectors: docs/model-format.md, Test vectors."""
    width = twin.architecture.width
    words = _core.splitmix64(TEST_SEED, 0, TEST_COUNT * width) >> np.uint64(32)
    context = (words % np.uint64(TOP + 1)).astype(np.uint8).reshape(TEST_COUNT, width)
    return {
        f"pixel.{name}": hashlib.sha256(output.astype("<i4").tobytes()).hexdigest()
        for name, output in pixel_integers(twin, context).items()
    }


def _offsets(places: Places) -> dict[str, Any]:
    return {"own": places.own, "first": places.first, "second": places.second}
