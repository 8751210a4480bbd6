"""Arrays and pictures of any size, depth and number of planes, coded by a size-agnostic model."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.format.layout import Cursor
from bitsback.format.value_range import ValueRange, find_value_range
from in_memory import Pipe, pack, packed, unpack
from plane_models import SpecStandIn, StandIn, ship
from reference import archive as spec

from .conftest import assert_same


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return ship(monkeypatch)


def smooth(dtype: str, *shape: int, step: int = 1, seed: int = 0, axis: int = -1) -> NDArray[Any]:
    """Values that differ little from their neighbours."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-2, 3, shape)
    return (np.cumsum(steps, axis) * step).astype(dtype)


ARRAYS = {
    "grey": smooth("u1", 40, 50),
    "large": smooth("u1", 1030, 1040),
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
    "bytes that are no bool": (smooth("u1", 90, 80) % 7).view(bool),
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
        assert summary.methods["model"] == summary.blocks
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
        assert_same(opened[one], array[one])


def test_progress_within_one_image(model: StandIn) -> None:
    """By elements; a sample counts five times."""
    seen: list[tuple[int, int]] = []

    def check_progress(seen: list[tuple[int, int]]) -> None:
        assert len(seen) == 9 and {total for _, total in seen} == {5 * ARRAYS["large"].size}
        assert seen[-1][0] == seen[-1][1]
        assert sorted({done for done, _ in seen}) == [done for done, _ in seen]

    archive = pack(
        ARRAYS["large"],
        tile=512,
        block=1,
        threads=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    check_progress(seen)
    seen.clear()
    unpack(archive, threads=1, progress=lambda done, total: seen.append((done, total)))
    check_progress(seen)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("stack", [True, False])
def test_files_of_large_arrays(
    tmp_path: Path, order: Literal["C", "F"], stack: bool, model: StandIn
) -> None:
    volume = smooth("<u2", 34, 40, 35, axis=0)
    array = np.asarray(volume, order=order)
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", a=array, b=array[0], c=np.arange(5))
    for name in ("x.npy", "x.npz"):
        bitsback.compress(tmp_path / name, tmp_path / "x.bb", tile=32, stack=stack, force=True)
        bitsback.decompress(tmp_path / "x.bb", tmp_path / ("y" + name[1:]), force=True)
        with (tmp_path / "x.npy").open("rb") as pipe:
            if name == "x.npy":
                other = io.BytesIO()
                bitsback.compress(Pipe(pipe.read()), other, tile=32, stack=stack)
                assert other.getvalue() == (tmp_path / "x.bb").read_bytes()
    assert_same(np.load(tmp_path / "y.npy"), volume)
    with np.load(tmp_path / "y.npz") as arrays:
        assert_same(arrays["a"], volume)
        assert_same(arrays["b"], volume[0])
        assert_same(arrays["c"], np.arange(5))
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.info()["parts"][0]["cut"] == ([32, 32, 32] if stack else [32, 32])
        assert_same(archive["a"][3:5, ::7, 9], np.ascontiguousarray(volume[3:5, ::7, 9]))


def test_values_that_are_mapped() -> None:
    rng = np.random.default_rng(0)
    for dtype in ("|u1", "|i1", "<u2", ">u2", "<i2", ">i2", "|b1"):
        for values in ([0, 1], [3, 100], range(0, 120, 4), range(100), [-5, 7, 90]):
            fit = [value for value in values if value >= 0 or "i" in dtype]
            elements = rng.choice(np.array(fit), 500).astype(dtype)
            if (elements == elements[0]).all():
                continue
            found = find_value_range(elements)
            if found is None:
                assert dtype == "|u1"
                continue
            symbols = found.to_symbols(elements)
            assert symbols.max() < found.levels <= found.span
            assert_same(found.from_symbols(symbols), elements)
            again = ValueRange.unpack(
                Cursor(found.pack()), found.dtype, found.occurring is not None
            )
            assert again == found and again.levels == found.levels
    gaps = (rng.integers(0, 600, 100_000) * 100).astype("<u2")
    found = find_value_range(gaps)
    assert found is not None and found.occurring is not None and found.levels == 600
    assert len(found.pack()) < 200
    few = rng.integers(0, 65536, 300, np.uint16)
    found = find_value_range(few)
    assert found is not None and found.occurring is None
