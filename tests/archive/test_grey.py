"""A model of more than two levels codes bytes as they are."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from bitsback.models.vae import digest_outputs
from numpy.typing import NDArray

import bitsback
from bitsback.integer import Network, Values

from .conftest import assert_same, pack, unpack

LEVELS, SHAPE, LATENTS, BITS = 40, (4, 5), 1, 8


@pytest.fixture(scope="module")
def grey() -> bitsback.Model:
    """Each level is half as likely as the one below it, whatever the latent."""
    tensors: dict[str, NDArray[Any]] = {
        "posterior.inverse_scale": np.full(256, 70000, np.uint32),
        "likelihood.base": (np.arange(LEVELS) * -800).astype(np.int16),
        **{
            f"likelihood.{name}_statistic": np.zeros(LEVELS, np.int16)
            for name in ("first", "second")
        },
        **{f"likelihood.{name}_value": np.zeros(2, np.int16) for name in ("first", "second")},
    }

    def constant(network: str, name: str, source: str, sizes: tuple[int, int]) -> dict[str, Any]:
        tensors[f"{network}.{name}.weight"] = np.zeros(sizes, np.int8)
        tensors[f"{network}.{name}.bias"] = np.zeros(sizes[0], np.int32)
        tensors[f"{network}.{name}.multiplier"] = np.ones(sizes[0], np.int32)
        return {"op": "linear", "name": name, "input": source, "shift": 1, "clamp": [0, 1]}

    pixels = int(np.prod(SHAPE))
    networks = {
        "posterior": [
            constant("posterior", name, "x", (LATENTS, pixels)) for name in ("mean", "scale")
        ],
        "likelihood": [
            constant("likelihood", name, "z", (pixels, LATENTS)) for name in ("first", "second")
        ],
    }
    bit = Values(LATENTS, 0, 1)
    posterior = Network.build(
        "posterior",
        networks["posterior"],
        tensors,
        "x",
        Values(pixels, 0, LEVELS - 1),
        {"mean": bit, "scale": bit},
    )
    bit = Values(pixels, 0, 1)
    likelihood = Network.build(
        "likelihood",
        networks["likelihood"],
        tensors,
        "z",
        Values(LATENTS, 0, 255),
        {"first": bit, "second": bit},
    )
    digests = digest_outputs(posterior, likelihood, 1, 1)
    description = {
        "format": "bitsback-model", "version": 0, "name": "grey", "about": "", "licence": "",
        "architecture": "vae",
        "item": {"shape": SHAPE, "levels": LEVELS}, "chain": {"growth": 96, "batch": 8},
        "latent": {"count": LATENTS, "bits": BITS},
        "posterior": {"codec": "gaussian", "precision": 24, "network": networks["posterior"]},
        "likelihood": {"codec": "exponential", "precision": 20, "network": networks["likelihood"]},
        "test": {
            "seed": 1, "count": 1,
            "sha256": dict(zip(("mean", "scale", "first", "second"), digests, strict=True))
        },
    }  # fmt: skip
    return bitsback.Model.build(json.dumps(description), tensors)


def test_bytes_are_symbols(grey: bitsback.Model) -> None:
    array = (np.random.default_rng(0).geometric(0.45, (200, *SHAPE)) - 1).astype(np.uint8)
    assert array.max() < LEVELS
    stream = io.BytesIO()
    summary = bitsback.compress(array, stream, model=grey, block=60, embed="never")
    assert summary.methods["chain"] == 4
    assert summary.bytes_out < array.size / 8 * 3
    assert_same(unpack(stream.getvalue(), model=grey), array)
    assert_same(bitsback.open(io.BytesIO(stream.getvalue()), model=grey)[70], array[70])
    two = np.minimum(array, 1)
    assert_same(unpack(pack(two, model=grey)), two)


def test_items_that_it_does_not_code(grey: bitsback.Model) -> None:
    array = np.zeros((3, *SHAPE), np.uint8)
    array[0, 0, 0] = LEVELS
    with pytest.raises(bitsback.InputError, match="grey codes, the values 0 to 39 as uint8"):
        pack(array, model=grey)
    with pytest.raises(bitsback.InputError, match="as uint8"):
        pack(array.astype(np.int32), model=grey)
    later = np.zeros((9, *SHAPE), np.uint8)
    later[8] = 255
    assert_same(unpack(pack(later, model=grey, block=3)), later)
