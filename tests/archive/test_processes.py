"""One open archive in several threads and processes."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from in_memory import pack
from waiting import exit_code, forked


@pytest.fixture
def path(tmp_path: Path, digits: NDArray[np.bool_]) -> Path:
    (tmp_path / "x.bb").write_bytes(pack(digits, block=7, model="mnist-binary"))
    return tmp_path / "x.bb"


def read(archive: bitsback.Archive, digits: NDArray[np.bool_], seed: int) -> bool:
    order = np.random.default_rng(seed).integers(0, len(digits), 150)
    return all(np.array_equal(archive[int(item)], digits[item]) for item in order)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize("opened_by", ["path", "file"])
def test_forked_processes_do_not_disturb_each_other(
    path: Path, digits: NDArray[np.bool_], opened_by: str
) -> None:
    with path.open("rb") as file, bitsback.open(path if opened_by == "path" else file) as archive:
        children = [forked(partial(read, archive, digits, seed)) for seed in range(4)]
        assert [exit_code(child) for child in children] == [0] * 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("where", ["file", "memory"])
def test_forked_processes_with_threads_under_load(tmp_path: Path, where: str) -> None:
    """Every read is checked by a checksum, and thousands of them overlap."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 40, 50), np.uint8)
    (tmp_path / "x.bb").write_bytes(pack(noise, block=1))
    file = (tmp_path / "x.bb").open("rb")
    with bitsback.open(file if where == "file" else io.BytesIO(file.read())) as archive:
        assert archive.info()["methods"]["raw"] == len(noise)

        def load(seed: int) -> bool:
            order = np.random.default_rng(seed).integers(0, len(noise), 250)
            return all(np.array_equal(archive[int(item)], noise[item]) for item in order)

        def load_by_threads(seed: int) -> bool:
            with ThreadPoolExecutor(4) as pool:
                return all(pool.map(load, range(seed, seed + 4)))

        with ThreadPoolExecutor(4) as pool:
            here = [pool.submit(load, seed) for seed in range(4)]
            children = [forked(partial(load_by_threads, number)) for number in (10, 20, 30)]
            assert all(future.result() for future in here)
        assert [exit_code(child) for child in children] == [0] * 3
    file.close()


def test_threads(path: Path, digits: NDArray[np.bool_]) -> None:
    with bitsback.open(path) as archive, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda seed: read(archive, digits, seed), range(4)))


def _read(archive: bitsback.Archive) -> bytes:
    return archive[3].tobytes()


def test_processes_that_start_afresh(path: Path, digits: NDArray[np.bool_]) -> None:
    with bitsback.open(path) as archive:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(_read, (archive,)) == digits[3].tobytes()
        with pytest.raises(TypeError, match="by its path"), path.open("rb") as file:
            pickle.dumps(bitsback.open(file))


def test_a_model_that_was_given_goes_along(
    tmp_path: Path, tiny: bitsback.Model, dots: NDArray[np.uint8]
) -> None:
    (tmp_path / "x.bb").write_bytes(pack(dots, model=tiny, embed="never"))
    with (
        bitsback.open(tmp_path / "x.bb", model=tiny) as archive,
        pickle.loads(pickle.dumps(archive)) as again,
    ):
        assert np.array_equal(again[:], dots)
