"""The pictures of the large job differ, and a small one restores every file."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from large_job import SIDE, cuts, make_pictures, run
from PIL import Image


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with one photograph, of three whole pictures and some rows and columns."""
    (tmp_path / "photographs").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE + 20, 3 * SIDE + 20, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photographs" / "one.png")
    return tmp_path / "photographs"


def test_pictures_differ(photographs: Path) -> None:
    found = list(islice(cuts([photographs / "one.png"]), 60))
    assert {cut.shape for cut in found} == {(SIDE, SIDE, 3)}
    assert len({cut.tobytes() for cut in found}) == 60


def test_too_few_photographs_are_an_error(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="for 72 different pictures only"):
        make_pictures(photographs, tmp_path / "pictures", 1000)


@pytest.mark.slow
def test_a_small_job_restores_every_file(photographs: Path, tmp_path: Path) -> None:
    make_pictures(photographs, tmp_path / "pictures", 40)
    figures = run(tmp_path / "pictures", 10)
    assert [row["pictures"] for row in figures["rows"]] == [40, 40, 40, 40, 40]
    assert all(row["requests"] and row["worker_MB"] and row["client_MB"] for row in figures["rows"])
    assert (figures["shards"], figures["repeated_shards"]) == (4, 1)
