"""Items of any shape are coded in batches of some 2^15 elements, unless a model learns from all."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest

import bitsback
from bitsback.coding import block_plan, chain
from bitsback.models.item_shape import ItemShape
from bundled_models import spec_model
from in_memory import pack, unpack
from reference import archive as spec
from reference import chain as spec_chain

from .conftest import assert_same


def test_their_sizes_are_those_of_the_specification() -> None:
    random = np.random.default_rng(0)
    for most in (3, 40, 900):
        shapes = [
            (int(count), ItemShape(1, int(rows), 50, 3, 256))
            for count, rows in random.integers(1, most, (30, 2))
        ]
        runs = chain.batches_by_elements(shapes)
        sizes = [size for size, count in runs for _ in range(count)]
        elements = [shape.elements for count, shape in shapes for _ in range(count)]
        assert sizes[::-1] == spec_chain.of_planes(elements)
        ends = list(itertools.accumulate(sizes[::-1]))
        for start, end in itertools.pairwise([0, *ends[:-1]]):
            assert sum(elements[start : end - 1]) < chain.ENOUGH <= sum(elements[start:end])


def test_one_large_item_is_a_batch() -> None:
    large, small = ItemShape(1, 400, 400, 3, 256), ItemShape(1, 64, 64, 3, 256)
    assert chain.batches_by_elements([(5, large)]) == [(1, 5)]
    assert chain.batches_by_elements([(1, small), (2, large), (7, small)]) == [
        (1, 1), (3, 2), (1, 1), (2, 1)
    ]  # fmt: skip
    assert chain.batches_by_elements([]) == []


@pytest.mark.parametrize("name", ["universal", "universal-fast", "universal-mixed"])
def test_archives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of fewer elements, as the specification takes long."""
    random = np.random.default_rng(1)
    count, rows = (4, 8) if name == "universal-mixed" else (9, 12)
    y, x = np.indices((rows, 16))
    waves = 128 + 90 * np.sin(x / 5 + np.arange(count)[:, None, None]) * np.cos(y / 4)
    images = (waves + random.normal(0, 2, waves.shape)).astype(np.uint8)
    whole = pack(images, model=name, stack=False)
    for of in (chain, spec_chain):
        monkeypatch.setattr(of, "ENOUGH", 25 * rows)
    block_plan._recent.clear()
    archive = pack(images, model=name, stack=False)
    assert (archive != whole) == (name != "universal-mixed"), "a model that learns has one batch"
    assert abs(len(archive) - len(whole)) < 8
    assert_same(unpack(archive), images)
    assert_same(spec.decode(archive, [spec_model(name)]), images)
    opened = bitsback.open(io.BytesIO(archive))
    for item in (count - 1, 0, count // 2):
        assert_same(opened[item], images[item])
    assert opened.verify() == []


def test_a_set_has_batches_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(1).normal(99, 3, (9, 10, 12)).astype(np.uint8)
    whole = pack(images, model="universal-fast", unordered=True, stack=False)
    monkeypatch.setattr(chain, "ENOUGH", 300)
    assert pack(images, model="universal-fast", unordered=True, stack=False) == whole
