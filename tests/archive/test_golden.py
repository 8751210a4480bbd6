"""Archives that were written before decode to what they did, and are written as they were."""

from __future__ import annotations

import pytest

import bitsback

from .conftest import assert_same
from .golden.make import FOLDER, GOLDEN, make


@pytest.mark.parametrize("name", GOLDEN)
def test_it_decodes_to_its_array(name: str) -> None:
    assert_same(bitsback.decompress(FOLDER / f"{name}.bb"), GOLDEN[name][0]())


@pytest.mark.parametrize("name", GOLDEN)
def test_its_array_gives_the_same_bytes(name: str) -> None:
    assert make(name) == (FOLDER / f"{name}.bb").read_bytes()


def test_there_are_no_others() -> None:
    assert {path.stem for path in FOLDER.glob("*.bb")} == set(GOLDEN)
