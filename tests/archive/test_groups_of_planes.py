"""A reader of a wavefront stops behind the group of the last item that it needs."""

from __future__ import annotations

import io

import numpy as np
import pytest

import bitsback
from bitsback.coding import chain
from bitsback.models import bundled
from bitsback.models.item_shape import ItemShape
from bundled_models import spec_model
from in_memory import pack, unpack
from reference import archive as spec
from reference import wavefront

from .conftest import assert_same


def test_groups_are_those_of_the_specification() -> None:
    random = np.random.default_rng(0)
    model = bundled.load("universal-fast")
    for most in (3, 40, 900):
        shapes = [
            (int(count), ItemShape(1, int(rows), int(columns), 3, 256))
            for count, rows, columns in random.integers(1, most, (9, 3))
        ]
        left = [wavefront.ItemShape(*shape) for count, shape in shapes for _ in range(count)]
        (bound,), done = chain.stretches(model, shapes), 0
        while left:
            group = wavefront.group_size(left)
            assert bound.decodable(done + 1) == bound.decodable(done + group) == done + group
            left, done = left[group:], done + group
    assert model.bind([]).decodable(1) == 0


@pytest.mark.parametrize("name", ["universal", "universal-fast", "universal-mixed"])
def test_archives(name: str) -> None:
    random = np.random.default_rng(1)
    y, x = np.indices((6, 7))
    waves = 128 + 90 * np.sin(x / 5 + np.arange(7)[:, None, None]) * np.cos(y / 4)
    images = (waves + random.normal(0, 2, waves.shape)).astype(np.uint8)
    archive = pack(images, model=name, stack=False)
    assert_same(unpack(archive), images)
    assert_same(spec.decode(archive, [spec_model(name)]), images)
    opened = bitsback.open(io.BytesIO(archive))
    for item in (6, 0, 4):
        assert_same(opened[item], images[item])
    assert opened.verify() == []
