"""Compressing a folder reports two stages of progress, each from zero to complete."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import bitsback
from folders import save

from .conftest import noise


class Told:
    """Records the progress that it is told."""

    def __init__(self) -> None:
        self.stages: dict[str, list[tuple[int, int]]] = {"": []}

    def stage(self, name: str) -> None:
        self.stages[name] = []

    def __call__(self, done: int, total: int) -> None:
        self.stages[list(self.stages)[-1]].append((done, total))


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    for number in range(12):
        save(np.sort(noise("L", (50, 40), number), 0), tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "large.csv").write_bytes(b"1,2,3\n" * 5000)
    return tmp_path / "in"


def test_looking_and_compressing(staged: Path) -> None:
    told = Told()
    bitsback.compress(staged, io.BytesIO(), progress=told, block=2, model="fast")
    looking, writing = told.stages["looking at the files"], told.stages["compressing"]
    assert list(told.stages) == ["", "looking at the files", "compressing"]
    assert looking == [(number, 13) for number in range(1, 14)] and told.stages[""] == []
    assert len({total for _, total in writing}) == 1, "how much there is to do is known before"
    assert [done for done, _ in writing] == sorted({done for done, _ in writing})
    assert writing[-1][0] == writing[-1][1]


def test_any_function_will_do(staged: Path, tmp_path: Path) -> None:
    seen = list[tuple[int, int]]()
    data = io.BytesIO()
    bitsback.compress(staged, data, progress=lambda *call: seen.append(call))
    bitsback.decompress(data.getvalue(), tmp_path / "out", progress=lambda *call: seen.append(call))
    assert seen[-1][0] == seen[-1][1]
