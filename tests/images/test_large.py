"""Large images: which ones count as an attack, and how much memory they take."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bitsback
from folders import save
from plane_models import only_one_shape


def test_a_picture_with_many_pixels_in_many_bytes_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    noise = np.random.default_rng(0).integers(0, 16, (90, 80), np.uint8)
    noise += np.add.outer(np.arange(90), np.arange(80)).astype(np.uint8)
    save(noise, tmp_path / "in" / "noise.png")
    save(noise, tmp_path / "in" / "noise.tif")
    bitsback.compress(tmp_path / "in", tmp_path / "a.bb")
    with bitsback.open(tmp_path / "a.bb") as archive:
        for name in archive.names:
            assert np.array_equal(archive[name], noise)
    Image.fromarray(np.zeros((900, 800), np.uint8)).save(tmp_path / "in" / "blank.png")
    with pytest.raises(bitsback.InputError, match=r"blank\.png: has more than 2000 pixels in few"):
        bitsback.compress(tmp_path / "in", tmp_path / "b.bb", pictures_only=True)


@pytest.mark.parametrize(
    "shape",
    [
        (4000, 5500),
        *[pytest.param(s, marks=pytest.mark.slow) for s in ((2, 4200, 5000), (1, 300, 400, 350))],
    ],
)
def test_strips_of_a_large_array_are_in_memory(
    tmp_path: Path, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrays of 22 MB, and of about 42."""
    only_one_shape(monkeypatch)  # models of any size would take long
    path = tmp_path / "x.npy"
    array = np.resize(np.repeat(np.arange(223, dtype=np.uint8), 1000), shape)
    array += np.random.default_rng(0).integers(0, 32, shape, np.uint8)  # too much for LZMA
    np.save(path, array)
    size, peaks = array.nbytes, []
    del array
    for source, output in ((path, tmp_path / "x.bb"), (tmp_path / "x.bb", tmp_path / "y.npy")):
        tracemalloc.start()
        if output.suffix == ".bb":
            bitsback.compress(source, output, threads=1, model="fast")
        else:
            bitsback.decompress(source, output, threads=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "y.npy").read_bytes() == path.read_bytes()
    assert max(peaks) < 0.75 * size, peaks
