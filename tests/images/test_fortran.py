"""Arrays in Fortran order: items lie scattered over the file, and reading takes bounded memory."""

from __future__ import annotations

import io
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.files import npy
from in_memory import Pipe

SHAPES = [(40, 5, 3), (1, 7), (7, 1), (0, 3), (3, 0), (2, 3, 4, 5), (1000, 2)]


def array_of(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    values = np.random.default_rng(0).integers(0, 250, shape).astype(dtype)
    return np.asfortranarray(values)


@pytest.mark.parametrize("window", [1, 100, 1 << 26])
@pytest.mark.parametrize("shape", SHAPES)
def test_they_come_back(
    tmp_path: Path, shape: tuple[int, ...], window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy, "_WINDOW", window)
    array = array_of(shape, ">i2")
    np.save(tmp_path / "x.npy", array)
    np.savez_compressed(tmp_path / "x.npz", a=array)
    data = (tmp_path / "x.npy").read_bytes()
    for source in (tmp_path / "x.npy", Pipe(data)):
        out = io.BytesIO()
        bitsback.compress(source, out, block=7)  # type: ignore[arg-type]
        restored = bitsback.decompress(io.BytesIO(out.getvalue()))
        assert restored.dtype.str == ">i2" and np.array_equal(restored, array)
    bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert np.array_equal(archive["a"], array)


def test_an_array_that_is_one_item(tmp_path: Path) -> None:
    array = np.asfortranarray(np.random.default_rng(0).integers(0, 2, (28, 28)).astype(bool))
    np.save(tmp_path / "x.npy", array)
    out = io.BytesIO()
    assert bitsback.compress(tmp_path / "x.npy", out).items == 1
    assert np.array_equal(bitsback.decompress(io.BytesIO(out.getvalue())), array)


def test_a_file_that_is_cut_short_while_it_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array_of((4000, 50, 20), "u1"))

    def cut(done: int, total: int) -> None:
        os.truncate(tmp_path / "x.npy", 10_000)

    with (
        pytest.MonkeyPatch.context() as patched,
        pytest.raises(bitsback.InputError, match=r"x\.npy: was cut short while it was read"),
    ):
        patched.setattr(npy, "_WINDOW", 1)
        bitsback.compress(tmp_path / "x.npy", tmp_path / "x.bb", block=100, progress=cut, threads=1)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("kind", ["npz", pytest.param("pipe", marks=pytest.mark.slow)])
def test_it_is_never_all_in_memory(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy, "_WINDOW", 1 << 23)
    array = np.zeros((150_000, 16, 16), np.uint8, order="F")
    source: Any = tmp_path / "x.npz"
    if kind == "npz":
        np.savez_compressed(source, a=array)
    else:
        np.save(tmp_path / "x.npy", array)
        source = Pipe((tmp_path / "x.npy").read_bytes())
    tracemalloc.start()
    bitsback.compress(source, tmp_path / "x.bb", threads=1, model="fast")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.8 * array.nbytes
