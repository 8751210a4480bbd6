"""The program and the specification refuse models that docs/model-format.md does not allow; the
program's error is one line that names the fault.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bitsback import ModelError
from bitsback.models import Model
from broken_models import MISSING, MODELS, Change, broken, field, renamed, tensor
from model_parts import Tensors
from reference.model import Model as SpecModel
from reference.rules import ModelError as SpecModelError

HUGE = 2**40
NO_OBJECT: list[Any] = [MISSING, [], "text", 3, None]
NO_LIST: list[Any] = [MISSING, {}, "text", 3, None]
UNIFORM = {"codec": "uniform"}


def refused(description: str, tensors: Tensors, match: str) -> None:
    with pytest.raises(ModelError, match=match) as ours:
        Model.build(description, tensors)
    assert "\n" not in str(ours.value)
    with pytest.raises(SpecModelError) as theirs:
        SpecModel(description, tensors)
    for error in (ours, theirs):
        assert "on this machine" not in str(error.value)
        assert "test vectors" not in str(error.value)


@pytest.mark.parametrize("model", MODELS)
def test_the_models_that_the_broken_ones_are_made_from_are_whole(model: str) -> None:
    Model.build(*broken(model))
    SpecModel(*broken(model))


# The model, the place of a field, a forbidden value, and the word in the error.
Rows = list[tuple[str, str, Sequence[Any], str]]

THE_MODEL: Rows = [
    ("dense", "format", [MISSING, "bitsback-network", 1], "format"),
    ("dense", "version", [MISSING, 2, True, "1"], "version"),
    ("dense", "version", [0], "version"),
    ("dense", "colour", ["sRGB"], "colour"),
    ("dense", "name", [MISSING, "", "A", "a/b", "-a", "a" * 65, "a\n", 3], "name"),
    ("dense", "about", [MISSING, "a\nb", "a\x1b[31m", "\u2028", "\u00a0", "\u202e", "a" * 1001, 3],
     "about"),
    ("dense", "licence", [MISSING, "a\tb", None], "licence"),
    ("dense", "chain", NO_OBJECT, "chain"),
    ("dense", "chain/growth", [MISSING, 0, 257, True, "96"], "growth"),
    ("dense", "chain/batch", [MISSING, 0, 4097, -1], "batch"),
    ("dense", "chain/lanes", [4], "lanes"),
    ("dense", "test", NO_OBJECT, "test"),
    ("dense", "test/seed", [MISSING, -1, 2**64], "seed"),
    ("dense", "test/count", [MISSING, 0, 17], "count"),
    ("dense", "test/size", [[3, 5]], "size"),
    ("no size", "test/size", [MISSING, [0, 3], [4097, 1], [3], [3, 4, 1], 3, [True, 3]], "size"),
    ("dense", "test/sha256", [[], "text", 3, None], "sha256"),
    ("dense", "test/sha256/posterior.hidden", ["0" * 64], "posterior.hidden"),
    ("dense", "test/sha256/posterior.mean", [MISSING], "posterior.mean"),
]  # fmt: skip

VARIABLES: Rows = [
    ("dense", "variables", NO_OBJECT, "variables|'x'"),
    ("dense", "variables/x", NO_OBJECT, "x"),
    ("dense", "variables/x/channels", [MISSING, 0, 257, True], "channels"),
    ("dense", "variables/x/levels", [MISSING, 1, 65537, "2"], "levels"),
    ("dense", "variables/x/bits", [1], "bits"),
    ("dense", "variables/x/grid", [1], "grid"),
    ("dense", "variables/x/size", [[0, 5], [-3, -5], [3], [3, 5, 1], "3x5", [True, 5], [3.0, 5]],
     r"size|3\.0"),
    ("dense", "variables/x/size", [[2**12, 2**12 + 1], [HUGE, 1], [HUGE, HUGE]], r"2\^24|size"),
    ("dense", "variables/z", NO_OBJECT[1:], "z"),
    ("dense", "variables/z/channels", [MISSING, 0, 4097], "channels"),
    ("dense", "variables/z/bits", [MISSING, 0, 13], "bits"),
    ("dense", "variables/z/levels", [4], "levels"),
    ("dense", "variables/z/grid", [0, 65, True, None], "grid"),
    ("dense", "variables/w", [{"channels": 1, "bits": 1}], "w"),
    *(("dense", f"variables/{name}", [{"channels": 1, "bits": 1}], "variables")
      for name in ("context", "features", "W", "1w", "w" * 65, "w-w", "")),
]  # fmt: skip

CODE: Rows = [
    ("dense", "code", NO_LIST, "code"),
    ("dense", "code", [[], ["push x ~ p(x|z)"], ["pop z ~ q(z|x)", "push z ~ p(z)"]], "code"),
    ("dense", "code/0", [
        3, "pop z", "pop  z ~ q(z|x)", "pop z~q(z|x)", "pop z ~ q(z|x) ", "Pop z ~ q(z|x)",
        "take z ~ q(z|x)", "pop z ~ q(z | x)", "pop z ~ q(z|x)\n", "pop w ~ q(z|x)",
        "pop x ~ p(x|z)", "pop z ~ q(z)", "pop z ~ p(x|z)", "push z ~ p(z)", "push x ~ p(x|z)",
    ], "code"),
    ("dense", "code/1", ["push z ~ q(z|x)", "push z ~ p(z)", "pop x ~ p(x|z)"], "code"),
    ("dense", "code/2", ["pop z ~ p(z)", "push x ~ p(x|z)", "push z ~ q(z|x)"], "code"),
    ("dense", "code", [
        ["pop z ~ q(z|x)", "push z ~ p(z)", "push x ~ p(x|z)"],
        ["push x ~ p(x|z)", "pop z ~ q(z|x)", "push z ~ p(z)"],
        ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)", "push x ~ p(x|z)"],
        ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)", "pop z ~ q(z|x)"],
        ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)", "pop z ~ p(z)", "push z ~ p(z)"],
        ["pop z ~ q(z|x)", "pop z ~ p(z)", "push x ~ p(x|z)", "push z ~ p(z)"],
    ], "code"),
    ("two latents", "code", [
        ["pop z ~ q(z|x)", "push x ~ p(x|z)", "pop y ~ q(y|z)", "push y ~ p(y)", "push z ~ p(z|y)"],
        ["pop y ~ q(y|z)", "pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z|y)", "push y ~ p(y)"],
        ["pop z ~ q(z|x)", "push x ~ p(x|z)", "pop y ~ p(y)", "push z ~ p(z|y)", "push y ~ p(y)"],
        ["pop z ~ q(z|x)", "push x ~ p(x|z)", "pop y ~ q(y|z)", "push z ~ p(z|y)"],
    ], "code"),
]  # fmt: skip

DISTRIBUTIONS: Rows = [
    ("layers", "distributions/p(z|y)/precision", [MISSING, 19, 25, True], "precision"),
    ("layers", "distributions/p(z|y)/mean_shift", [MISSING, -1, 10, True], "mean_shift"),
    ("layers", "distributions/p(z|y)/outputs",
     [MISSING, [], ["mean"], ["mean", "mean"], ["scale", "mean"], ["mean", "scale", "mean"]],
     "outputs|mean|scale|coupling"),
    ("layers", "distributions/p(z|y)/codec",
     [MISSING, "gaussian", "mixture", "bernoulli", "exponential", "autoregressive"],
     "codec|mean_shift|mean|exponential|latents"),
    ("coupled", "distributions/p(x|z)/outputs",
     [["mean"], ["mean", "scale", "scale"], ["mean", "scale", "coupling", "cells"],
      ["coupling", "mean", "scale"], ["mean", "coupling", "scale"]],
     "outputs|mean|scale|coupling"),
    ("coupled", "networks/down/layers/coupling/clamp", [[-129, 127], [-128, 128]], "coupling"),
    ("layers", "networks/down/layers/scale/clamp", [[-1, 255], [0, 256]], "scale"),
    ("dense", "distributions", NO_OBJECT, "distributions|code"),
    ("dense", "distributions/p(z)", NO_OBJECT, r"p\(z\)"),
    ("dense", "distributions/q(z)", [UNIFORM], r"q\(z\)"),
    *(("dense", f"distributions/{key}", [UNIFORM], "distributions")
      for key in ("r(z)", "p(w)", "p (z)", "p(z|)", "p(z|z)", "p(z|x,x)", "p(z|x,)", "p()", "p(z) ",
                  "p(x,z)", "p(z|w)", "p", "")),
    ("dense", "distributions/q(z|x)", [UNIFORM], "uniform"),
    ("dense", "distributions/p(z)/codec", [MISSING, "gauss", "gaussian", "mixture", 3],
     "codec|given|p.z"),
    ("dense", "distributions/p(z)/precision", [24], "precision"),
    ("dense", "distributions/q(z|x)/codec",
     ["bernoulli", "uniform", "autoregressive", "beta-binomial"],
     "codec|bernoulli|uniform|autoregressive|beta-binomial|latents"),
    ("dense", "distributions/p(x|z)/codec", ["gaussian", "beta-binomial", "mixture", "exponential"],
     "beta-binomial|levels|latents|precision|likelihood.base"),
    ("dense", "distributions/q(z|x)/precision", [MISSING, 13, 25, True], "precision"),
    ("dense", "distributions/p(x|z)/precision", [MISSING, 7, 17], "precision"),
    ("dense", "distributions/p(x|z)/precision", [15], "probability"),
    ("dense family", "distributions/p(x|z)/precision", [15, 25], "precision"),
    ("dense", "distributions/p(x|z)/mean_shift", [2], "mean_shift"),
    ("dense", "distributions/q(z|x)/network", [MISSING, "encoder", 3, "likelihood"],
     "network|sources|encoder"),
    ("dense", "distributions/q(z|x)/outputs", [
        MISSING, [], ["mean"], ["mean", "scale", "hidden"], ["mean", "mean"], ["mean", "x"],
        ["mean", "variance"], "mean", ["mean", 3], ["mean", "hidden"], ["scale", "mean"],
        ["mean", "flat"],
    ], "outputs|layer|variance|mean|scale|hidden|flat|x"),
    ("dense", "distributions/p(x|z)/outputs", [["raw"], ["hidden"]], "logit|raw|hidden"),
    ("two latents", "distributions/p(z|y)/outputs", [["wide", "scale"]], "wide|live"),
    ("two latents", "variables/z/grid", [2], "grid|live|mean"),
    ("two latents", "variables/z/grid", [MISSING], "hidden|grid|live"),
]  # fmt: skip

NETWORKS: Rows = [
    ("dense", "networks", NO_OBJECT, "network"),
    ("dense", "networks/posterior", NO_OBJECT, "posterior"),
    ("dense", "networks/spare", [{"sources": ["x"], "layers": []}], "spare"),
    ("dense", "networks/Spare", [{"sources": ["x"], "layers": []}], "Spare"),
    ("dense", "networks/posterior/sources", [
        *NO_LIST, [], ["z"], ["x", "x"], ["x", "z"], ["w"], ["context"], ["features"], [3],
    ], "sources|posterior"),
    ("dense", "networks/posterior/layers", NO_LIST, "layers"),
    ("dense", "networks/posterior/layers", [[]], "layer|posterior|mean"),
    ("dense", "networks/posterior/outputs", [["mean"]], "outputs"),
    ("dense", "networks/posterior/layers/0", [3, [], {}], "layers"),
    ("pixels", "networks/posterior/layers/few/op",
     ["convolution", "linear", "lookup_table", "add", 3],
     "op|few|kernel|other"),
    ("pixels", "networks/posterior/layers/few/name", ["x", "change", "Few", "f.w", "f" * 65, "", 3],
     "name|change|few|f"),
    ("pixels", "networks/posterior/layers/few/input", [MISSING, "change", "few", "y", 3],
     "few|input"),
    ("pixels", "networks/posterior/layers/few/padding", ["zeros"], "padding"),
    ("pixels", "networks/posterior/layers/few/kernel", [MISSING, 0, 2, 4, 6, 8, 9, -3, True, HUGE],
     "kernel"),
    ("pixels", "networks/posterior/layers/few/kernel", [1, 5, 7], "few.*weight"),
    ("pixels", "networks/posterior/layers/few/stride", [MISSING, 0, 5, -1, True, HUGE], "stride"),
    ("pixels", "networks/posterior/layers/few/stride", [1, 3], "mean"),
    ("pixels", "networks/posterior/layers/few/shift", [MISSING, 0, 53, True], "shift"),
    ("pixels", "networks/posterior/layers/few/clamp",
     [MISSING, [0, 0], [3, 1], [0, 1, 2], [-32769, 0], [0, 32768], "bytes"], "clamp"),
    ("pixels", "networks/posterior/layers/few/clamp", [[-1, 255], [0, 256]], "change"),
    ("pixels", "networks/posterior/layers/mean/clamp", [[-2049, 0], [0, 2048]], "mean"),
    ("pixels", "networks/posterior/layers/scale/clamp", [[-1, 255], [0, 256]], "scale"),
    ("pixels", "networks/posterior/layers/hidden/grid", [1], "grid"),
    ("pixels", "networks/posterior/layers/hidden/op", ["image", "broadcast", "pixel_shuffle"],
     "hidden|grid|factor"),
    ("pixels", "networks/posterior/layers/hidden/input", ["x"], "mean"),
    ("pixels", "networks/likelihood/layers/up/factor", [MISSING, 0, 1, 9, -2, True, HUGE],
     "factor"),
    ("pixels", "networks/likelihood/layers/up/factor", [3, 4, 8], "up"),
    ("pixels", "networks/likelihood/layers/up/clamp", [[0, 255]], "clamp"),
    ("pixels", "networks/likelihood/layers/up/input", ["dense"], "up"),
    ("pixels", "networks/likelihood/layers/cells/grid", [MISSING, 0, 4097, True, HUGE], "grid"),
    ("pixels", "networks/likelihood/layers/cells/grid", [1], "cells"),
    ("pixels", "networks/likelihood/layers/cells/input", ["cells", "up"], "cells"),
    ("pixels", "networks/likelihood/layers/cells/op", ["flatten"], "cells|grid"),
    ("pixels", "networks/likelihood/layers/cells/op", ["broadcast"], "up|change|weight"),
    ("pixels", "networks/likelihood/layers/hidden/other", [MISSING, "hidden", "features", "x", 3],
     "other|hidden"),
    ("pixels", "networks/likelihood/layers/hidden/other", ["z", "value", "cells"], "hidden"),
    ("pixels", "networks/likelihood/layers/hidden/clamp", [MISSING, [7, 7], [-32769, 3]], "clamp"),
    ("pixels", "networks/likelihood/layers/hidden/shift", [1], "shift"),
    ("no size", "networks/up/layers/hidden/op", ["flatten"], "hidden|kernel"),
]  # fmt: skip

AUTOREGRESSIVE: Rows = [
    ("pixels", "distributions/p(x|z)/order", [MISSING, "serpentine", 3], "order"),
    ("pixels", "distributions/p(x|z)/precision", [24], "precision"),
    ("pixels", "distributions/p(x|z)/window", [
        MISSING, [0, 3], [9, 3], [2, 0], [2, 9], [-1, 3], [HUGE, HUGE], [2], [2, 3, 4], [], 2, "23",
        {}, [True, 3], [None, 3], [2, 3.0],
    ], r"window|3\.0"),
    ("pixels", "distributions/p(x|z)/window", [[3, 3], [2, 4], [8, 8]], "first_hidden"),
    ("pixels", "distributions/p(x|z)/network", [MISSING, "posterior", "pixel", 3, "decoder"],
     "network|sources|decoder|posterior|pixel"),
    ("pixels", "distributions/p(x|z)/outputs", [
        MISSING, [], ["features", "hidden"], ["z"], ["feature"], ["dense"], ["cells"], ["change"],
    ], "outputs|features|layer|dense|cells|change"),
    ("pixels", "networks/likelihood/layers/features/clamp", [[-1, 255], [0, 256]], "features"),
    ("pixels", "networks/likelihood/layers/features/name", ["feature"], "feature"),
    ("pixels", "distributions/p(x|z)/groups", [*NO_LIST, [], [3]], "groups|channels|p.x"),
    ("pixels", "distributions/p(x|z)/groups/0/channels", [MISSING, [], [1], [0, 0], [0, 1], 0, [-1],
     [True]], "channel"),
    ("groups", "distributions/p(x|z)/groups/0/channels", [[0], [2], [0, 1], [3]], "channel"),
    ("groups", "distributions/p(x|z)/groups/1/channels", [[2], [2, 0, 1]], "channel"),
    ("pixels", "distributions/p(x|z)/groups/0/codec",
     [MISSING, "beta-binomial", "gaussian", "uniform", "autoregressive", "Mixture", None], "codec"),
    ("pixels", "distributions/p(x|z)/groups/0/codec", ["bernoulli"], "levels|mean_shift|precision"),
    ("pixels", "distributions/p(x|z)/groups/0/precision", [MISSING, 19, 25, True, "22"],
     "precision"),
    ("pixels", "distributions/p(x|z)/groups/0/mean_shift", [MISSING, -1, 10, True], "mean_shift"),
    ("pixels of two levels", "distributions/p(x|z)/groups/0/precision", [7, 17], "precision"),
    ("pixels of a family", "distributions/p(x|z)/groups/0/precision", [15, 25], "precision"),
    ("pixels of a family", "distributions/p(x|z)/groups/0/mean_shift", [2], "mean_shift"),
    ("pixels", "distributions/p(x|z)/groups/0/size", [[1, 1]], "size"),
    ("pixels", "distributions/p(x|z)/groups/0/network",
     [MISSING, "likelihood", "posterior", "pixels"],
     "network|likelihood|posterior|pixels"),
    ("pixels", "distributions/p(x|z)/groups/0/outputs",
     [MISSING, [], ["weight", "mean"], ["weight", "mean", "hidden"], ["weight", "mean", "context"],
      ["weight", "weight", "scale"], ["mean", "weight", "scale"]],
     "outputs|weight|mean|hidden|context"),
    ("pixels", "networks/pixel/sources", [["features"], ["x"], ["context", "features"], []],
     "sources|pixel"),
    ("pixels", "networks/pixel/layers/first_hidden/name", ["context", "pixel.a"], "context|name"),
    ("pixels", "networks/pixel/layers/weight/clamp", [[-1, 255], [0, 256]], "weight"),
    ("pixels", "networks/pixel/layers/scale/clamp", [[-1, 255], [0, 256]], "scale"),
    ("pixels", "networks/pixel/layers/mean/name", ["means"], "mean"),
    ("groups", "distributions/p(x|z)/groups/1/network", ["pixel"], "pixel"),
    ("groups", "distributions/p(x|z)/groups/0/flat", NO_OBJECT, "flat"),
    ("groups", "distributions/p(x|z)/groups/0/flat/network",
     [MISSING, "pixel", "flat1", "likelihood"],
     "network|pixel|flat"),
    ("groups", "distributions/p(x|z)/groups/0/flat/outputs", [MISSING, ["weight", "mean"]],
     "outputs"),
    ("groups", "distributions/p(x|z)/groups/0/flat/codec", ["mixture"], "codec"),
    ("groups", "networks/flat/sources", [["context"], ["z"], []], "sources|flat"),
    ("pixels", "distributions/p(x|z)/groups/0/flat",
     [{"network": "pixel", "outputs": ["weight", "mean", "scale"]}], "flat|pixel"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "place", "values", "match"),
    [*THE_MODEL, *VARIABLES, *CODE, *DISTRIBUTIONS, *NETWORKS, *AUTOREGRESSIVE],
)
def test_a_field(model: str, place: str, values: Sequence[Any], match: str) -> None:
    for value in values:
        refused(*broken(model, field(place, value)), match)


@pytest.mark.parametrize("model", MODELS)
def test_every_key_must_be_there(model: str) -> None:
    """Every key of every object of a description, except the hashes and the one optional key."""

    def places(about: Any, before: str) -> list[str]:
        found = []
        for key, value in about.items() if isinstance(about, dict) else enumerate(about):
            place = f"{before}{key}"
            if isinstance(about, dict):
                found.append(place)
            if isinstance(value, dict | list):
                found += places(value, place + "/")
        return found

    for place in places(json.loads(MODELS[model]()[0]), ""):
        if place not in ("variables/x/size", "test/size", "test/sha256") and "/grid" not in place:
            refused(*broken(model, field(place, MISSING)), ".")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"count": 3', '"count": 3.0'),
        ('"count": 3', '"count": 3e0'),
        ('"count": 3', '"count": NaN'),
        ('"count": 3', '"count": 3, "count": 3'),
        ('"count": 3', '"count": 3,'),
        ('"channels": 1', '"channels": 1, "channels": 1'),
        ('"bitsback-model"', '"bitsback-model'),
        ("{", "[" * 100_000),
        ("{", "{}"),
    ],
)
def test_text_that_is_not_the_json_it_should_be(old: str, new: str) -> None:
    description, tensors = broken("dense")
    assert old in description
    refused(description.replace(old, new, 1), tensors, ".")


@pytest.mark.parametrize("text", ["", "3", "[]", "null", '"text"', "{}"])
def test_text_that_is_no_description(text: str) -> None:
    refused(text, broken("dense")[1], ".")


def u32(*changed: int, count: int = 256) -> Any:
    """A tensor of this many entries, all 70,000 except the last."""
    entries = np.full(count, 70000, np.uint32)
    entries[count - len(changed) :] = changed
    return entries


def zeros(dtype: Any, *shape: int) -> Any:
    return np.zeros(shape, dtype)


U8, I8, U16, I16, I32 = np.uint8, np.int8, np.uint16, np.int16, np.int32
TENSORS: list[tuple[str, str, list[Any]]] = [
    ("dense", "posterior.inverse_scale", [
        MISSING, u32(2**26 + 1), u32(2**10 - 1), u32(0), u32(count=255), u32(count=257),
        u32().astype(I32), u32().reshape(16, 16),
    ]),
    ("dense", "likelihood.probability", [
        MISSING, zeros(U16, 256), np.ones(255, U16), np.ones(256, np.uint32),
        np.ones((256, 1), U16),
    ]),
    ("dense", "likelihood.inverse_scale", [u32()]),
    ("dense", "posterior.hidden.weight", [MISSING, zeros(I8, 33), zeros(I8, 33, 16),
                                          zeros(I16, 33, 15), zeros(I8, 0, 15)]),
    ("dense", "posterior.hidden.bias", [
        MISSING, zeros(I32, 32), zeros(I32, 33, 1), zeros(I16, 33)]),
    ("dense", "posterior.hidden.multiplier", [MISSING, zeros(I32, 33), np.ones((33, 1), I32),
                                              np.ones(34, I32), -np.ones(33, I32)]),
    ("dense", "posterior.spare.table", [zeros(U8, 3)]),
    ("dense", "x.planes", [zeros(U8, 1, 2)]),
    ("dense", "likelihood.value.table", [MISSING, zeros(U8, 1023), zeros(U8, 1025), zeros(I8, 1024),
                                         zeros(U8, 32, 32), zeros(U16, 1024)]),
    ("dense family", "likelihood.base", [
        MISSING, zeros(I16, 8), zeros(I16, 10), zeros(I32, 9), zeros(I16, 9, 1)]),
    ("dense family", "likelihood.second_statistic", [MISSING, zeros(I16, 8)]),
    ("dense family", "likelihood.first_value", [
        MISSING, zeros(I16, 6), zeros(I16, 0), zeros(I16, 257), zeros(I16, 7, 1)]),
    ("pixels", "x.planes", [
        MISSING, zeros(U8, 2, 29), zeros(U8, 2, 31), zeros(U8, 2), zeros(U8, 30),
        zeros(U8, 2, 30, 1), zeros(U8, 0, 30), zeros(U8, 9, 30), zeros(U8, 2, 0),
        zeros(I8, 2, 30)]),
    ("pixels", "x.flat", [zeros(U8, 30)]),
    ("pixels", "pixel.exponential", [
        MISSING, u32(0), u32(2**24 + 1), u32(2**32 - 1), u32(count=255), u32(count=257),
        u32().astype(I32), u32().reshape(2, 128)]),
    ("pixels", "pixel.inverse_scale", [MISSING, u32(0), u32(2**26 + 1), u32(count=255),
                                     u32().astype(U16)]),
    ("pixels", "pixel.spare", [u32()]),
    ("pixels", "likelihood.exponential", [u32()]),
    ("pixels", "likelihood.up.weight", [zeros(I8, 1, 1)]),
    ("pixels", "likelihood.hidden.table", [zeros(U8, 256)]),
    ("pixels of two levels", "pixel.probability", [MISSING, zeros(U16, 256), np.ones(255, U16)]),
    ("pixels of a family", "pixel.base", [MISSING, zeros(I16, 8), zeros(I32, 9)]),
    ("groups", "x.flat", [MISSING, zeros(U8, 7), zeros(U8, 8, 1), zeros(I8, 8),
                          np.full(8, 2, U8)]),
    ("groups", "flat.exponential", [u32()]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "name", "values"), TENSORS)
def test_a_tensor(model: str, name: str, values: list[Any]) -> None:
    match = "first" if name.endswith("first_value") else name.rsplit(".", 1)[0]
    for value in values:
        refused(*broken(model, tensor(name, value)), match)


def test_a_family_of_too_many_rows() -> None:
    values = tensor("likelihood.first_value", zeros(I16, 256))
    other = tensor("likelihood.second_value", zeros(I16, 17))
    refused(*broken("dense family", values, other), "first_value|rows")


def test_planes_of_which_the_network_knows_nothing() -> None:
    for count in (1, 3, 8):
        refused(*broken("pixels", tensor("x.planes", zeros(U8, count, 30))), "first_hidden")


def resized(layer: str, outputs: int) -> Change:
    """A change that gives the linear layer or convolution NETWORK.LAYER this number of outputs."""

    def change(about: dict[str, Any], tensors: Tensors) -> None:
        for part in ("weight", "bias", "multiplier"):
            tensors[f"{layer}.{part}"] = np.repeat(tensors[f"{layer}.{part}"][:1], outputs, axis=0)

    return change


@pytest.mark.parametrize("channels", [0, 257])
def test_features_of_too_few_or_too_many_channels(channels: int) -> None:
    refused(*broken("pixels", resized("likelihood.features", channels)), "features")


@pytest.mark.parametrize("name", ["weight", "mean", "scale"])
@pytest.mark.parametrize("outputs", [0, 2, 4, 33])
def test_components_that_do_not_agree(name: str, outputs: int) -> None:
    refused(*broken("pixels", resized(f"pixel.{name}", outputs)), "weight|mean|scale")


@pytest.mark.parametrize(("model", "outputs"), [("pixels", 0), ("pixels", 33), ("groups", 33)])
def test_too_few_or_too_many_components(model: str, outputs: int) -> None:
    changes = [resized(f"pixel.{name}", outputs) for name in ("weight", "mean", "scale")]
    refused(*broken(model, *changes), "weight|components")


def test_components_that_are_no_multiple_of_the_channels() -> None:
    changes = [resized(f"pixel1.{name}", 7) for name in ("weight", "mean", "scale")]
    refused(*broken("groups", *changes), "weight|components|channels")


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ("pixels of two levels", "pixel.raw"),
        ("pixels of a family", "pixel.first"),
        ("pixels of a family", "pixel.second"),
        ("dense", "likelihood.raw"),
        ("dense", "posterior.mean"),
        ("two latents", "middle.first"),
    ],
)
@pytest.mark.parametrize("outputs", [0, 3])
def test_outputs_of_other_channels(model: str, layer: str, outputs: int) -> None:
    refused(*broken(model, resized(layer, outputs)), f"logit|{layer.rsplit('.', 1)[1]}")


@pytest.mark.parametrize(
    ("bias", "multiplier"), [(2**31 - 1, 1), (-(2**31), 1), (2**25, 2**31 - 1), (0, 0), (0, -1)]
)
def test_a_convolution_keeps_the_bounds_of_a_linear_layer(bias: int, multiplier: int) -> None:
    def change(about: dict[str, Any], tensors: Tensors) -> None:
        tensors["posterior.few.bias"][1] = bias
        tensors["posterior.few.multiplier"][1] = multiplier

    refused(*broken("pixels", change), "few")


def appended(network: str, layer: dict[str, Any]) -> Change:
    def change(about: dict[str, Any], tensors: Tensors) -> None:
        about["networks"][network]["layers"].append(layer)

    return change


def test_a_layer_that_nothing_reads() -> None:
    idle = {"op": "add", "name": "idle", "input": "up", "other": "up", "clamp": [0, 9]}
    refused(*broken("pixels", appended("likelihood", idle)), "idle")


def test_a_source_that_nothing_reads() -> None:
    """x as a second source of p(z|y), whose layers read y alone."""
    code = [
        "pop z ~ q(z|x)", "pop y ~ q(y|z)", "push z ~ p(z|y,x)", "push x ~ p(x)", "push y ~ p(y)",
    ]  # fmt: skip
    changes = [
        renamed("distributions/p(z|y)", "p(z|y,x)"),
        field("networks/down/sources", ["y", "x"]),
        field("distributions/p(x|z)", MISSING),
        field("distributions/p(x)", UNIFORM),
        field("code", code),
    ]
    refused(*broken("two latents", *changes), "x|first|second")


@pytest.mark.parametrize("op", ["concat", "broadcast"])
def test_values_that_do_not_live_alike(op: str) -> None:
    layer = {"op": "concat", "name": "both", "input": "z", "other": "up"}
    if op == "broadcast":
        layer = {"op": "broadcast", "name": "both", "input": "cells", "grid": 2}
    refused(*broken("pixels", appended("likelihood", layer)), "both")


@pytest.mark.parametrize("network", ["pixel", "flat"])
def test_a_network_of_a_pixel_has_no_grid(network: str) -> None:
    refused(
        *broken(
            "groups",
            appended(network, {"op": "broadcast", "name": "wide", "input": "hidden", "grid": 1}),
        ),
        "wide|item|" + network,
    )


def test_a_range_of_more_than_16_bits() -> None:
    """x of 65,536 levels, and values below 0, side by side."""
    both = {"op": "concat", "name": "both", "input": "x", "other": "mean"}
    refused(*broken("many levels", appended("up", both)), r"both.*\[-2048, 65535\]")


def test_17_latents() -> None:
    def change(about: dict[str, Any], tensors: Tensors) -> None:
        for number in range(16):
            about["variables"][f"w{number}"] = {"channels": 1, "bits": 1}
            about["distributions"][f"p(w{number})"] = UNIFORM
            about["code"].insert(0, f"pop w{number} ~ p(w{number})")
            about["code"].append(f"push w{number} ~ p(w{number})")

    refused(*broken("dense", change), "latent")


def test_a_group_of_autoregressive_pixels_without_features() -> None:
    """Without features, no context may be flat."""

    def change(about: dict[str, Any], tensors: Tensors) -> None:
        pixels = about["distributions"].pop("p(x|z)")
        del pixels["network"], pixels["outputs"]
        about["distributions"]["p(x)"] = pixels
        about["code"][1] = "push x ~ p(x)"
        del about["networks"]["likelihood"]
        for name in [name for name in tensors if name.startswith("likelihood.")]:
            del tensors[name]

    refused(*broken("groups", change), "flat|features")


# ---- what a model may cost ----


def test_an_image_of_more_elements_than_a_network_may_have() -> None:
    refused(*broken("no size", field("test/size", [4096, 4096])), r"2\^24|2\^25")


def test_a_test_of_more_elements_than_the_tensors_allow() -> None:
    changes = [field("test/size", [512, 512]), field("test/count", 16)]
    refused(*broken("no size", *changes), "test")


def test_a_test_of_more_work_than_the_tensors_allow() -> None:
    refused(*broken("many MACs", field("test/size", [512, 512])), "test")


def test_a_batch_that_takes_more_memory_than_one_may() -> None:
    """61,440 elements, 4,096 items at once."""
    wide = field("variables/z", {"channels": 4096, "bits": 10, "grid": 1})
    changes = [
        wide,
        field("distributions/q(z|x)", MISSING),
        field("distributions/p(x|z)", MISSING),
        field("distributions/p(x)", UNIFORM),
        field("networks", {}),
        field("test/sha256", {}),
        field("code", ["pop z ~ p(z)", "push x ~ p(x)", "push z ~ p(z)"]),
        lambda about, tensors: tensors.clear(),
        field("chain/batch", 4096),
    ]
    refused(*broken("dense", *changes), r"2\^28|batch|memory")
    Model.build(*broken("dense", *changes, field("chain/batch", 2048)))
    SpecModel(*broken("dense", *changes, field("chain/batch", 2048)))
