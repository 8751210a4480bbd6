"""Pictures that once were JPEG files: their colours are a quarter of all, so blue is cheaper."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import ArchiveError
from bitsback.coding import layouts
from bitsback.coding.block import read_header
from bitsback.format.layout import Cursor
from bitsback.format.runs import Run, pack_runs, read_runs
from bitsback.format.value_range import JpegColours
from bitsback.models import bundled
from bundled_models import spec_model
from in_memory import pack, unpack
from reference import archive as spec

from .conftest import assert_same
from .golden.make import jpeg_colours


def photograph(*shape: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(0, [6, 4, 4], (*shape, 3))
    slope = np.add.outer(np.arange(shape[-2]), np.arange(shape[-1]))[..., None] * [1, 0.2, -0.2]
    return jpeg_colours(np.clip(noise + slope + [60, 120, 130], 0, 255).astype(np.uint8))


@pytest.mark.parametrize("shape", [(64, 90), (3, 40, 30)])
@pytest.mark.parametrize("options", [{}, {"tile": 32}, {"block": 1}, {"unordered": True}])
def test_they_come_back(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    images = photograph(*shape)
    if len(shape) == 2 and "unordered" in options:
        images = images[None]
    archive = pack(images, model="universal", **options)
    restored = unpack(archive)
    if "unordered" not in options:
        assert_same(restored, images)
    other = images.copy()
    other[..., 0, 0, :] = 10, 200, 10  # no colour of JPEG
    assert len(archive) < 0.92 * len(pack(other, model="universal", **options))


def test_the_specification_reads_them() -> None:
    images = photograph(2, 9, 12)
    archive = pack(images, model="universal", block=1)
    assert_same(spec.decode(archive, [spec_model("universal")]), images)


def test_they_come_back_alone() -> None:
    image = photograph(40, 50)
    block = bitsback.encode(image)
    assert_same(bitsback.decode(block), image)
    assert len(block) < 0.92 * len(bitsback.encode(np.ascontiguousarray(image[..., ::-1])))


def test_two_values_and_few_values_stay_what_they_are() -> None:
    for grey in (np.array([0, 255]), np.arange(0, 256, 16)):
        values = np.random.default_rng(0).choice(grey, (40, 50)).astype(np.uint8)
        image = np.repeat(values[..., None], 3, 2)
        assert_same(unpack(pack(image, model="universal")), image)


@pytest.mark.parametrize(
    ("model", "dtype", "shape", "layout"),
    [
        ("graphics", "|u1", (4, 5, 3), layouts.PICTURES),
        ("series", "|u1", (3,), layouts.SERIES),
        ("mnist-paper", "|u1", (28, 28), layouts.PICTURES),
        ("universal", "|u1", (4, 5), layouts.PICTURES),
        ("universal", "|u1", (4, 5, 4), layouts.PICTURES),
        ("universal", "|u1", (2, 4, 3), layouts.STACKS),
        ("universal", "|i1", (4, 5, 3), layouts.PICTURES),
    ],
)
def test_where_they_cannot_be(model: str, dtype: str, shape: tuple[int, ...], layout: int) -> None:
    run = Run(2, np.dtype(dtype), shape, JpegColours())
    with pytest.raises(ArchiveError, match="JPEG"):
        layouts.item_shapes(bundled.outline(model), [run], layout)


def test_of_a_method_without_a_model_they_are_refused() -> None:
    runs = pack_runs([Run(1, np.dtype("|u1"), (1, 1, 3), JpegColours())] * 2)
    assert all(run.value_map == JpegColours() for run in read_runs(Cursor(memoryview(runs))))
    with pytest.raises(ArchiveError, match="does not use"):
        read_header(memoryview(bytes([0, *runs, 0]) + bytes(6)))
