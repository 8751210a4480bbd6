"""Arrays and pictures of any size, depth and number of planes, coded by a model that is free."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from plane_models import SpecStandIn, StandIn, ship
from reference import archive as spec

from .conftest import Pipe, assert_same, unpack


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return ship(monkeypatch)


def smooth(dtype: str, *shape: int, step: int = 1, seed: int = 0, axis: int = -1) -> NDArray[Any]:
    """Values that differ little from their neighbours."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-2, 3, shape)
    return (np.cumsum(steps, axis) * step).astype(dtype)


def packed(array: NDArray[Any], **options: Any) -> tuple[bytes, Any]:
    stream = io.BytesIO()
    summary = bitsback.compress(array, stream, **options)
    return stream.getvalue(), summary


ARRAYS = {
    "grey": smooth("u1", 40, 50),
    "large": smooth("u1", 1500, 1100),
    "colour": smooth("u1", 60, 70, 3, axis=1),
    "many": smooth("u1", 12, 40, 30),
    "many in colour": smooth("u1", 12, 40, 30, 3, axis=2),
    "depth of 12 bits": smooth("<u2", 300, 200) % 4096,
    "big-endian": smooth(">u2", 300, 200),
    "signed": smooth("i1", 90, 80),
    "signed and big-endian": smooth(">i2", 90, 80, step=100),
    "with gaps": smooth("<u2", 300, 200, step=7),
    "few levels": smooth("u1", 300, 200, step=16),
    "two values": smooth("u1", 300, 200) > 128,
    "planes": smooth("u1", 60, 70, 9),
    "volumes": smooth("<i2", 3, 10, 40, 30),
    "floats": smooth("<f4", 40, 50),
    "one row": smooth("u1", 1, 3000),
    "one column": smooth("u1", 3000, 1),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("options", [{}, {"tile": 16}, {"block": 1}, {"stack": True}])
def test_any_array_comes_back(name: str, options: dict[str, Any], model: StandIn) -> None:
    array = ARRAYS[name]
    if name == "large" and "tile" in options:
        array = array[:100]
    archive, summary = packed(array, **options)
    if name not in ("floats", "two values", "planes", "volumes") and not options:
        assert summary.methods["planes"] == summary.blocks
    assert_same(unpack(archive), array)
    assert_same(bitsback.decompress(Pipe(archive)), array)
    opened = bitsback.open(io.BytesIO(archive))
    assert opened.verify() == [] and opened.shape == array.shape and len(opened) == len(array)
    assert_same(opened[...], array)
    if array.size < 20_000:
        assert_same(spec.decode(archive, [SpecStandIn(model.identity)]), array)
    rng = np.random.default_rng(1)
    for _ in range(5):
        key = tuple(
            slice(*sorted(rng.integers(0, size + 1, 2).tolist()), int(rng.integers(1, 4)))
            for size in array.shape[: rng.integers(0, array.ndim + 1)]
        )
        assert_same(opened[key], np.asarray(array[key], order="C"))
        one = tuple(int(rng.integers(-size, size)) for size in array.shape[:2])
        assert_same(opened[one], np.array(array[one], array.dtype))
