"""Archives that are made for random access."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from in_memory import pack


def opened(array: NDArray[Any], **options: Any) -> bitsback.Archive:
    return bitsback.open(pack(array, purpose="random-access", **options))


def models(archive: bitsback.Archive) -> set[str]:
    return {model["name"] for model in archive.info()["models"]}


def test_blocks_are_small_and_a_dense_model_is_chosen(digits: NDArray[np.bool_]) -> None:
    archive = opened(digits[:100])
    assert max(block.items for block in archive.reader.blocks) == 8
    assert models(archive) == {"mnist-binary"}
    assert np.array_equal(archive, digits[:100])


def test_what_is_asked_for_goes_first(digits: NDArray[np.bool_]) -> None:
    archive = opened(digits[:40], model="best", block=20)
    assert [block.items for block in archive.reader.blocks] == [20, 20]
    assert models(archive) == {"mnist-binary-context"}
    with pytest.raises(bitsback.InputError, match="purpose='speed'"):
        bitsback.compress(digits, io.BytesIO(), purpose="speed")  # type: ignore[arg-type]


def test_pictures_are_cut_small() -> None:
    rows, columns = np.mgrid[:130, :100]
    picture = ((rows * 3 + columns * 2 + rows * columns // 50) % 200).astype(np.uint8)
    archive = opened(picture)
    assert archive.chunks == ((44, 44, 42), (50, 50))
    assert all(block.items <= 2 for block in archive.reader.blocks)
    assert np.array_equal(archive[60:70, 45:60], picture[60:70, 45:60])


def test_the_trial_sees_more_than_a_small_block(digits: NDArray[np.bool_]) -> None:
    """Blank items come first, of which nothing can be learnt."""
    images = np.concatenate([np.zeros((4, 28, 28), np.bool_), digits[:60]])
    assert models(bitsback.open(pack(images, block=1, embed="always"))) == {"mnist-binary-context"}
