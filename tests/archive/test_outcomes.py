"""Of many similar small pictures, only some are tried individually."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive.inputs import folders
from bitsback.planner.pictures import SimilarPictures, TrialOutcome, TrialOutcomes
from bitsback.planner.policy import DEFAULT

ALIKE = SimilarPictures("|u1", (3,), False, 12, 3)
YES, NO = TrialOutcome(True, False, 0.5), TrialOutcome(False, False, 1.5)


def fails() -> TrialOutcome:
    raise AssertionError("no trial is needed")


def test_what_all_told_is_expected() -> None:
    outcomes = TrialOutcomes(DEFAULT)
    for _ in range(6):
        assert outcomes.decide(ALIKE, None, lambda: YES) == YES
    assert outcomes.decide(ALIKE, None, fails) == YES


def test_as_long_as_they_differ_each_has_its_own() -> None:
    outcomes, tried = TrialOutcomes(DEFAULT), []

    def trial() -> TrialOutcome:
        tried.append(len(tried))
        return YES if len(tried) % 3 else NO

    for _ in range(50):
        outcomes.decide(ALIKE, None, trial)
    assert len(tried) == 50


def test_a_surprise_asks_for_trials_again() -> None:
    outcomes = TrialOutcomes(DEFAULT)
    for _ in range(6):
        outcomes.decide(ALIKE, YES, fails)
    assert outcomes.decide(ALIKE, NO, fails) == NO
    assert outcomes.decide(ALIKE, None, lambda: NO) == NO
    for _ in range(4):
        outcomes.decide(ALIKE, None, lambda: NO)
    assert outcomes.decide(ALIKE, None, fails) == NO


def test_others_say_nothing() -> None:
    outcomes = TrialOutcomes(DEFAULT)
    for _ in range(6):
        outcomes.decide(ALIKE, YES, fails)
    dense = SimilarPictures("|u1", (3,), False, 12, 4)
    assert outcomes.decide(dense, None, lambda: NO) == NO


def photographs(count: int) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    random = np.random.default_rng(0)
    steps = random.normal(0, 5, (count, 24, 20, 3)).cumsum(1).cumsum(2)
    return list((128 + steps / 2).clip(0, 255).astype(np.uint8))


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    trial = folders.pixel_cost

    def counted(pixels: Any, *others: Any) -> tuple[int, bool]:
        found.append(pixels.shape)
        return trial(pixels, *others)

    monkeypatch.setattr(folders, "pixel_cost", counted)
    return found


def test_a_folder_of_pictures_that_are_alike(tmp_path: Path, trials: list[tuple[int, ...]]) -> None:
    pictures = photographs(300)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{number:03}.png")
    archives = []
    for threads in (1, 3):
        trials.clear()
        file = io.BytesIO()
        bitsback.compress(tmp_path, file, threads=threads, model="fast")
        archives.append(file.getvalue())
        assert len(trials) < 75
    assert archives[0] == archives[1]
    with bitsback.open(io.BytesIO(archives[0])) as archive:
        for picture, found in zip(pictures, archive, strict=True):
            assert np.array_equal(found, picture)


def test_one_that_is_not_like_the_others_has_a_trial(
    tmp_path: Path, trials: list[tuple[int, ...]]
) -> None:
    """A file with far fewer bytes per pixel than the others."""
    for number, picture in enumerate(photographs(90)):
        Image.fromarray(picture).save(tmp_path / f"{number:03}.png")
    Image.fromarray(np.zeros((24, 21, 3), np.uint8)).save(tmp_path / "040.png")
    bitsback.compress(tmp_path, io.BytesIO(), threads=1, model="fast")
    assert (24, 21, 3) in trials
