"""Models whose pixels depend on those before them: the specification and bitsback code the same
bits with them.
"""

import io
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import Message, _core, load_model
from bitsback.models import Model
from laws import check_laws, check_reference
from networks import SIMD_PATHS
from random_models import random_context_model, random_context_model_file
from reference import archive as spec
from reference import chain as spec_chain
from reference.message import Message as SpecMessage
from reference.model import Model as SpecModel

MODELS: dict[str, dict[str, Any]] = {
    "bernoulli": {},
    "bernoulli, least precision": {
        "precision": 8,
        "shape": (4, 4),
        "window": (1, 1),
        "planes": 1,
        "bits": 4,
    },
    "one row": {"shape": (1, 9), "window": (3, 2), "kernel": 5, "stride": 3, "latents": 1},
    "one column": {"shape": (9, 1), "codec": "mixture", "levels": 5, "precision": 22, "factor": 3},
    "one pixel": {
        "shape": (1, 1),
        "codec": "exponential",
        "levels": 9,
        "precision": 20,
        "kernel": 7,
        "planes": 8,
    },
    "a window beyond the image": {"shape": (3, 2), "window": (8, 8), "kernel": 7, "stride": 4},
    "a family": {"codec": "exponential", "levels": 17, "precision": 18, "seed": 2, "bits": 8},
    "a family of 256 levels": {
        "codec": "exponential",
        "levels": 256,
        "precision": 24,
        "window": (4, 1),
    },
    "a mixture": {"codec": "mixture", "levels": 256, "precision": 24, "spare": 2, "hidden": 33},
    "a mixture of one": {
        "codec": "mixture",
        "levels": 2,
        "precision": 20,
        "components": 1,
        "stride": 1,
    },
    "a mixture of many": {
        "codec": "mixture",
        "levels": 256,
        "precision": 20,
        "components": 32,
        "planes": 3,
    },
    "a mixture, 8 bits": {
        "codec": "mixture",
        "levels": 30,
        "precision": 21,
        "bits": 8,
        "factor": 8,
        "kernel": 1,
    },
}


