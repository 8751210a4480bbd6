"""The program and the specification refuse models for items of any shape that docs/model-format.md
does not allow.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from broken_models import MISSING, Change, broken, field, renamed, tensor, whole
from reference.test_refusals import NO_LIST, NO_OBJECT, Rows, refused

PX = "distributions/p(x)"

FIELDS: Rows = [
    ("any shape", "variables/x/planes", [MISSING, "all", 3, None, ["any"]], "planes|channels"),
    ("any shape", "variables/x/channels", [1], "channels"),
    ("any shape", "variables/x/size", [[3, 5]], "size"),
    ("any shape", "variables/x/levels", [MISSING, 1, 65537, True], "levels"),
    ("any shape", "variables/z", [{"channels": 1, "bits": 1}], "z"),
    ("any shape", "networks/spare", [{"sources": ["x"], "layers": []}], "spare"),
    ("any shape", "test/size", [MISSING, [0, 1]], "size"),
    ("any shape", "chain", NO_OBJECT, "chain"),
    ("any shape", "code", [[], ["pop x ~ p(x)"], ["push x ~ p(x)", "push x ~ p(x)"]], "code"),
    ("any shape", PX, NO_OBJECT, r"distributions|p\(x\)|code"),
    ("any shape", PX, [{"codec": "uniform"}], "planes|free|wavefront"),
    ("any shape", f"{PX}/codec", [MISSING, "autoregressive", "mixture", "Wavefront", "predictive"],
     "codec|planes|given|free|p.x"),
    ("any shape", f"{PX}/order", ["raster"], "order"),
    ("any shape", f"{PX}/network", ["pixel"], "network"),
    ("any shape", f"{PX}/decay",
     [*NO_LIST, [80, 66], [80, 66, 66, 0], [-1, 0, 0], [253, 0, 0], [84, 84, 85], [True, 0, 0]],
     "decay"),
    ("any shape", f"{PX}/ridge", [MISSING, 0, 2**20 + 1, True, "1"], "ridge"),
    ("any shape", f"{PX}/hidden",
     [*NO_LIST, [16, 16], [16, 16, 24], [16, 0, 16], [16, 16, 144]], "hidden"),
    ("any shape", f"{PX}/residual", [*NO_LIST, [1] * 4, [1, 1, 4], [-1, 1, 1]], "residual"),
    ("any shape", f"{PX}/residual", [[0, 1, 1], [2, 1, 1]], r"x\.0\.residual"),
    ("any shape", f"{PX}/contexts", [9, 23, 0, True, "20", None, [12]], "contexts"),
    ("dense", "variables/x/planes", ["any"], "channels|planes|size"),
    ("dense", "variables/x", [{"planes": "any", "levels": 2}], "planes|latents|free"),
    ("no size", "distributions/p(x|z)", [{"codec": "wavefront"}], "wavefront"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "place", "values", "match"), FIELDS)
def test_a_field(model: str, place: str, values: Sequence[Any], match: str) -> None:
    for value in values:
        refused(*broken(model, field(place, value)), match)


def zeros(dtype: Any, *shape: int) -> NDArray[Any]:
    return np.zeros(shape, dtype)


def changed(*place: int, to: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(of: NDArray[Any]) -> NDArray[Any]:
        of[place] = to
        return of

    return change


# The model, the name of a tensor, and forbidden values.
TENSORS: list[tuple[str, str, list[Any]]] = [
    ("any shape", "x.start", [zeros(np.int32, 3, 189), zeros(np.uint32, 3, 190)]),
    ("any shape", "x.start", [changed(1, 136, to=1), changed(2, 189, to=-1)]),
    ("any shape", "x.start", [changed(1, 1, to=2**24 + 1), changed(1, 1, to=-(2**24) - 1)]),
    ("any shape", "x.0.hidden.weight", [zeros(np.uint8, 16, 32), zeros(np.int8, 16, 20)]),
    ("any shape", "x.0.hidden.weight", [np.full((16, 32), 34, np.int8)]),
    ("any shape", "x.0.hidden.bias", [changed(3, to=70_000), changed(3, to=-70_000)]),
    ("any shape", "x.0.hidden.multiplier", [changed(0, to=0), np.ones(16, np.int32)]),
    ("any shape", "x.1.residual.0.weight", [zeros(np.int8, 16, 17)]),
    ("any shape", "x.1.residual.0.multiplier", [changed(15, to=-1)]),
    ("any shape", "x.2.output.multiplier", [changed(7, to=2**14 + 1), np.ones(8, np.int16)]),
    ("any shape", "x.2.output.bias", [changed(0, to=-(2**31))]),
    ("any shape", "x.3.output.bias", [zeros(np.int32, 8)]),
    ("any shape", "x.0.residual.1.bias", [zeros(np.int32, 16)]),
    ("any shape", "x.planes", [zeros(np.uint8, 1, 256)]),
]


@pytest.mark.parametrize(("model", "name", "values"), TENSORS)
def test_a_tensor(model: str, name: str, values: list[Any]) -> None:
    for value in values:
        refused(*broken(model, tensor(name, value)), f"{name}|wavefront's network")


def test_a_missing_tensor() -> None:
    for name in whole("any shape")[1]:
        refused(*broken("any shape", tensor(name, MISSING)), name)


def given_something(about: dict[str, Any], tensors: Any) -> None:
    about["code"] = ["push x ~ p(x|z)"]


@pytest.mark.parametrize(
    "changes",
    [[renamed(PX, "p(x|x)")], [renamed(PX, "p(x|z)"), given_something]],
)
def test_other_changes(changes: list[Change]) -> None:
    refused(*broken("any shape", *changes), "given|planes|p.x|distributions|code")
