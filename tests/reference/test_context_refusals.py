"""What docs/model-format.md does not allow of a `context-vae` and its layers is refused, by both
and with a reason.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitsback import ModelError
from bitsback.models import Model
from random_models import Tensors, random_context_model
from reference.model import Model as SpecModel
from reference.network import ModelError as SpecModelError

KINDS: dict[str, dict[str, Any]] = {
    "mixture": {"codec": "mixture", "levels": 30, "precision": 22},
    "bernoulli": {},
    "exponential": {"codec": "exponential", "levels": 9, "precision": 18},
}
MISSING = object()
HUGE = 2**40

Change = Callable[[dict[str, Any], Tensors], None]


def refused(kind: str, change: Change, match: str, **sizes: Any) -> None:
    description, tensors = random_context_model(**KINDS[kind], **sizes)
    about = json.loads(description)
    change(about, tensors)
    with pytest.raises(ModelError, match=match) as ours:
        Model.build(json.dumps(about), tensors)
    assert "\n" not in str(ours.value)
    assert "does not compute on this machine" not in str(ours.value)
    with pytest.raises((SpecModelError, KeyError)) as theirs:
        SpecModel(json.dumps(about), tensors)
    assert "test vectors" not in str(theirs.value)


def find(about: dict[str, Any], path: list[str]) -> Any:
    """The object at a path of keys, and of names of layers."""
    for key in path:
        about = (
            next(layer for layer in about if layer["name"] == key)
            if isinstance(about, list)
            else about[key]
        )
    return about


def set_field(place: str, value: Any) -> Change:
    *path, key = place.split(" ")

    def change(about: dict[str, Any], tensors: Tensors) -> None:
        if value is MISSING:
            del find(about, path)[key]
        else:
            find(about, path)[key] = value

    return change


# By the place of a field: what it may not hold, and what the error names.
FIELDS: list[tuple[str, list[Any], str]] = [
    ("architecture", ["hvae", "context", 1, MISSING], "architecture"),
    ("architecture", ["vae"], "codec|pixel|size"),
    ("item shape", [[35], [5, 7, 1], [], [0, 7], [5, HUGE]], "shape"),
    ("likelihood", [MISSING], "likelihood"),
    ("likelihood size", [MISSING, [6], [6, 8, 1], "6x8", [0, 8], [-6, -8], [6, True]], "size"),
    ("likelihood size", [[HUGE, 1], [HUGE, HUGE], [2**24 + 1, 8]], "size"),
    ("likelihood size", [[4, 8], [6, 6], [3, 16], [1, 48], [48, 1]], "features"),
    ("likelihood size", [[6, 9], [5, 7], [7, 8], [2**24, 2**24]], "features"),
    ("likelihood precision", [16], "precision"),
    ("likelihood codec", ["bernoulli"], "codec"),
    ("likelihood network", [MISSING, {}, []], "network|features"),
    ("pixel", [MISSING, []], "pixel"),
    ("pixel codec", [MISSING, "beta-binomial", "gaussian", "Mixture", None], "codec"),
    ("pixel precision", [MISSING, 19, 25, True, "22"], "precision"),
    ("pixel size", [[1, 1]], "size"),
    (
        "pixel window",
        [MISSING, [0, 3], [9, 3], [2, 0], [2, 9], [-1, 3], [HUGE, HUGE], [2, HUGE]],
        "window",
    ),
    ("pixel window", [[2], [2, 3, 4], [], 2, "23", {}, [True, 3], [None, 3]], "window"),
    ("pixel window", [[3, 3], [2, 4], [8, 8]], "first_hidden"),
    ("pixel network", [MISSING, [], {}], "network|weight"),
    ("posterior network few size", [[5, 8], [7, 8], [35, 35], [2**24, 2**24]], "few"),
    (
        "posterior network few size",
        [MISSING, [0, 7], [35], [5, 7, 1], [HUGE, 1], [HUGE, HUGE], [True, 7]],
        "size",
    ),
    ("posterior network few kernel", [MISSING, 0, 2, 4, 6, 8, 9, -3, True, HUGE], "kernel"),
    ("posterior network few kernel", [1, 5, 7], "few.*weight"),
    ("posterior network few stride", [MISSING, 0, 5, -1, True, HUGE], "stride"),
    ("posterior network few stride", [1, 3], "change"),
    ("posterior network few shift", [MISSING, 0, 53, True], "shift"),
    (
        "posterior network few clamp",
        [MISSING, [0, 0], [3, 1], [0, 1, 2], [-32769, 0], [0, 32768]],
        "clamp",
    ),
    ("posterior network few clamp", [[-1, 255], [0, 256]], "change"),
    ("posterior network few padding", ["zeros"], "padding"),
    ("posterior network few input", ["change", "few", "y", MISSING], "few|input"),
    ("posterior network few op", ["convolution", "linear", "table", "add"], "op|size|few|other"),
    ("posterior network mean clamp", [[-2049, 0], [0, 2048]], "mean"),
    ("likelihood network up size", [MISSING, [0, 4], [HUGE, HUGE]], "size"),
    ("likelihood network up size", [[3, 5], [4, 4], [2, 5]], "up"),
    ("likelihood network up factor", [MISSING, 0, 1, 9, -2, True, HUGE], "factor"),
    ("likelihood network up factor", [3, 5, 8], "up"),
    ("likelihood network up clamp", [[0, 255]], "clamp"),
    ("likelihood network hidden other", [MISSING, "hidden", "features", "x", 3], "other|hidden"),
    ("likelihood network hidden other", ["z", "value"], "hidden"),
    ("likelihood network hidden clamp", [MISSING, [7, 7], [-32769, 3], "bytes"], "clamp"),
    ("likelihood network hidden shift", [1], "shift"),
    ("likelihood network features clamp", [[-1, 255], [0, 256]], "features"),
    ("likelihood network features name", ["feature", "z"], "feature|name"),
    ("pixel network first_hidden name", ["context", "pixel.a"], "context|name"),
    ("pixel network weight clamp", [[-1, 255], [0, 256]], "weight"),
    ("pixel network scale clamp", [[-1, 255], [0, 256]], "scale"),
    ("pixel network mean name", ["means"], "mean"),
    ("likelihood size", [[6.0, 8]], "6.0"),
    ("pixel window", [[2, 3.0]], "3.0"),
    ("posterior network few stride", [2.5], "2.5"),
    ("test sha256 features", [MISSING], "features"),
    ("test sha256 pixel.mean", [MISSING], "pixel.mean"),
    ("test sha256 weight", ["0" * 64], "weight"),
    ("test sha256 pixel.logit", ["0" * 64], "logit"),
]


@pytest.mark.parametrize(("place", "values", "match"), FIELDS)
def test_a_field(place: str, values: list[Any], match: str) -> None:
    for value in values:
        refused("mixture", set_field(place, value), match)


@pytest.mark.parametrize(
    ("kind", "values"), [("bernoulli", [7, 17]), ("exponential", [15, 25]), ("mixture", [19, 25])]
)
def test_the_precision_of_each_codec(kind: str, values: list[int]) -> None:
    for value in values:
        refused(kind, set_field("pixel precision", value), "precision")


def test_a_codec_for_other_levels() -> None:
    for kind in ("mixture", "exponential"):
        refused(kind, set_field("pixel codec", "bernoulli"), "levels|precision")


def set_tensor(name: str, value: Any) -> Change:
    def change(about: dict[str, Any], tensors: Tensors) -> None:
        if value is MISSING:
            del tensors[name]
        else:
            tensors[name] = value

    return change


def u32(*changed: int, count: int = 256) -> Any:
    """So many entries, all 1,000 but for the last."""
    entries = np.full(count, 1000, np.uint32)
    entries[count - len(changed) :] = changed
    return entries


def planes(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.zeros(shape, dtype)


TENSORS: list[tuple[str, str, list[Any]]] = [
    (
        "mixture",
        "pixel.planes",
        [MISSING, planes(2, 29), planes(2, 31), planes(2), planes(30), planes(2, 30, 1)],
    ),
    (
        "mixture",
        "pixel.planes",
        [planes(0, 30), planes(9, 30), planes(2, 0), planes(2, 30, dtype=np.int8)],
    ),
    (
        "mixture",
        "pixel.exponential",
        [MISSING, u32(0), u32(2**24 + 1), u32(2**32 - 1), u32(count=255), u32(count=257)],
    ),
    ("mixture", "pixel.exponential", [u32().astype(np.int32), u32().reshape(2, 128)]),
    (
        "mixture",
        "pixel.inverse_scale",
        [MISSING, u32(0), u32(2**26 + 1), u32(count=255), u32().astype(np.uint16)],
    ),
    ("mixture", "pixel.spare", [u32()]),
    ("mixture", "likelihood.exponential", [u32()]),
    ("mixture", "likelihood.up.weight", [np.zeros((1, 1), np.int8)]),
    ("mixture", "likelihood.hidden.table", [np.zeros(256, np.uint8)]),
    (
        "bernoulli",
        "pixel.probability",
        [MISSING, np.zeros(256, np.uint16), np.ones(255, np.uint16)],
    ),
    ("bernoulli", "likelihood.probability", [np.ones(256, np.uint16)]),
    (
        "exponential",
        "pixel.base",
        [MISSING, np.zeros(8, np.int16), np.zeros(9, np.int32), np.zeros((9, 1), np.int16)],
    ),
    (
        "exponential",
        "pixel.first_value",
        [np.zeros(6, np.int16), np.zeros(0, np.int16), np.zeros(257, np.int16)],
    ),
]


@pytest.mark.parametrize(("kind", "name", "values"), TENSORS)
def test_a_tensor(kind: str, name: str, values: list[Any]) -> None:
    match = "first" if name == "pixel.first_value" else name.removeprefix("likelihood.")
    for value in values:
        refused(kind, set_tensor(name, value), match)


def test_planes_of_which_the_network_knows_nothing() -> None:
    for count in (1, 3, 8):
        refused("mixture", set_tensor("pixel.planes", planes(count, 30)), "first_hidden")


def resized(layer: str, outputs: int) -> Change:
    """The linear layer or convolution NETWORK.LAYER with so many outputs."""

    def change(about: dict[str, Any], tensors: Tensors) -> None:
        for part in ("weight", "bias", "multiplier"):
            tensors[f"{layer}.{part}"] = np.repeat(tensors[f"{layer}.{part}"][:1], outputs, axis=0)

    return change


@pytest.mark.parametrize("channels", [0, 257])
def test_features_of_too_few_or_too_many_channels(channels: int) -> None:
    refused("mixture", resized("likelihood.features", channels), "features")


@pytest.mark.parametrize("name", ["weight", "mean", "scale"])
@pytest.mark.parametrize("outputs", [0, 2, 4, 33])
def test_components_that_do_not_agree(name: str, outputs: int) -> None:
    refused("mixture", resized(f"pixel.{name}", outputs), f"weight|{name}")


@pytest.mark.parametrize("outputs", [0, 33])
def test_too_few_or_too_many_components(outputs: int) -> None:
    def change(about: dict[str, Any], tensors: Tensors) -> None:
        for name in ("weight", "mean", "scale"):
            resized(f"pixel.{name}", outputs)(about, tensors)

    refused("mixture", change, "weight")


@pytest.mark.parametrize(
    ("kind", "name"), [("bernoulli", "raw"), ("exponential", "first"), ("exponential", "second")]
)
def test_outputs_for_more_than_one_pixel(kind: str, name: str) -> None:
    for outputs in (0, 2):
        refused(kind, resized(f"pixel.{name}", outputs), "logit|raw" if name == "raw" else name)


@pytest.mark.parametrize(
    ("bias", "multiplier"), [(2**31 - 1, 1), (-(2**31), 1), (2**25, 2**31 - 1), (0, 0), (0, -1)]
)
def test_a_convolution_keeps_the_bounds_of_a_linear_layer(bias: int, multiplier: int) -> None:
    def change(about: dict[str, Any], tensors: Tensors) -> None:
        tensors["posterior.few.bias"][1] = bias
        tensors["posterior.few.multiplier"][1] = multiplier

    refused("mixture", change, "few")


def test_a_layer_that_nothing_reads() -> None:
    def change(about: dict[str, Any], tensors: Tensors) -> None:
        about["likelihood"]["network"].insert(
            3, {"op": "add", "name": "idle", "input": "up", "other": "up", "clamp": [0, 9]}
        )

    refused("mixture", change, "idle")


def test_an_image_of_more_elements_than_a_network_may_have() -> None:
    """The posterior's first convolution would make 2^26 of 2^24."""

    def change(about: dict[str, Any], tensors: Tensors) -> None:
        about["item"]["shape"] = [4096, 4096]
        few = find(about, ["posterior", "network", "few"])
        few |= {"size": [4096, 4096], "stride": 1}

    refused("mixture", change, "2\\^25|size")


def test_a_batch_of_more_elements_than_one_may_have() -> None:
    """The posterior has some 100,000 an item."""
    refused("mixture", set_field("chain batch", 4096), "2\\^28", shape=(150, 150), latents=1)


def test_the_models_that_the_broken_ones_are_made_from_are_whole() -> None:
    for sizes in KINDS.values():
        Model.build(*random_context_model(**sizes))
        SpecModel(*random_context_model(**sizes))