def some_items(model: Model, count: int, seed: int = 0) -> Any:
    """Any symbols, of which many are at the ends of their range."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, model.levels, (count, model.pixels), np.uint8)
    x[rng.random(x.shape) < 0.3] = 0
    x[rng.random(x.shape) < 0.2] = model.levels - 1
    return x


@cache
def file_of(name: str) -> bytes:
    return random_context_model_file(**MODELS[name])


@cache
def spec_of(name: str) -> SpecModel:
    return SpecModel.from_bytes(file_of(name))


def load(name: str, path: str) -> Model:
    """The model with its networks on this path."""
    before = _core.simd()
    _core.set_simd(path)
    try:
        return load_model(file_of(name))
    finally:
        _core.set_simd(before)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("path", SIMD_PATHS)
def test_a_model_is_the_same_to_both(name: str, path: str) -> None:
    """Loading runs the test vectors of all three networks, which the specification has made."""
    ours, theirs = load(name, path), spec_of(name)
    assert ours.architecture == "context-vae"
    assert ours.identity == theirs.identity
    assert ours.item_shape == theirs.shape
    x = some_items(ours, 9)
    expected = theirs.networks["posterior"].run(x)
    mean, scale = ours.posterior_parameters(x)
    assert (mean == expected["mean"]).all()
    assert (scale == expected["scale"]).all()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("lanes", [1, 3])
def test_its_codecs_keep_the_laws_and_give_the_bits_of_the_specification(
    name: str, lanes: int
) -> None:
    ours, theirs = load_model(file_of(name)), spec_of(name)
    message = Message([2**32 + lane for lane in range(lanes)], [7, 8], depth=3)
    x = some_items(ours, 2, lanes)
    z = np.random.default_rng(lanes).integers(0, 2**ours.bits, (2, ours.latents), np.uint32)
    check_laws(ours.likelihood(z), message, x)
    check_reference(ours.likelihood(z), theirs.likelihood(z), message, x)
    check_laws(ours.codec(2), message, x)
    check_reference(ours.codec(2), theirs.codec(2), message, x)


COUNT = 14


@cache
def chain_of(name: str, lanes: int) -> tuple[bytes, bytes]:
    """The message that the specification starts from, and what it makes of it with some items."""
    x = some_items(load_model(file_of(name)), COUNT)
    start = spec_chain.digest(b"runs", x.tobytes())
    return spec_chain.initial(start, lanes).to_bytes(), spec_chain.encode(
        spec_of(name), x, start, lanes
    ).to_bytes()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("lanes", [1, 4, 16])
@pytest.mark.parametrize("path", SIMD_PATHS)
def test_a_chain_is_that_of_the_specification(name: str, lanes: int, path: str) -> None:
    ours = load(name, path)
    x = some_items(ours, COUNT)
    batches = spec_chain.schedule(COUNT, ours.growth, ours.batch)
    initial, expected = chain_of(name, lanes)

    message = Message.from_bytes(initial)
    ours.push(message, x, batches)
    assert message.to_bytes() == expected
    assert (ours.pop(message, batches[::-1]) == x).all()
    assert message.to_bytes() == initial


@pytest.mark.parametrize("name", MODELS)
def test_batches_one_by_one_are_the_same_chain(name: str) -> None:
    ours = load_model(file_of(name))
    x = some_items(ours, COUNT)
    initial, expected = chain_of(name, 4)
    message, end = Message.from_bytes(initial), COUNT
    for size in spec_chain.schedule(COUNT, ours.growth, ours.batch):
        ours.codec(size).push(message, x[end - size : end])
        end -= size
    assert message.to_bytes() == expected


@pytest.mark.parametrize("name", MODELS)
def test_the_specification_undoes_it(name: str) -> None:
    initial, expected = chain_of(name, 4)
    message = SpecMessage.from_bytes(expected)
    decoded = spec_chain.decode(spec_of(name), message, COUNT)
    assert (decoded == some_items(load_model(file_of(name)), COUNT)).all()
    assert message.to_bytes() == initial


def drawn(model: Model, count: int) -> NDArray[np.uint8]:
    """Items that the model decodes from random bits, which no general compressor would code as
    well.
    """
    words = np.random.default_rng(3).integers(0, 2**32, 200_000, np.uint32)
    message = Message([2**40], words, 0)
    return (
        model.likelihood(model.prior(count).pop(message))
        .pop(message)
        .reshape(count, *model.item_shape)
    )


ARCHIVED: dict[str, dict[str, Any]] = {
    "bernoulli": {"shape": (9, 10), "latents": 1, "seed": 8},
    "a family": {"codec": "exponential", "levels": 17, "precision": 18, "seed": 2},
    "a mixture": {"codec": "mixture", "levels": 256, "precision": 24, "stride": 1},
}
BLOCK = 20


@cache
def archive_of(name: str) -> tuple[bytes, NDArray[np.uint8]]:
    """An archive of two blocks that carries the model, and its items."""
    model = load_model(random_context_model_file(**ARCHIVED[name]))
    x = drawn(model, 2 * BLOCK)
    out = io.BytesIO()
    bitsback.compress(x, out, model=model, embed="always", threads=1, block=BLOCK)
    return out.getvalue(), x


@pytest.mark.parametrize("name", ARCHIVED)
def test_an_archive_that_carries_the_model(name: str) -> None:
    """The specification decodes what the program has written, and would have written the same."""
    data, x = archive_of(name)
    assert (bitsback.decompress(io.BytesIO(data)) == x).all()
    sections = spec.read_sections(data)
    assert [section.kind for section in sections] == ["C", "M", "B", "B", "I"]
    assert (spec.decode(data) == x).all()
    model = spec.embedded.read_model(sections[1].payload)
    assert model.identity == SpecModel(*random_context_model(**ARCHIVED[name])).identity
    for first, section in ((0, sections[2]), (BLOCK, sections[3])):
        reader = spec.Reader(section.payload)
        reader.varint()
        at = reader.at
        list(spec.read_runs(reader))
        runs = section.payload[at : reader.at]
        assert reader.byte() == spec.CHAIN
        reader.take(16)
        message = section.payload[reader.at :]
        items = x[first : first + BLOCK]
        symbols = items.reshape(len(items), -1)
        digest = spec_chain.digest(runs, items.tobytes())
        assert spec_chain.encode(model, symbols, digest, message[0]).to_bytes() == message


ON_AN_ENGINE = """
import sys
from io import BytesIO
import bitsback
from reference.test_context_models import ARCHIVED, archive_of
for name in ARCHIVED:
    data, items = archive_of(name)
    other = sys.stdin.buffer.read(len(data))
    assert other == data, name
    assert (bitsback.decompress(BytesIO(other), threads=1) == items).all(), name
assert not sys.stdin.buffer.read()
"""


@pytest.mark.parametrize("engine", SIMD_PATHS)
def test_every_engine_writes_the_same_archives_and_reads_them(engine: str) -> None:
    """In a process of its own, which takes the engine from its environment."""
    environment = {
        **os.environ,
        "BITSBACK_SIMD": engine,
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    archives = b"".join(archive_of(name)[0] for name in ARCHIVED)
    subprocess.run(
        [sys.executable, "-c", ON_AN_ENGINE], input=archives, env=environment, check=True
    )
