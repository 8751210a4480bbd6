"""The specification and bitsback read the same model in the same file, and code the same bits with
it.
"""

import json
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError, MessageExhausted, ModelError, _core, load_model
from bitsback.models import Model, bundled, file
from bundled_models import spec_model
from laws import check_laws, to_reference
from networks import SIMD_PATHS
from random_models import random_model, random_model_file
from reference import chain as spec_chain
from reference.model import Model as SpecModel
from reference.network import ModelError as SpecModelError

SIZES: dict[str, dict[str, Any]] = {
    "plain": {},
    "bits 4": {"bits": 4},
    "bits 8": {"bits": 8},
    "bits 9": {"bits": 9},
    "bits 12": {"bits": 12},
    "one pixel": {"shape": (1,), "latents": 1},
    "four axes": {"shape": (2, 3, 1, 4), "likelihood_precision": 8},
    "wide": {"shape": (28, 28), "latents": 40, "hidden": 65},
    "bytes": {"likelihood": "beta-binomial", "levels": 256, "likelihood_precision": 24},
    "bytes, least precision": {"likelihood": "beta-binomial", "levels": 256},
    "a family of 256 levels": {
        "likelihood": "exponential",
        "levels": 256,
        "likelihood_precision": 18,
    },
    "a family of 17 levels": {
        "likelihood": "exponential",
        "levels": 17,
        "shape": (2, 2, 3),
        "bits": 8,
    },
    "a family of 2 levels": {"likelihood": "exponential", "levels": 2, "likelihood_precision": 24},
}


def both(data: bytes) -> tuple[Model, SpecModel]:
    return load_model(data), SpecModel.from_bytes(data)


def some_items(model: Model, count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, model.levels, (count, model.pixels), np.uint8)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("path", SIMD_PATHS)
def test_a_model_is_the_same_to_both(sizes: str, path: str) -> None:
    before = _core.simd()
    _core.set_simd(path)
    try:
        ours, theirs = both(random_model_file(**SIZES[sizes]))
    finally:
        _core.set_simd(before)
    assert ours.identity == theirs.identity
    assert ours.item_shape == theirs.shape
    x = some_items(ours, 9)
    expected = theirs.networks["posterior"].run(x)
    mean, scale = ours.posterior_parameters(x)
    assert (mean == expected["mean"]).all()
    assert (scale == expected["scale"]).all()
    z = np.random.default_rng(1).integers(0, 2**theirs.bits, (9, theirs.latents), np.uint16)
    expected = theirs.networks["likelihood"].run(z)
    names = ("logit",) if theirs.likelihood_codec == "bernoulli" else ("first", "second")
    for name, values in zip(names, ours.likelihood_parameters(z), strict=True):
        assert (values == expected[name]).all()


@pytest.mark.parametrize("sizes", SIZES)
def test_its_codec_keeps_the_laws_and_gives_the_bits_of_the_specification(sizes: str) -> None:
    ours, theirs = both(random_model_file(**SIZES[sizes]))
    for lanes in (1, 2, 3, 8):
        message = Message([2**32 + lane for lane in range(lanes)], [7, 8], depth=3)
        x = some_items(ours, 3, lanes)
        check_laws(ours.codec(3), message, x)
        pushed, reference = message.copy(), to_reference(message)
        ours.codec(3).push(pushed, x)
        theirs.codec(3).push(reference, x.ravel().tolist())
        assert pushed.to_bytes() == reference.to_bytes()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("lanes", [1, 4, 5, 8, 16])
def test_a_chain_is_that_of_the_specification(sizes: str, lanes: int) -> None:
    """All batches in one call, the same one by one, and the specification."""
    ours, theirs = both(random_model_file(**SIZES[sizes]))
    x = some_items(ours, 21 if ours.pixels < 100 else 5)
    batches = spec_chain.schedule(len(x), theirs.growth, theirs.batch)
    start = spec_chain.digest(b"runs", x.tobytes())
    initial = Message.from_bytes(spec_chain.initial(start, lanes).to_bytes())
    expected = spec_chain.encode(theirs, x, start, lanes)

    message = initial.copy()
    ours.push(message, x, batches)
    assert message.to_bytes() == expected.to_bytes()
    assert (ours.pop(message, batches[::-1]) == x).all()
    assert message == initial

    end = len(x)
    for size in batches:
        ours.codec(size).push(message, x[end - size : end])
        end -= size
    assert message.to_bytes() == expected.to_bytes()

    decoded = spec_chain.decode(theirs, expected, len(x))
    assert (decoded == x).all()
    spec_chain.check_end(expected, start)


def test_what_a_chain_cannot_code_leaves_the_message_as_it_was() -> None:
    model = load_model(random_model_file())
    x = some_items(model, 4)
    for message, items, sizes in [
        (Message([2**40], [1, 2, 3]), x, [1, 3]),  # a finite tail that runs out
        (Message([2**40], depth=0), x + 1, [1, 3]),  # symbols out of range
        (Message([2**40], depth=0), x, [1, 2]),  # batches that are not the items
        (Message([2**40], depth=0), x[:, :-1], [1, 3]),
    ]:
        before = message.copy()
        with pytest.raises((MessageError, ValueError)):
            model.push(message, items, sizes)
        assert message == before
    finite = Message([2**40], [1, 2, 3])
    with pytest.raises(MessageExhausted):
        model.pop(finite, [1, 3])
    assert finite == Message([2**40], [1, 2, 3])


