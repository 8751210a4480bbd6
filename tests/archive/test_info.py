"""`info` is cheap: it builds and runs no model and reads only its archive."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.archive.container import library
from bitsback.format.array_part import VARIED, ArrayPart
from bitsback.format.members import pack_files
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.format.unnamed import pack_unnamed
from bitsback.wire import varint
from in_memory import pack
from packing import redescribed

from .test_hostile import archive, block


def test_no_model_is_built(
    tiny: bitsback.Model, dots: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack(dots, model=tiny)

    def build(*_: object) -> bitsback.Model:
        raise AssertionError("a model is built")

    monkeypatch.setattr(library, "unpack_model", build)
    monkeypatch.setattr(bitsback.Model, "build", build)
    (model,) = bitsback.open(io.BytesIO(archive)).info()["models"]
    assert (model["name"], model["identity"]) == ("tiny", tiny.identity[:16].hex())
    monkeypatch.setattr(library, "_described", lambda start, prefix: None)
    (model,) = bitsback.open(io.BytesIO(archive)).info()["models"]
    assert (model["name"], model["identity"]) == (None, tiny.identity[:16].hex())


@pytest.mark.parametrize(
    "description", [b"", b"[" * 100_000, b"[]", b'{"name": 7}', b'{"name": "\\ud800"}', b"\xff"]
)
def test_a_model_that_describes_itself_badly(
    tiny: bitsback.Model, dots: NDArray[np.uint8], description: bytes
) -> None:
    archive = redescribed(pack(dots, model=tiny), description)
    (found,) = bitsback.open(io.BytesIO(archive)).info()["models"]
    assert found["name"] in (None, "\ud800")
    assert bitsback.open(io.BytesIO(archive)).verify()


def test_names_are_counted_and_not_read() -> None:
    count = 20_000
    names = pack_files(
        FOLDER, [(0, count)], ("/".join(["x" * 50] * 3) + str(n) for n in range(count))
    )
    collection = FileCollection(FOLDER, (ArrayPart.of_items("|u1", (1, 1), count),))
    zeros = block(0, Run(count, np.dtype("u1"), (1, 1), None), 0, bytes(count))
    data = archive(collection, (count, zeros), others=names)
    tracemalloc.start()
    assert bitsback.open(io.BytesIO(data)).info()["names"] == count
    assert tracemalloc.get_traced_memory()[1] < 2 * len(data)
    tracemalloc.reset_peak()
    assert len(bitsback.open(io.BytesIO(data)).names) == count
    assert tracemalloc.get_traced_memory()[1] < 64 * len(data)
    tracemalloc.stop()


def test_many_sizes_take_little_memory() -> None:
    count = 20_000
    sizes = tuple((1, 1 + number % 2, 1) for number in range(count))
    part = ArrayPart(np.dtype("u1"), (count,), VARIED, sizes=sizes)
    runs = pack_runs([Run(1, part.dtype, size, None) for _, *size in sizes])
    payload = varint(0) + runs + b"\0" + bytes(part.elements)
    data = archive(FileCollection(FOLDER, (part,)), (count, payload), others=pack_unnamed())
    tracemalloc.start()
    opened = bitsback.open(io.BytesIO(data))
    (told,) = opened.info()["parts"]
    assert (told["items"], told["smallest"], told["largest"]) == (count, [1, 1], [2, 1])
    assert tracemalloc.get_traced_memory()[1] < 120 * len(data)
    tracemalloc.stop()
    assert opened[1].shape == (2, 1) and opened.verify() == []
