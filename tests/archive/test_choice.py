"""Which model codes what, and whether it is put into the archive."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.archive import Compressed

from .conftest import assert_same, pack, unpack


def compressed(array: Any, **options: Any) -> Compressed:
    return bitsback.compress(array, io.BytesIO(), **options)


def test_a_bundled_model_is_found_and_referred_to(digits: NDArray[np.bool_]) -> None:
    for shape in ((-1, 28, 28), (-1, 784), (-1, 1, 28, 28), (-1, 28, 28, 1)):
        summary = compressed(digits.reshape(shape))
        assert (summary.model, summary.model_bytes) == ("mnist-binary", 0)
        assert summary.bytes_out < 7000


def test_others_are_stored(digits: NDArray[np.bool_]) -> None:
    for array in (digits.reshape(-1, 14, 56), digits.reshape(-1), digits[:, :20]):
        assert compressed(array).methods["packed"] == 1
    grey = np.arange(784 * 3).astype(np.uint8).reshape(3, 28, 28)
    assert compressed(grey).methods["raw"] == 1


def test_a_flat_row_of_pixels_is_many_items() -> None:
    assert compressed(np.zeros(784, bool)).items == 784
    assert compressed(np.zeros((28, 28), bool)).items == 1
    assert compressed(np.zeros((27, 28), bool)).items == 27


def test_a_model_by_name_file_or_itself(tmp_path: Path, digits: NDArray[np.bool_]) -> None:
    paper = bitsback.load_model("mnist-binary-paper")
    path = tmp_path / "paper.safetensors"
    path.write_bytes(paper.to_bytes())
    archives = {pack(digits, model=model) for model in ("mnist-binary-paper", path, str(path), paper)}
    assert len(archives) == 1 and archives != {pack(digits)}
    assert compressed(digits, model=paper).model == "mnist-binary-paper"


def test_ink_and_paper_may_be_swapped(digits: NDArray[np.bool_]) -> None:
    assert abs(len(pack(~digits)) - len(pack(digits))) < 60


def test_a_model_that_does_not_fit(tmp_path: Path, digits: NDArray[np.bool_], tiny: bitsback.Model) -> None:
    path = tmp_path / "x.npy"
    np.save(path, digits)
    with pytest.raises(bitsback.InputError, match=r"x\.npy.*\(28, 28\).*tiny.*\(6, 10\)"):
        bitsback.compress(path, tmp_path / "x.bb", model=tiny)
    grey = np.arange(60 * 3).astype(np.uint8).reshape(3, 6, 10)
    with pytest.raises(bitsback.InputError, match=r"tiny.*two values"):
        compressed(grey, model=tiny)
    with pytest.raises(bitsback.ModelError, match="nonesuch"):
        compressed(digits, model="nonesuch")
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]


def test_a_model_of_ones_own_is_embedded(tiny: bitsback.Model, dots: NDArray[np.uint8]) -> None:
    summary = compressed(dots, model=tiny)
    assert summary.methods["chain"] == 1 and summary.model_bytes > 0
    archive = pack(dots, model=tiny)
    assert_same(unpack(archive), dots)
    assert_same(bitsback.open(io.BytesIO(archive))[3], dots[3])
    without = compressed(dots, model=tiny, embed="never").bytes_out
    assert 0 <= summary.bytes_out - summary.model_bytes - without <= 1, "the index tells where the blocks begin"


def test_a_bundled_model_can_be_embedded_too(digits: NDArray[np.bool_]) -> None:
    summary = compressed(digits, model="mnist-binary-paper", embed="always")
    assert 100_000 < summary.model_bytes < 140_000
    archive = pack(digits, model="mnist-binary-paper", embed="always")
    assert bitsback.open(io.BytesIO(archive)).info()["model_bytes"] == summary.model_bytes
    assert_same(unpack(archive), digits)


def test_a_model_that_is_missing_can_be_given(tmp_path: Path, tiny: bitsback.Model, dots: NDArray[np.uint8]) -> None:
    archive = pack(dots, model=tiny, embed="never")
    with pytest.raises(bitsback.ArchiveError, match=f"block 0.*{tiny.identity[:16].hex()}.*-m FILE"):
        unpack(archive)
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(tiny.to_bytes())
    for model in (tiny, path):
        assert_same(unpack(archive, model=model), dots)
        assert_same(bitsback.open(io.BytesIO(archive), model=model)[7], dots[7])
    opened = bitsback.open(io.BytesIO(archive))
    assert opened.info()["models"] == [{"identity": tiny.identity[:16].hex(), "name": None, "about": None, "blocks": 1}]
    assert [block for block, _ in opened.verify()] == [0]


def test_wrong_arguments(digits: NDArray[np.bool_]) -> None:
    for options in ({"block": 0}, {"threads": 0}, {"embed": "perhaps"}):
        with pytest.raises(bitsback.InputError):
            compressed(digits, **options)
    with pytest.raises(bitsback.InputError, match="mask"):
        compressed(np.ma.masked_array([1, 2]))
    with pytest.raises(bitsback.InputError, match="list"):
        compressed([1, 2])
    with pytest.raises(bitsback.InputError, match=r"complex.*\.real"):
        compressed(np.zeros(3, complex))
