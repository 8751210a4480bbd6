"""Archives as lazy arrays, without a cluster."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.dask import from_archive


@pytest.fixture
def archive(tmp_path: Path, digits: NDArray[np.bool_]) -> Path:
    """An archive in blocks of thirty items."""
    path = tmp_path / "digits.bb"
    bitsback.compress(digits[:90], path, model="mnist-binary", block=30)
    return path


def same(lazy: Any, array: NDArray[Any]) -> bool:
    return np.array_equal(lazy.compute(scheduler="sync"), array)


def test_a_chunk_is_a_block_and_only_its_own_is_decoded(
    archive: Path, digits: NDArray[np.bool_]
) -> None:
    with bitsback.open(archive) as opened:
        block = opened.reader.blocks[1]
    data = bytearray(archive.read_bytes())
    data[block.offset + block.size // 2] ^= 1
    archive.write_bytes(data)
    array = from_archive(archive)
    assert array.chunks == ((30, 30, 30), (28,), (28,))
    assert array.dtype == bool
    assert same(array[:30], digits[:30])
    assert same(array[60:], digits[60:90])
    with pytest.raises(bitsback.ArchiveError, match=r"digits\.bb: block 1"):
        array[30].compute()


def test_it_is_pickled_by_its_path_wherever_processes_are(
    archive: Path, monkeypatch: pytest.MonkeyPatch, digits: NDArray[np.bool_]
) -> None:
    monkeypatch.chdir(archive.parent)
    data = pickle.dumps(from_archive("digits.bb"))
    monkeypatch.chdir("/")
    assert len(data) < 10_000
    assert same(pickle.loads(data), digits[:90])


@pytest.mark.parametrize(
    "array",
    [
        np.arange(40, dtype="<u2"),
        np.random.default_rng(0).integers(0, 256, (70, 90), np.uint8),
        np.random.default_rng(0).integers(0, 256, (3, 70, 90, 3), np.uint8),
        np.zeros((0, 4, 4), np.float32),
        np.array(7, np.int64),
    ],
    ids=["numbers", "one-picture", "pictures", "empty", "one-number"],
)
def test_arrays_of_any_kind(array: NDArray[Any], tmp_path: Path) -> None:
    bitsback.compress(array, tmp_path / "x.bb", tile=32)
    lazy = from_archive(tmp_path / "x.bb")
    assert (lazy.shape, lazy.dtype) == (array.shape, array.dtype)
    assert same(lazy, array)


def test_a_model_that_does_not_ship_goes_to_workers(
    tmp_path: Path, private: bitsback.Model, digits: NDArray[np.bool_]
) -> None:
    bitsback.compress(digits[:50], tmp_path / "x.bb", model=private, embed="never")
    array = from_archive(tmp_path / "x.bb", model=private)
    assert same(pickle.loads(pickle.dumps(array)), digits[:50])
    with pytest.raises(bitsback.ArchiveError, match="neither in the archive nor bundled"):
        from_archive(tmp_path / "x.bb").compute()


def test_what_is_no_whole_array_is_refused(archive: Path, tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "x.png")
    bitsback.compress([tmp_path / "x.png"], tmp_path / "files.bb")
    with pytest.raises(bitsback.InputError, match=r"files\.bb: contains files"):
        from_archive(tmp_path / "files.bb")
    with pytest.raises(bitsback.InputError, match=r"nowhere\.bb: cannot be read"):
        from_archive(tmp_path / "nowhere.bb")
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(bitsback.ArchiveError, match=r"digits\.bb"):
        from_archive(archive)


def test_another_call_is_another_array(archive: Path) -> None:
    """Dask caches results by name, and a file may change."""
    assert from_archive(archive).name != from_archive(archive).name
