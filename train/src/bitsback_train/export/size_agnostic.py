"""A size-agnostic model: from its module to a model file, and back to real weights, from which
training can continue.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.models import Model, bundled, file
from bitsback.models.item_choice import build_with_counts, build_with_items
from bitsback_train.export.exporter import Card, Parts
from bitsback_train.layers.affine import Affine, affine_layers
from bitsback_train.layers.network_writer import Tensors
from bitsback_train.layers.rounding import HIDDEN
from bitsback_train.network.exact_tables import exponentials, inverse_scales, seen_differences
from bitsback_train.network.pixel_predictor import (
    MEAN_SHIFT,
    OUTPUTS,
    PRECISION,
    LinearPredictor,
    Places,
    PredictiveArchitecture,
    PredictiveModule,
)

LEVELS = 65_536
CONTEXTS = Path(__file__).with_name("contexts.json")
"""The description of a model with contexts for up to 256 levels beside the network of
`universal-16`. `universal-deep` has those for more.
"""
PLANES = ("own", "first", "second")
TEST_COUNT = 16


def export_predictive(
    module: PredictiveModule, starts: list[NDArray[np.int32]], card: Card, levels: int = LEVELS
) -> Model:
    """The integer model that `module` computes in eval mode.

    starts: the start matrices of each predictor, int32 [3, entries]. levels: the most levels of its
    data. The test vectors of the network are the module's own answers. Raises ModelError if the
    integer engine differs from them.
    """
    return build_with_items(*described(module, starts, card, levels))


def contexts_for(levels: int) -> str:
    """The description of a model whose contexts suit so many levels."""
    return CONTEXTS.read_text() if levels <= 256 else bundled.load("universal-deep").description


def with_contexts(model: Model, counting: str) -> Model:
    """The same model with contexts counted beside its network, those of the description `counting`,
    and for as many levels. Contexts and mixers see what they see there: the same inputs of its own
    network, as far as it has them, and its last hidden layer. Raises ModelError.
    """
    own, fields = file.parse(model.description), json.loads(counting)
    counts, levels = fields["distributions"]["p(x)"]["counts"], fields["variables"]["x"]["levels"]
    meanings, places = _inputs(fields), {of: at for at, of in enumerate(_inputs(own))}
    for term in _terms(counts):
        if "inputs" in term:
            term["inputs"] = [
                [places[meanings[i]], w] for i, w in term["inputs"] if meanings[i] in places
            ]
    for context in counts["contexts"]:
        context["terms"] = [term for term in context["terms"] if _sees(term)]
    for mixer in counts["mixers"]:
        mixer["select"] = [term for term in mixer["select"] if _sees(term)]
    inputs = {entry["name"]: entry["input"] for entry in _pixel(own)["layers"]}
    last_hidden = inputs[next(iter(OUTPUTS))]
    return build_with_counts(model, counts | {"features": last_hidden}, levels)


def _inputs(fields: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What each input of the network of a pixel is, in order."""
    x = fields["distributions"]["p(x)"]
    predictions = range(len(x["predictors"]) + 1)
    return [
        *((plane, *place) for plane in PLANES for place in x["window"][plane]),
        *(("prediction", j) for j in predictions),
        *(("error", j) for j in predictions),
        *(("other", k) for k in range(12)),
    ]


