"""The second decoder, which was written from the specification alone, restores what the program
writes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from archive.golden.make import GOLDEN, jpeg_colours, photo, swinging, woven
from bitsback.archive.writing import writer
from bitsback.models.embed import pack_model
from docs.blocks import ROOT
from fuzz import differential
from packing import swapped
from second_decoder import PROGRAM, require

pytestmark = pytest.mark.rust


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    require(PROGRAM)


def decoded(archive: Path, out: Path, *options: str) -> Path:
    run = subprocess.run([PROGRAM, *options, archive, out], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return out


@pytest.mark.parametrize("vectors", ["all", "avx2", "none"])
def test_it_passes_the_conformance_files(vectors: str) -> None:
    """With all vectors that an x86-64 has, and with less."""
    runner = [sys.executable, ROOT / "conformance" / "run.py", "--", PROGRAM, "--arrays"]
    environment = os.environ | {"BITSBACK_VECTORS": vectors}
    run = subprocess.run(runner, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stdout


def test_it_agrees_about_damage() -> None:
    """Both decoders give the same items of a damaged or forged file, or both refuse it."""
    outcomes = differential.run(0, 0, 300)
    assert all(outcomes[f"{kind}, refused"] > 10 for kind in differential.KINDS), outcomes
    assert outcomes["forgery, the same"] > 10 and outcomes["metadata, the same"] > 5, outcomes


def test_it_refuses_exchanged_names(tmp_path: Path) -> None:
    """The digests of files, which no block has, tell that content stands under another name."""
    (tmp_path / "in").mkdir()
    for number in range(2):
        Image.fromarray(np.full((9, 9), number, np.uint8)).save(tmp_path / "in" / f"{number}.bmp")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    decoded(tmp_path / "x.bb", tmp_path / "out")
    path = tmp_path / "wrong.bb"
    path.write_bytes(swapped((tmp_path / "x.bb").read_bytes(), "0.bmp", "1.bmp"))
    run = subprocess.run([PROGRAM, path, tmp_path / "no"], capture_output=True, text=True)
    assert run.returncode == 1 and "another content" in run.stderr


def noisy(dtype: str, *shape: int) -> NDArray[Any]:
    """Smooth, with noise that no model predicts."""
    noise = np.random.default_rng(0).integers(0, 12, shape)
    return (photo("u1", *shape).astype(np.int64) // 2 + noise).astype(dtype)


ARRAYS: dict[str, tuple[Callable[[], NDArray[Any]], dict[str, Any]]] = {
    "colour": (lambda: noisy("u1", 61, 83, 3), {"model": "universal"}),
    "colour, counted beside": (lambda: noisy("u1", 61, 83, 3), {"model": "universal-mixed"}),
    "alpha": (lambda: noisy("u1", 30, 40, 4), {"model": "universal-fast"}),
    "drawing": (lambda: np.kron(noisy("u1", 20, 30, 3) // 16, np.ones((4, 3, 1), "u1")), {}),
    "deep": (lambda: noisy("<u2", 70, 50) * np.uint16(301), {"model": "universal-deep"}),
    "signed": (lambda: woven(60, 70).astype(">i2") * np.int16(-7), {}),
    "colours of JPEG": (lambda: jpeg_colours(noisy("u1", 64, 48, 3)), {}),
    "stack": (lambda: np.stack([noisy("u1", 40, 50)] * 4), {"stack": True}),
    "tiles": (lambda: noisy("u1", 90, 100), {"tile": 32, "block": 3}),
    "series": (lambda: swinging("<i2", 500), {"model": "series"}),
    "many items": (lambda: noisy("u1", 900, 12, 12), {}),
    "floats": (lambda: np.sin(np.arange(5000.0)).astype(">f4").reshape(50, 100), {}),
    **{
        f"digits, {name} inside": (GOLDEN["digits"][0], {"model": name, "embed": "always"})
        for name in ("mnist-binary-paper", "mnist-binary-context")
    },
    "stack, its model inside": (
        lambda: np.stack([noisy("u1", 40, 50)] * 4),
        {"model": "universal", "embed": "always"},
    ),
    **{f"{name}, again": GOLDEN[name] for name in ("digits", "multiset", "number", "empty")},
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array(tmp_path: Path, name: str) -> None:
    make, options = ARRAYS[name]
    array = make()
    bitsback.compress(array, tmp_path / "x.bb", **options)
    found = np.load(decoded(tmp_path / "x.bb", tmp_path / "x.npy"))
    assert found.dtype == array.dtype and found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_a_model_by_its_differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noisy("u1", 40, 50)
    monkeypatch.setattr(writer, "pack_model", lambda model, bases: pack_model(model))
    bitsback.compress(array, tmp_path / "x.bb", model="universal", embed="always")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.info()["model_bytes"] < 2000
    assert np.array_equal(np.load(decoded(tmp_path / "x.bb", tmp_path / "x.npy")), array)


def test_a_folder(tmp_path: Path) -> None:
    """Files that are kept and those that hold their pixels plainly byte for byte, others by their
    pixels.
    """
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(noisy("u1", 60, 90, 3)).save(folder / "a.png")
    Image.fromarray(noisy("<u2", 60, 90) * np.uint16(99)).save(folder / "deep" / "b.png")
    Image.fromarray(noisy("u1", 60, 91)).save(folder / "c.bmp")
    Image.fromarray(noisy("u1", 60, 90) > 70).save(folder / "d.tif", compression="group4")
    Image.fromarray(noisy("u1", 50, 70, 3)).save(folder / "e.jpg")
    (folder / "notes.txt").write_text("six files")
    bitsback.compress(folder, tmp_path / "x.bb")
    out = decoded(tmp_path / "x.bb", tmp_path / "out")
    for name in ("c.bmp", "e.jpg", "notes.txt"):
        assert (out / name).read_bytes() == (folder / name).read_bytes()
    for file in folder.rglob("*.*"):
        if file.suffix not in (".txt", ".tif"):
            pixels = [
                np.asarray(Image.open(one / file.relative_to(folder))) for one in (folder, out)
            ]
            assert np.array_equal(*pixels)
    restored = next(out.glob("d.tif*"))
    assert np.array_equal(
        np.asarray(Image.open(restored)), np.asarray(Image.open(folder / "d.tif"))
    )


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    bitsback.compress(noisy("u1", 60, 90), tmp_path / "x.bb")
    data = bytearray((tmp_path / "x.bb").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "x.bb").write_bytes(data)
    run = subprocess.run(
        [PROGRAM, tmp_path / "x.bb", tmp_path / "x.npy"], capture_output=True, text=True
    )
    assert run.returncode == 1 and run.stderr.count("\n") == 1 and "x.bb" in run.stderr
    assert not (tmp_path / "x.npy").exists()
