"""The specification decodes collections of files as bitsback does."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.format.modes import MODES
from bitsback.models import bundled
from folders import save
from reference import archive as spec
from reference.model import Model as SpecModel

from .conftest import noise, warnings_of


@pytest.fixture(scope="module")
def models() -> list[SpecModel]:
    return [
        SpecModel.from_bytes(bundled.load(name).to_bytes())
        for name in ("mnist-binary", "mnist-binary-paper")
    ]


def check_specification(source: Any, models: list[SpecModel], **options: Any) -> None:
    stream = io.BytesIO()
    warnings_of(source, stream, **{"model": "fast", **options})
    files = spec.decode_files(stream.getvalue(), models)
    with bitsback.open(stream) as archive:
        assert len(files) == len(archive)
        assert [file.name for file in files] == archive.names
        for number, file in enumerate(files):
            if file.held:
                assert file.array.tobytes() == archive[number].read()
                continue
            assert file.array.dtype == archive[number].dtype
            assert np.array_equal(file.array, archive.reader.file_source(number).whole())


def test_pictures(tmp_path: Path, models: list[SpecModel], digits: NDArray[np.bool_]) -> None:
    for number, mode in enumerate(MODES * 3):
        save(noise(mode, seed=number), tmp_path / "in" / f"{number % 2}" / f"{number}.png")
    for number in range(5):
        save(digits[number], tmp_path / "in" / f"digit {number}.png")
    check_specification(tmp_path / "in", models, block=2)


def test_npz(tmp_path: Path, models: list[SpecModel], digits: NDArray[np.bool_]) -> None:
    np.savez(
        tmp_path / "x.npz",
        a=digits[:3],
        b=np.zeros((0, 2)),
        c=np.float64(1),
        ab=np.arange(9, dtype=">u2"),
    )
    check_specification(tmp_path / "x.npz", models, block=4)


def test_tiff(tmp_path: Path, models: list[SpecModel]) -> None:
    pages = [Image.fromarray(noise(mode)) for mode in MODES * 2]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    check_specification(tmp_path / "x.tif", models)