def _terms(counts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The terms that are objects."""
    lists = [entry["terms"] for entry in counts["contexts"]]
    for terms in [*lists, *(entry["select"] for entry in counts["mixers"])]:
        yield from (term for term in terms if isinstance(term, dict))


def _sees(term: Any) -> bool:
    return not (isinstance(term, dict) and term.get("inputs") == [])


def described(
    module: PredictiveModule, starts: list[NDArray[np.int32]], card: Card, levels: int = LEVELS
) -> tuple[dict[str, Any], Tensors]:
    """The description, without test items, and the tensors of that model."""
    a = module.architecture
    tensors: Tensors = {
        "x.see": seen_differences(),
        "pixel.exponential": exponentials(),
        "pixel.inverse_scale": inverse_scales(64, 16, 12),
    }
    tensors |= {f"x.start.{number}": start for number, start in enumerate(starts)}
    predictors = [
        {"cell": one.cell, "decay": one.decay, "ridge": one.ridge, **_offsets(one.places)}
        for one in a.predictors
    ]
    codec = {
        "codec": "predictive", "precision": PRECISION, "mean_shift": MEAN_SHIFT,
        "predictors": predictors, "window": _offsets(a.window),
        "network": "pixel", "outputs": list(OUTPUTS),
    }  # fmt: skip
    x = {"planes": "any", "levels": levels}
    code = ["push x ~ p(x)"]
    parts = Parts(card, {"x": x}, [module.network()], {"p(x)": codec}, code, tensors, {})
    fields = parts.fields(tensors, 256, 1, TEST_COUNT)
    fields["test"]["size"] = [1, 1]
    return fields, tensors


def _offsets(places: Places) -> dict[str, Any]:
    return {"own": places.own, "first": places.first, "second": places.second}


_HIDDEN = "hidden"
_CHANGE = "hidden_change"
_FREE = ("name", "about", "licence", "chain", "test")  # entries that do not matter for training


def rebuild(
    description: str, tensors: Tensors, name: str
) -> tuple[PredictiveModule, list[NDArray[np.int32]]]:
    """The module, in floats and in eval mode, and its start matrices.

    name: of the model, for errors. Contexts that it counts beside its network are left out. Raises
    InputError for a model that bitsback does not train: of one shape, or with other layers or
    tables.
    """
    try:
        fields = file.parse(description)
        if fields["distributions"]["p(x)"].pop("counts", None) is not None:
            fields["variables"]["x"]["levels"] = LEVELS
        module = PredictiveModule(_architecture(fields, tensors))
        shifts = {entry["name"]: entry.get("shift") for entry in _pixel(fields)["layers"]}
        for layer in affine_layers(module):
            _restore(layer, f"pixel.{layer.label}", tensors, shifts[layer.label])
        count = len(module.architecture.predictors)
        starts = [tensors[f"x.start.{j}"].astype(np.int32) for j in range(count)]
        module.quantise()
        again, made = described(module.eval(), starts, Card("rebuilt", "", ""))
        same = _essence(json.loads(json.dumps(again))) == _essence(fields) and _as_good(
            made, tensors
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError):
        same = False
    if not same:
        raise InputError(
            f"{name}: is no size-agnostic model of the kind that bitsback trains, so training"
            " cannot start from it; give another with --from, or --from none"
        )
    module.quantise(False)
    return module, starts


def _architecture(fields: dict[str, Any], tensors: Tensors) -> PredictiveArchitecture:
    (distribution,) = fields["distributions"].values()
    predictors = tuple(
        LinearPredictor(_places(one), one["cell"], tuple(one["decay"]), one["ridge"])
        for one in distribution["predictors"]
    )
    layers = [entry["name"] for entry in _pixel(fields)["layers"]]
    return PredictiveArchitecture(
        predictors,
        _places(distribution["window"]),
        hidden=len(tensors[f"pixel.{_HIDDEN}.bias"]),
        residuals=sum(name.startswith(_CHANGE) for name in layers),
        components=len(tensors["pixel.weight.bias"]),
    )


def _places(fields: dict[str, Any]) -> Places:
    own, first, second = (tuple((r, q) for r, q in fields[key]) for key in PLANES)
    return Places(own, first, second)


@torch.no_grad()
def _restore(layer: Affine, where: str, tensors: Tensors, shift: int) -> None:
    """Restores real weights and biases with these integers."""
    integers = torch.from_numpy(tensors[f"{where}.weight"]).double()
    multiplier = torch.from_numpy(tensors[f"{where}.multiplier"]).double()
    bias = torch.from_numpy(tensors[f"{where}.bias"]).double()
    ratio = multiplier / 2.0**shift
    step = ratio * HIDDEN.scale / layer.target.scale  # the step of the weights
    layer.linear.weight.copy_(integers * step[:, None])
    zero = layer.target.zero / layer.target.scale
    centred = bias + layer.centre * HIDDEN.scale * integers.sum(1)
    layer.linear.bias.copy_(centred * step / HIDDEN.scale - zero)


def _pixel(fields: dict[str, Any]) -> dict[str, Any]:
    network: dict[str, Any] = fields["networks"]["pixel"]
    return network


def _essence(fields: dict[str, Any]) -> dict[str, Any]:
    """The description without the fields that do not matter for training."""
    rest = {key: value for key, value in fields.items() if key not in _FREE}
    for entry in _pixel(rest)["layers"]:
        entry.pop("shift", None)
    return rest


def _as_good(made: Tensors, tensors: Tensors) -> bool:
    """Whether all tensors are the same, except that multipliers and the last digits of biases may
    differ slightly.
    """
    if made.keys() != tensors.keys():
        return False
    for key, tensor in made.items():
        old = tensors[key].astype(np.float64)
        slack = 1e-3 * np.abs(old) + 1 if key.endswith(".bias") else 0.0
        if key.endswith(".multiplier"):
            continue  # a shift greater by one doubles it
        if tensor.shape != old.shape or (np.abs(tensor - old) > slack).any():
            return False
    return True
