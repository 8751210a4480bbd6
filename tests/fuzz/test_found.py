"""The faults that mutations have found so far, one test each."""

import io

import numpy as np
import pytest

import bitsback
from bitsback.models.embed import pack_model
from fuzz.mutate import read, section
from fuzz.seeds import archives, small_models
from in_memory import Pipe
from packing import index_of
from reference.message import write_varint

WHOLE = {seed.name: seed.data for seed in archives()}


def pack(parts: list[tuple[str, bytes]], head: bytes) -> bytes:
    """The archive of these sections, with an index that fits them."""
    data = head + b"".join(section(*part) for part in parts)
    return data + index_of(data, COUNTS)


SEED = WHOLE["chain of blocks"]
COUNTS = read(SEED)[1]
HEAD = SEED[:8]
MODEL = ("M", pack_model(bitsback.load_model(small_models()["bernoulli"])))  # no block needs it
COLLECTION, *BLOCKS = read(SEED)[0][:-1]
PARTS = [COLLECTION, MODEL, *BLOCKS]


def refused(data: bytes) -> None:
    for source in (io.BytesIO(data), Pipe(data)):
        with pytest.raises(bitsback.ArchiveError):
            bitsback.decompress(source)
    assert bitsback.open(io.BytesIO(data)).verify()


def test_a_claim_of_items_where_the_index_is_damaged_takes_no_memory() -> None:
    data = WHOLE["packed"]
    (kind, collection), *rest = read(data)[0]
    claim = section(kind, collection[:7] + write_varint(2**40) + collection[8:])
    refused(data[:8] + claim + b"".join(section(*part) for part in rest[:-1]))


def test_without_blocks_nothing_stands_behind_them() -> None:
    file = io.BytesIO()
    bitsback.compress(np.empty((0, 2, 3), np.uint8), file)
    empty = file.getvalue()
    index = empty.index(b"I", len(HEAD) + 12)
    refused(empty[:index] + section("x", b"not known") + empty[index:])


def test_an_index_is_no_generation() -> None:
    """The end of an archive, once more behind it, begins with no description."""
    end = len(SEED) - 12 - int.from_bytes(SEED[-12:-4], "little")
    refused(SEED + SEED[end:])


def test_the_archive_that_the_others_are_made_from_is_whole() -> None:
    assert pack([COLLECTION, *BLOCKS], HEAD) == SEED
    whole = io.BytesIO(pack(PARTS, HEAD))
    assert bitsback.open(whole).verify() == []
    assert bitsback.open(whole).info()["models"] == bitsback.open(io.BytesIO(SEED)).info()["models"]


def test_a_damaged_model_that_no_block_asks_for_is_found() -> None:
    collection, (kind, model), *blocks = PARTS
    refused(pack([collection, (kind, model[:500] + b"what" + model[504:]), *blocks], HEAD))


def test_sections_out_of_order_are_found() -> None:
    collection, model, *blocks = PARTS
    other = ("x", b"of no meaning to this reader")
    for parts in (
        [other, collection, model, *blocks],
        [collection, model, blocks[0], other, *blocks[1:]],
    ):
        refused(pack(parts, HEAD))
    for parts in (
        [collection, model, *blocks, other, other],
        [collection, *blocks, model],
        [collection, model, *blocks, other, model],
        [collection, other, model, *blocks],
        [collection, model, other, *blocks],
    ):
        restored = bitsback.decompress(io.BytesIO(pack(parts, HEAD)))
        assert restored.tobytes() == bitsback.decompress(io.BytesIO(SEED)).tobytes()
