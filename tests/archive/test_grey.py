"""A model of more than two levels codes bytes as they are."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import bitsback
from random_models import random_model

from .conftest import assert_same, pack, unpack

LEVELS, SHAPE = 40, (4, 5)


@pytest.fixture(scope="module")
def grey() -> bitsback.Model:
    """A model in which each level is half as likely as the one below it, for every latent."""
    description, tensors = random_model(
        shape=SHAPE, latents=1, bits=8, likelihood="exponential", levels=LEVELS,
        likelihood_precision=20,
    )  # fmt: skip
    tensors["posterior.inverse_scale"] = np.full(256, 70000, np.uint32)
    tensors["likelihood.base"] = (np.arange(LEVELS) * -800).astype(np.int16)
    for name in ("first", "second"):
        tensors[f"likelihood.{name}_statistic"] = np.zeros(LEVELS, np.int16)
    return bitsback.Model.build(json.dumps(json.loads(description) | {"name": "grey"}), tensors)


def test_bytes_are_symbols(grey: bitsback.Model) -> None:
    array = (np.random.default_rng(0).geometric(0.45, (200, *SHAPE)) - 1).astype(np.uint8)
    assert array.max() < LEVELS
    stream = io.BytesIO()
    summary = bitsback.compress(array, stream, model=grey, block=60, embed="never")
    assert summary.methods["model"] == 4
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
