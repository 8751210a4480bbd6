"""`--fast` codes pictures of any size with fast models, never larger than PNG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.models import bundled
from bundled_models import spec_model
from in_memory import pack, unpack
from reference import archive as spec

from .conftest import assert_same

FAST, WIDE = "universal-fast", "universal-16"
"""Those for up to 256 levels, and for more."""


def photograph(shape: tuple[int, ...], levels: int) -> NDArray[Any]:
    """Light that falls softly on rough ground, the same in all channels but for some noise."""
    random = np.random.default_rng(len(shape))
    y, x = np.indices(shape[:2])
    rough = random.normal(0, 1, shape[:2])
    for _ in range(2):
        rough = (rough + np.roll(rough, 1, 0) + np.roll(rough, 1, 1) + np.roll(rough, -1, 1)) / 3
    light = 0.5 + 0.25 * np.sin(x / 31) * np.cos(y / 23) + 0.05 * rough
    light = light.reshape(*shape[:2], *[1] * (len(shape) - 2))
    values = light + random.normal(0, 0.004, shape)
    return np.clip(values * levels, 0, levels - 1).astype(np.uint8 if levels <= 256 else np.uint16)


PHOTOGRAPHS = {
    "grey": photograph((96, 120), 256),
    "colour": photograph((52, 64, 3), 256),
    "colour and alpha": photograph((44, 52, 4), 256),
    "16 bits": photograph((90, 110), 65_536),
    "12 bits": photograph((90, 110), 4_096),
}


def model_of(picture: NDArray[Any]) -> str:
    return FAST if picture.dtype == np.uint8 else WIDE


def size_of(picture: NDArray[Any], kind: str, **options: Any) -> int:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind, **options)
    return len(stream.getvalue())


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_smaller_than_with_png_and_webp(name: str) -> None:
    picture = PHOTOGRAPHS[name]
    summary = bitsback.compress(picture, io.BytesIO(), model="fast")
    model = model_of(picture)
    assert (summary.model, summary.model_bytes) == (model, 0)
    assert summary.bytes_out < 0.95 * size_of(picture, "PNG", optimize=True)
    if picture.dtype == np.uint8:
        assert summary.bytes_out < size_of(picture, "WebP", lossless=True, quality=100, method=6)
    archive = pack(picture, model="fast")
    assert archive == pack(picture, model=model)
    assert_same(unpack(archive), picture)
    part = picture[:16, :24]  # the specification takes long
    assert_same(spec.decode(pack(part, model=model), [spec_model(model)]), part)


@pytest.mark.parametrize("effort", ["auto", "best"])
def test_it_is_for_those_who_ask_for_it_alone(effort: str) -> None:
    summary = bitsback.compress(PHOTOGRAPHS["colour"], io.BytesIO(), model=effort)
    assert summary.model not in (None, FAST)


def test_stacks_and_many_pictures() -> None:
    noise = np.random.default_rng(0).integers(0, 40, (6, 90, 110)).astype(np.uint16)
    stack = PHOTOGRAPHS["12 bits"] + noise
    summary = bitsback.compress(stack, io.BytesIO(), model="fast", stack=True)
    assert summary.model == WIDE
    assert_same(unpack(pack(stack, model="fast", stack=True)), stack)
    narrow = (stack >> 5).astype(np.uint8)
    summary = bitsback.compress(narrow, io.BytesIO(), model="fast", stack=True)
    assert summary.model == FAST
    assert_same(unpack(pack(narrow, model="fast", stack=True)), narrow)
    tiles = PHOTOGRAPHS["grey"].reshape(6, 16, 6, 20).swapaxes(1, 2).reshape(36, 16, 20)
    archive = pack(tiles, model="fast", block=10)
    opened = bitsback.open(io.BytesIO(archive))
    assert [model["name"] for model in opened.info()["models"]] == [FAST]
    assert_same(opened[23], tiles[23])


def test_what_deflate_makes_smaller_has_no_model() -> None:
    again = np.tile(np.random.default_rng(0).integers(0, 256, (30, 40), np.uint8), (20, 3))
    summary = bitsback.compress(again, io.BytesIO(), model="fast")
    assert (summary.model, summary.methods["fallback"]) == (None, 1)


def test_arrays_alone_name_it() -> None:
    picture = PHOTOGRAPHS["16 bits"]
    data = bitsback.encode(picture, model=WIDE)
    assert_same(bitsback.decode(data), picture)
    assert len(data) < 0.9 * size_of(picture, "PNG", optimize=True)


@pytest.mark.parametrize("step", [1, -1])
def test_items_of_few_and_of_many_levels(step: int) -> None:
    rng = np.random.default_rng(0)
    items = rng.integers(0, 30, (12, 60, 70)).cumsum(axis=2) // 16
    items[6:] = items[6:] * 40 + rng.integers(0, 30, items[6:].shape)
    array = items[::step].astype(np.uint16)
    options: dict[str, Any] = {"model": "fast", "block": 3, "stack": False}
    summary = bitsback.compress(array, io.BytesIO(), **options)
    assert summary.methods["model"] == summary.blocks == 4
    assert_same(unpack(pack(array, **options)), array)


def test_it_is_small() -> None:
    assert bundled.size(FAST) < 20_000
    assert bundled.load(FAST).wavefront