@pytest.mark.parametrize("name", bundled.names())
def test_bundled_models(name: str) -> None:
    ours = bundled.load(name)
    data = ours.to_bytes()
    theirs = spec_model(name)
    assert theirs.identity == ours.identity == load_model(data).identity
    x = some_items(ours, 2)
    for size in (1, 2):
        message = Message([2**32, 2**64 - 1], depth=0)
        reference = to_reference(message)
        ours.codec(size).push(message, x[:size])
        theirs.codec(size).push(reference, x[:size].ravel().tolist())
        assert message.to_bytes() == reference.to_bytes()


def test_the_identity_does_not_depend_on_the_order_of_tensors() -> None:
    description, tensors = random_model()
    turned = dict(reversed(tensors.items()))
    assert file.identity(description, turned) == SpecModel(description, tensors).identity
    assert Model.build(description, turned).identity == Model.build(description, tensors).identity
    other = description.replace('"random"', '"other"')
    assert file.identity(other, tensors) != file.identity(description, tensors)


def changed_family() -> tuple[dict[str, Any], dict[str, Any]]:
    description, tensors = random_model(likelihood="exponential", levels=9)
    return json.loads(description), tensors


def change_of(change: str) -> tuple[str, Any]:
    description, tensors = random_model(bits=10)
    about = json.loads(description)
    match change:
        case "another format":
            about["format"] = "bitsback-network"
        case "a newer version":
            about["version"] = 1
        case "an unknown key":
            about["colour"] = "sRGB"
        case "an unknown key inside":
            about["latent"]["dtype"] = "u2"
        case "no licence":
            del about["licence"]
        case "another architecture":
            about["architecture"] = "hvae"
        case "no axes":
            about["item"]["shape"] = []
        case "five axes":
            about["item"]["shape"] = [3, 5, 1, 1, 1]
        case "an empty item":
            about["item"]["shape"] = [0, 15]
        case "another item":
            about["item"]["shape"] = [4, 4]
        case "three levels":
            about["item"]["levels"] = 3
        case "no growth":
            about["chain"]["growth"] = 0
        case "too much growth":
            about["chain"]["growth"] = 257
        case "too large a batch":
            about["chain"]["batch"] = 4097
        case "a count that is true":
            about["chain"]["batch"] = True
        case "fewer bits":
            about["latent"]["bits"] = 9
        case "too many bits":
            about["latent"]["bits"] = 13
        case "too many latents":
            about["latent"]["count"] = 4097
        case "too little precision":
            about["posterior"]["precision"] = 13
        case "too much precision":
            about["posterior"]["precision"] = 25
        case "a likelihood with too much precision":
            about["likelihood"]["precision"] = 17
        case "a likelihood with less precision than its table":
            about["likelihood"]["precision"] = 15
        case "a family with too little precision":
            about, tensors = changed_family()
            about["likelihood"]["precision"] = 15
        case "a family with too much precision":
            about, tensors = changed_family()
            about["likelihood"]["precision"] = 25
        case "a family of other levels":
            about, tensors = changed_family()
            about["item"]["levels"] = 8
        case "a family with one value too few":
            about, tensors = changed_family()
            tensors["likelihood.first_value"] = tensors["likelihood.first_value"][:-1]
        case "a family with no values":
            about, tensors = changed_family()
            tensors["likelihood.second_value"] = np.zeros(0, np.int16)
        case "a family with too many rows":
            about, tensors = changed_family()
            tensors["likelihood.first_value"] = np.zeros(256, np.int16)
            tensors["likelihood.second_value"] = np.zeros(17, np.int16)
        case "a family with a wide base":
            about, tensors = changed_family()
            tensors["likelihood.base"] = tensors["likelihood.base"].astype(np.int32)
        case "a family without a statistic":
            about, tensors = changed_family()
            del tensors["likelihood.second_statistic"]
        case "a family of one level":
            about, tensors = changed_family()
            about["item"]["levels"] = 1
        case "a grid of bytes for 9 levels":
            about, tensors = changed_family()
            about["likelihood"]["codec"] = "beta-binomial"
        case "another codec":
            about["posterior"]["codec"] = "logistic"
        case "another seed":
            about["test"]["seed"] = 3
        case "another hash":
            about["test"]["sha256"]["logit"] = "0" * 64
        case "a hash too many":
            about["test"]["sha256"]["hidden"] = "0" * 64
        case "a tensor too many":
            tensors["posterior.spare.table"] = np.zeros(3, np.uint8)
        case "a tensor too few":
            del tensors["likelihood.hidden.bias"]
        case "another weight":
            tensors["likelihood.hidden.weight"] = -tensors["likelihood.hidden.weight"]
        case "a probability of zero":
            tensors["likelihood.probability"] = tensors["likelihood.probability"] * np.uint16(0)
        case "an inverse scale too large":
            tensors["posterior.inverse_scale"] = np.full(256, 2**26 + 1, np.uint32)
        case "an inverse scale too small":
            tensors["posterior.inverse_scale"] = np.full(256, 2**10 - 1, np.uint32)
        case "too few inverse scales":
            tensors["posterior.inverse_scale"] = np.full(255, 2**16, np.uint32)
        case "a mean beyond its range":
            about["posterior"]["network"][1]["clamp"] = [-2049, 2047]
    return json.dumps(about), tensors


CHANGES = [
    constant
    for constant in change_of.__code__.co_consts
    if isinstance(constant, str) and " " in constant
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_format_does_not_allow_is_refused_by_both(change: str) -> None:
    description, tensors = change_of(change)
    with pytest.raises(ModelError):
        Model.build(description, tensors)
    with pytest.raises((SpecModelError, KeyError, ValueError)):
        SpecModel(description, tensors)


def test_the_model_that_the_broken_ones_are_made_from_is_whole() -> None:
    Model.build(*change_of("nothing"))
    Model.build(*random_model(likelihood="exponential", levels=9))
    SpecModel(*change_of("nothing"))
