"""Series and tables: arrays of one dimension, and rows of a few columns."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.coding.layouts import SERIES, shape_of_each
from bitsback.format.runs import Run
from bitsback.format.value_range import find_value_range
from bundled_models import spec_model
from in_memory import pack, packed, unpack
from reference import archive as spec

from .conftest import assert_same

DTYPES = ("|u1", "|i1", "<u2", "<i2", ">i2", "|b1")


def models_of(archive: bytes) -> list[str]:
    with bitsback.open(io.BytesIO(archive)) as opened:
        return [model["name"] for model in opened.info()["models"]]


def tone(steps: int, columns: int = 0, seed: int = 0) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    shape = (steps, columns) if columns else (steps,)
    time = np.arange(steps).reshape(-1, *(1,) * (len(shape) - 1))
    return (3000 * np.sin(time / 11) + rng.normal(0, 5, shape)).astype(np.int16)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("steps", [0, 1, 2, 97])
@pytest.mark.parametrize("columns", [0, 1, 3])
def test_any_series_comes_back(dtype: str, steps: int, columns: int) -> None:
    rng = np.random.default_rng(steps)
    shape = (steps, columns) if columns else (steps,)
    kind = np.dtype(dtype)
    low, high = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    for array in (
        np.full(shape, high, kind),
        rng.integers(low, high + 1, shape).astype(kind),
        (np.cumsum(rng.integers(-1, 2, shape), 0) % 64).astype(kind),
    ):
        archive = pack(array)
        assert_same(unpack(archive), array)


@pytest.mark.parametrize("array", [tone(500), tone(300, 2), tone(400, 13)], ids=lambda x: x.ndim)
def test_a_series_is_coded_by_the_model_for_series(array: NDArray[Any]) -> None:
    archive, summary = packed(array)
    assert summary.methods["model"] == summary.blocks == 1
    assert models_of(archive) == ["series"]
    assert len(archive) < array.nbytes * 0.6
    assert_same(unpack(archive), array)
    with bitsback.open(io.BytesIO(archive)) as opened:
        assert opened.verify() == [] and len(opened) == len(array)
        assert_same(opened[[7, 3], ...], array[[7, 3], ...])
        assert_same(opened[5:80:7], array[5:80:7])


def test_the_specification_reads_it() -> None:
    array = tone(60, 2)
    archive = pack(array, model="series")
    assert_same(spec.decode(archive, [spec_model("series")]), array)


def test_blocks_of_a_series_are_series_of_their_own() -> None:
    array = tone(1000)
    archive, summary = packed(array, block=300)
    assert summary.blocks == 4
    assert_same(unpack(archive), array)


def test_a_table_is_what_has_many_rows_and_few_columns() -> None:
    for rows, columns, series in (
        (40, 10, True),
        (39, 10, False),
        (300, 64, True),
        (300, 65, False),
    ):
        array = tone(rows, columns)
        archive = pack(array)
        assert_same(unpack(archive), array)
        with bitsback.open(io.BytesIO(archive)) as opened:
            assert opened.info()["whole"] != series


def test_a_model_for_images_sees_an_image() -> None:
    array = tone(200, 2)
    archive = pack(array, model="universal-16")
    assert models_of(archive) == ["universal-16"]
    assert_same(unpack(archive), array)


def test_the_model_for_series_codes_no_images() -> None:
    with pytest.raises(bitsback.InputError, match="series of a few columns"):
        pack(np.zeros((30, 40, 50), np.uint8), model="series")


def test_pictures_are_not_tried_as_series() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    picture = (2 * rows + columns + rng.integers(0, 9, (64, 64))).astype(np.uint8)
    archive = pack(picture)
    assert models_of(archive) == ["universal"]


def test_rows_without_an_order_are_no_series() -> None:
    array = tone(200, 2)
    archive = pack(array, unordered=True)
    assert sorted(map(tuple, unpack(archive).tolist())) == sorted(map(tuple, array.tolist()))


def test_values_far_apart_are_ranks_and_gaps_far_out_are_not() -> None:
    rng = np.random.default_rng(0)
    scaled = np.rint(rng.normal(0, 40, 5000)).astype(np.int16) * 7
    found = find_value_range(scaled, near=True)
    assert found is not None and found.occurring is not None
    noise = np.clip(rng.laplace(0, 2000, 60_000), -30_000, 30_000).astype(np.int16)
    for near, ranks in ((True, False), (False, True)):
        found = find_value_range(noise, near=near)
        assert found is not None and (found.occurring is not None) == ranks


def test_a_step_with_two_axes_is_refused() -> None:
    for shape in ((3, 4), (0,)):
        with pytest.raises(bitsback.ArchiveError, match="cannot be steps of a series"):
            shape_of_each([Run(5, np.dtype("u1"), shape, None)], SERIES)
