"""The specification and bitsback read the same model in the same file, and code the same bits with
it.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest

from agreement import Pair, a_message, assert_equal, runs
from bitsback import Message, MessageError, MessageExhausted, ModelError, load_model
from bitsback.models import Model, bundled, file
from bundled_models import spec_model
from networks import SIMD_PATHS
from random_models import random_context_model_file, random_model, random_model_file
from reference.model import Model as SpecModel

DENSE: dict[str, dict[str, Any]] = {
    "dense": {},
    "dense, bits 1": {"bits": 1},
    "dense, bits 8": {"bits": 8},
    "dense, bits 9": {"bits": 9},
    "dense, bits 12": {"bits": 12},
    "dense, one pixel": {"shape": (1,), "latents": 1},
    "dense, three channels": {"shape": (2, 3, 3), "likelihood_precision": 8},
    "dense, wide": {"shape": (28, 28), "latents": 40, "hidden": 5},
    "bytes": {"likelihood": "beta-binomial", "levels": 256, "likelihood_precision": 24},
    "bytes, least precision": {"likelihood": "beta-binomial", "levels": 256},
    "dense family of 256 levels": {"likelihood": "exponential", "levels": 256,
        "likelihood_precision": 18},
    "dense family of 17 levels": {"likelihood": "exponential", "levels": 17, "shape": (2, 2, 3),
        "bits": 8},
    "dense family of 2 levels": {"likelihood": "exponential", "likelihood_precision": 24},
    "dense mixture of 1000 levels": {"likelihood": "mixture", "levels": 1000, "shape": (2, 5, 2),
        "likelihood_precision": 20},
}  # fmt: skip
SCANS: dict[str, dict[str, Any]] = {
    "pixels": {},
    "pixels, least precision": {"precision": 8, "shape": (4, 4), "window": (1, 1), "planes": 1,
        "bits": 4},
    "one row": {"shape": (1, 9), "window": (3, 2), "kernel": 5, "stride": 3, "latents": 1},
    "one column": {"shape": (9, 1), "codec": "mixture", "levels": 5, "precision": 22, "factor": 3},
    "one pixel": {"shape": (1, 1), "codec": "exponential", "levels": 9, "precision": 20,
        "kernel": 7, "planes": 8},
    "a window beyond the image": {"shape": (3, 2), "window": (8, 8), "kernel": 7, "stride": 4},
    "a family": {"codec": "exponential", "levels": 17, "precision": 18, "seed": 2, "bits": 8},
    "a family of 256 levels": {"codec": "exponential", "levels": 256, "precision": 24,
        "window": (4, 1)},
    "a mixture": {"codec": "mixture", "levels": 256, "precision": 24, "hidden": 33},
    "a mixture of one": {"codec": "mixture", "levels": 2, "precision": 20, "components": 1,
        "stride": 1},
    "a mixture of many": {"codec": "mixture", "levels": 256, "precision": 20, "components": 32,
        "planes": 3},
    "a mixture, 8 bits": {"codec": "mixture", "levels": 30, "precision": 21, "bits": 8, "factor": 8,
        "kernel": 1},
    "a mixture of 65,536 levels": {"codec": "mixture", "levels": 65536, "precision": 20,
        "mean_shift": 9, "shape": (3, 4)},
    "three channels at once": {"shape": (3, 4, 3), "hidden": 40},
    "three channels one by one": {"shape": (3, 4, 3), "codec": "mixture", "levels": 256,
        "precision": 24, "groups": [[1], [2], [0]]},
    "four channels in two groups": {"shape": (4, 3, 4), "codec": "exponential", "levels": 9,
        "precision": 20, "groups": [[3, 0], [2, 1]]},
    "flat contexts": {"flat": True, "seed": 3, "shape": (6, 9), "window": (1, 2)},
    "flat contexts of two groups": {"flat": True, "shape": (5, 5, 2), "codec": "mixture",
        "levels": 40, "precision": 22, "window": (1, 1), "groups": [[1], [0]]},
}  # fmt: skip
MODELS = {**DENSE, **SCANS}


def with_one_of(*values: Any) -> list[Any]:
    """Each model with one of these values, and with the others in the long run."""
    return [
        pytest.param(name, value, marks=[pytest.mark.slow] * ((number + at) % len(values) > 0))
        for number, name in enumerate(MODELS)
        for at, value in enumerate(values)
    ]


@cache
def file_of(name: str) -> bytes:
    make = random_model_file if name in DENSE else random_context_model_file
    return make(**MODELS[name])


@cache
def pair_of(name: str) -> Pair:
    return Pair.of(file_of(name))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_the_same_to_both(name: str) -> None:
    """Loading runs the test vectors of all networks, which the specification has made."""
    ours, theirs = pair_of(name).ours, pair_of(name).theirs
    assert ours.to_bytes() == file_of(name)
    assert (ours.growth, ours.batch, ours.levels) == (
        theirs.bound.growth,
        theirs.bound.batch,
        theirs.levels,
    )


@pytest.mark.parametrize(("name", "lanes"), with_one_of(1, 3))
def test_its_codec_keeps_the_laws_and_gives_the_bits_of_the_specification(
    name: str, lanes: int
) -> None:
    pair = pair_of(name)
    pair.check_codec(pair.items(2, lanes), a_message(lanes, lanes))
    pair.check_random_bits(2, a_message(lanes, lanes, words=2000))


@pytest.mark.parametrize(("name", "lanes"), with_one_of(1, 4, 16))
def test_a_chain_is_that_of_the_specification(name: str, lanes: int) -> None:
    pair = pair_of(name)
    pair.check_chain(pair.items(14 if pair.bound.elements < 100 else 5), lanes)


@pytest.mark.parametrize(("name", "falling"), with_one_of(False, True))
def test_a_multiset_is_that_of_the_specification(name: str, falling: bool) -> None:
    """Multisets of items that are often equal, of as many items, and of one item."""
    pair = pair_of(name)
    falling = falling and pair.theirs.levels == 2
    items = pair.items(5)
    for x in (items[[0, 3, 1, 0, 2, 4, 3, 3, 1]], items[[2] * 4], items[:1]):
        pair.check_set(x, 1 + len(x) % 3, falling)


@pytest.mark.parametrize("name", ["dense", "pixels", "a mixture", "flat contexts of two groups"])
@pytest.mark.parametrize("path", SIMD_PATHS)
def test_every_path_codes_the_same(name: str, path: str) -> None:
    pair = Pair.of(file_of(name), path=path)
    pair.check_chain(pair.items(14), 4)


@pytest.mark.parametrize("name", ["dense", "a family", "flat contexts"])
def test_batches_one_by_one_are_the_same_chain(name: str) -> None:
    pair = pair_of(name)
    core, x, sizes = pair.ours, pair.items(20), [1, 1, 2, 3, 8, 5]
    together, single = a_message(0, 4), a_message(0, 4)
    core.push(together, x, runs(sizes))
    end = len(x)
    for size in sizes:
        core.codec(size).push(single, x[end - size : end])
        end -= size
    assert together == single


@pytest.mark.parametrize("name", ["dense", "a family", "flat contexts of two groups"])
def test_what_a_chain_cannot_code_leaves_the_message_as_it_was(name: str) -> None:
    pair = pair_of(name)
    core, x = pair.ours, pair.items(4)
    out_of_range = x.copy()
    out_of_range[2, 0] = pair.theirs.levels
    for message, items, sizes in [
        (Message([2**32]), x, [(1, 4)]),  # a finite tail that runs out
        (Message([2**40], depth=0), out_of_range, [(1, 4)]),
        (Message([2**40], depth=0), x, [(1, 3)]),  # batches that are not the items
        (Message([2**40], depth=0), x, [(3, 1), (1, 2)]),
        (Message([2**40], depth=0), x, [(0, 2), (4, 1)]),
        (Message([2**40], depth=0), x, [(2**63, 2), (4, 1)]),
        (Message([2**40], depth=0), x, [(2**32, 2**32), (4, 1)]),
        (Message([2**40], depth=0), x[:, :-1], [(1, 4)]),
        (Message([2**40], depth=0), x.astype(np.int64) - 1, [(1, 4)]),
    ]:
        before = message.copy()
        with pytest.raises((MessageError, ValueError, OverflowError)):
            core.push(message, items, sizes)
        assert message == before
    finite = Message([2**32])
    with pytest.raises(MessageExhausted):
        core.pop(finite, [(1, 1), (3, 1)])
    assert finite == Message([2**32])


def test_nothing_is_coded_as_nothing() -> None:
    core, message = pair_of("pixels").ours, a_message(0, 4)
    core.push(message, np.zeros((0, 35), np.uint8), [])
    assert core.pop(message, []).shape == (0, 35)
    assert message == a_message(0, 4)


@pytest.mark.parametrize(
    "name", [name for name in bundled.names() if not bundled.outline(name).any_shape]
)
@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_bundled_models(name: str, size: int) -> None:
    ours, theirs = bundled.load(name), spec_model(name)
    assert theirs.identity == ours.identity == load_model(ours.to_bytes()).identity
    pair = Pair(ours, theirs, theirs.bound.size)
    pair.check_codec(pair.items(size), a_message(size, 2))


def test_a_model_with_a_size_codes_images_of_it() -> None:
    pair = pair_of("three channels one by one")
    x = pair.items(5)
    ours, bound = a_message(0, 2), a_message(0, 2)
    pair.ours.push(ours, x, [(1, 1), (4, 1)])
    pair.ours.bind([(5, pair.ours.shape_of())]).push(bound, x.reshape(-1), [(1, 1), (4, 1)])
    assert ours == bound
    assert_equal(pair.ours.pop(ours, [(4, 1), (1, 1)]), x)
    with pytest.raises(ModelError, match="images"):
        pair.ours.shape_of((4, 3))


def test_the_identity_does_not_depend_on_the_order_of_tensors() -> None:
    description, tensors = random_model()
    turned = dict(reversed(tensors.items()))
    assert file.identity(description, turned) == SpecModel(description, tensors).identity
    assert Model.build(description, turned).identity == Model.build(description, tensors).identity
    other = description.replace('"random"', '"other"')
    assert file.identity(other, tensors) != file.identity(description, tensors)
