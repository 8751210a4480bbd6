"""The plug-in of HDF5: programs that know nothing of bitsback read what h5py has written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from archive.golden.make import photo
from bitsback.hdf5 import Bitsback
from bitsback_lab.digits import binarised_mnist_test_images
from second_decoder import PLUGIN

pytestmark = pytest.mark.rust

ARRAYS: dict[str, NDArray[Any]] = {
    "stack": photo("<u2", 6, 40, 50),
    "big": photo("u1", 30, 40).astype(">i4") * 1000,
    "floats": np.sin(np.arange(3000.0)).astype("f4").reshape(50, 60),
    "complex": photo("u1", 30, 40).astype("c8"),
    "bilevel": photo("u1", 30, 40) > 99,
    "texts": np.array([b"a", b"bc", b""] * 9),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with x.h5, and with only this plug-in."""
    folder = tmp_path_factory.mktemp("hdf5")
    with h5py.File(folder / "x.h5", "w") as file:
        for name, array in ARRAYS.items():
            chunks = tuple((size + 1) // 2 for size in array.shape)
            file.create_dataset(name, data=array, chunks=chunks, fletcher32=True, **Bitsback())
    (folder / "plugins").mkdir()
    shutil.copy(PLUGIN, folder / "plugins")
    return folder


def run(given: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HDF5_PLUGIN_PATH": str(given / "plugins")}
    return subprocess.run(command, cwd=given, env=env, capture_output=True, text=True)


def read(given: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Reads a file by h5py without `bitsback.hdf5`: every dataset into a file, or its error to
    standard output.
    """
    code = (
        "import h5py, sys\n"
        f"for name, data in h5py.File({name!r}).items():\n"
        "    try: open(name, 'wb').write(data[...].tobytes())\n"
        "    except OSError as error: print(name, error)\n"
        "assert 'bitsback' not in sys.modules"
    )
    done = run(given, sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    return done


def dump(given: Path, file: str, name: str) -> subprocess.CompletedProcess[str]:
    how = ["--enable-error-stack", "-d", f"/{name}", "-b", "FILE", "-o", "dumped"]
    return run(given, "h5dump", *how, file)


def test_h5py_reads_by_the_plug_in(given: Path) -> None:
    assert not read(given, "x.h5").stdout
    for name, array in ARRAYS.items():
        assert (given / name).read_bytes() == array.tobytes(), name


@pytest.mark.h5dump
@pytest.mark.parametrize("name", ["stack", "big", "floats"])
def test_h5dump_reads(given: Path, name: str) -> None:
    dumped = dump(given, "x.h5", name)
    assert dumped.returncode == 0, dumped.stderr
    assert (given / "dumped").read_bytes() == ARRAYS[name].tobytes()


@pytest.mark.h5dump
def test_damage_is_an_error(given: Path, private: bitsback.Model) -> None:
    """So is a model that does not ship."""
    stack = ARRAYS["stack"]
    whole = bitsback.encode(stack)
    claims = whole[:2] + b"|u1\x01\x80\x80\x80\x80\x04\x00\x00" + bytes(20_000)  # 1 GB
    rubbish = [whole[:9], whole[:100], whole[:-1] + bytes([whole[-1] ^ 1]), claims, b"\xbb"]
    rubbish.append(bitsback.encode(stack[:5]))
    with h5py.File(given / "bad.h5", "w") as file:
        for number, block in enumerate(rubbish):
            how = {"chunks": stack.shape, **Bitsback()}
            made = file.create_dataset(f"x{number}", stack.shape, stack.dtype, **how)
            made.id.write_direct_chunk((0, 0, 0), block)
        digits = binarised_mnist_test_images()[:20].view("u1")
        file.create_dataset("y", data=digits, chunks=digits.shape, **Bitsback(private))
    done = read(given, "bad.h5")
    assert done.stdout.count("filter returned failure during read") == len(rubbish) + 1
    dumped = dump(given, "bad.h5", "x1")
    assert dumped.returncode == 1 and "a chunk of bitsback: a block alone is damaged" in (
        dumped.stderr
    )
    missing = dump(given, "bad.h5", "y")
    assert missing.returncode == 1 and re.search(
        "a chunk of bitsback: the model .* is not available", missing.stderr
    )


def test_it_only_reads(given: Path) -> None:
    """It makes no datasets. What is written into one is kept as it is."""
    make = "import h5py; h5py.File('y.h5', 'w').create_dataset('y', data=[7], compression=443)"
    assert "encoding is disabled" in run(given, sys.executable, "-c", make).stderr
    shutil.copy(given / "x.h5", given / "changed.h5")
    change = "import h5py; h5py.File('changed.h5', 'r+')['stack'][0] = 7"
    assert run(given, sys.executable, "-c", change).returncode == 0
    with h5py.File(given / "changed.h5") as file:
        changed = file["stack"][...]
    assert (changed[0] == 7).all() and (changed[1:] == ARRAYS["stack"][1:]).all()
