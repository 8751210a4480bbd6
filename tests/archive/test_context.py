"""Archives of models whose pixels depend on earlier pixels work like any other."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from reference import archive as spec
from reference.message import write_varint

from .conftest import Pipe, assert_same, pack, unpack
from .golden.make import FOLDER, GOLDEN, drawn, model_file

NAMES = [name for name in GOLDEN if name.startswith("context-")]


@pytest.mark.parametrize("name", NAMES)
def test_the_specification_reads_the_golden_ones(name: str) -> None:
    data = (FOLDER / f"{name}.bb").read_bytes()
    assert_same(spec.decode(data), GOLDEN[name][0]())
    assert bitsback.open(io.BytesIO(data)).info()["methods"] == {
        "digits": 0,
        "adaptive": 0,
        "fallback": 0,
        "model": 3,
        "packed": 0,
        "raw": 0,
    }


@pytest.fixture(scope="module")
def grey() -> NDArray[np.uint8]:
    return drawn("context-mixture")


@pytest.fixture(scope="module")
def archive(grey: NDArray[np.uint8]) -> bytes:
    return pack(grey, model=model_file("context-mixture"), embed="always", block=7)


def test_items_and_ranges(grey: NDArray[np.uint8], archive: bytes) -> None:
    """Only the batches of a block that hold the wanted items are decoded."""
    opened = bitsback.open(io.BytesIO(archive))
    for number in (0, 1, 6, 7, 29, -1):
        assert_same(opened[number], grey[number])
    for a, b in ((0, 30), (3, 5), (6, 8), (13, 30)):
        assert_same(opened[a:b], grey[a:b])
        assert_same(opened.reader.array_source.entries(a, b, verify=False), grey[a:b])


def test_threads_and_pipes(grey: NDArray[np.uint8], archive: bytes) -> None:
    for threads in (1, 3):
        assert (
            pack(
                grey, model=model_file("context-mixture"), embed="always", block=7, threads=threads
            )
            == archive
        )
        assert_same(unpack(archive, threads=threads), grey)
    assert_same(bitsback.decompress(Pipe(archive)), grey)


def test_a_model_that_is_not_in_the_archive(grey: NDArray[np.uint8]) -> None:
    data = pack(grey, model=model_file("context-mixture"), embed="never")
    with pytest.raises(bitsback.ArchiveError, match="model"):
        unpack(data)
    assert_same(unpack(data, model=model_file("context-mixture")), grey)


@pytest.mark.parametrize("dtype", ["|b1", "<f4", ">i2"])
def test_two_values_of_any_dtype(dtype: str) -> None:
    array = drawn("context-bernoulli").astype(dtype)
    data = pack(array, model=model_file("context-bernoulli"), embed="always")
    assert bitsback.open(io.BytesIO(data)).info()["methods"]["model"] == 1
    assert_same(unpack(data), array)
    assert_same(spec.decode(data), array)


def test_other_messages_are_found_out(archive: bytes) -> None:
    """With matching checksums, the decoded items still fail the digest."""
    head, sections = archive[:8], spec.read_sections(archive)
    for at in range(1, 8):
        payload = bytearray(sections[2].payload)
        payload[-at] ^= 1
        changed = [*sections[:2], spec.Section("B", 0, bytes(payload), 0), *sections[3:]]
        parts = [
            section.kind.encode() + write_varint(len(section.payload)) + section.payload
            for section in changed
        ]
        forged = (
            head
            + b"".join(part + spec.crc32c(part).to_bytes(4, "little") for part in parts)
            + archive[-12:]
        )
        assert len(forged) == len(archive)
        with pytest.raises(bitsback.ArchiveError, match="block 0"):
            unpack(forged)
