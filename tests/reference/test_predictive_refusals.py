"""The program and the specification refuse size-agnostic models that docs/model-format.md does not
allow.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from broken_models import MISSING, Change, broken, field, renamed, tensor
from reference.test_refusals import HUGE, NO_LIST, NO_OBJECT, Rows, refused

PX = "distributions/p(x)"
ONE = f"{PX}/predictors/0"
OWN = [[0, -1]]
NO_OFFSETS: list[Any] = [[-1], [-1, 0, 0], "-1", 3, {}, [True, -1], [-1, None]]


def grid(own: int, other: int) -> dict[str, Any]:
    """A grid with these numbers of offsets, all different if there are so many."""
    places = [[r, q] for r in range(-8, 0) for q in range(-8, 9)]
    return {"own": places[:own], "first": places[:other], "second": places[:other]}


def with_rule(offsets: dict[str, Any]) -> dict[str, Any]:
    return {"cell": 8, "decay": [86, 72, 72], "ridge": 128} | offsets


FIELDS: Rows = [
    ("any shape", "variables/x/planes", [MISSING, "all", 3, None, ["any"]], "planes|channels"),
    ("any shape", "variables/x/channels", [1], "channels"),
    ("any shape", "variables/x/size", [[3, 5]], "size"),
    ("any shape", "variables/x/levels", [MISSING, 1, 65537, True], "levels"),
    ("any shape", "variables/z", [{"channels": 1, "bits": 1}], "z"),
    ("any shape", "test/size", [MISSING, [0, 1]], "size"),
    ("any shape", "chain", NO_OBJECT, "chain"),
    ("any shape", "code", [[], ["pop x ~ p(x)"], ["push x ~ p(x)", "push x ~ p(x)"]], "code"),
    ("any shape", PX, NO_OBJECT, r"distributions|p\(x\)|code"),
    ("any shape", PX, [{"codec": "uniform"}], "planes|free|predictive"),
    ("any shape", f"{PX}/codec", [MISSING, "autoregressive", "mixture", "Predictive"],
     "codec|planes|given|free|p.x"),
    ("any shape", f"{PX}/order", ["wavefront"], "order"),
    ("any shape", f"{PX}/cell", [8], "cell"),
    ("any shape", f"{PX}/precision", [MISSING, 19, 25, True], "precision"),
    ("any shape", f"{PX}/mean_shift", [MISSING, -1, 10, True], "mean_shift"),
    ("any shape", f"{PX}/predictors", [*NO_LIST, [], [3], [[]]], "predictors"),
    ("any shape", f"{PX}/predictors", [[with_rule(grid(4, 0))] * 5], "predictors|start"),
    ("any shape", f"{ONE}/cell", [MISSING, 3, 33, True, HUGE], "cell"),
    ("any shape", f"{ONE}/decay",
     [*NO_LIST, [86, 72], [86, 72, 72, 0], [-1, 0, 0], [253, 0, 0], [84, 84, 85], [True, 0, 0]],
     "decay"),
    ("any shape", f"{ONE}/ridge", [MISSING, 0, 2**20 + 1, True], "ridge"),
    ("any shape", f"{ONE}/shift", [1], "shift"),
    ("any shape", f"{ONE}/own", [*NO_LIST, [], grid(33, 0)["own"]], "own"),
    ("any shape", f"{ONE}/own",
     [[*OWN, last] for last in ([0, 0], [0, 1], [1, -1], [-9, 0], [0, -9], [-1, 9], [HUGE, 0])],
     "own"),
    ("any shape", f"{ONE}/own", [[*OWN, last] for last in NO_OFFSETS], "own"),
    ("any shape", f"{ONE}/first",
     [*NO_LIST, grid(1, 33)["first"], [[9, 0]], [[0, -9]], [[0]]], "first"),
    ("any shape", f"{ONE}/second",
     [*NO_LIST, grid(1, 33)["second"], [[-9, 0]], [[0, 9]]], "second"),
    ("any shape", f"{ONE}/own", [OWN, grid(5, 0)["own"]], r"x\.start\.0"),
    ("any shape", ONE, [with_rule(grid(32, 9))], "48"),
    ("any shape", f"{PX}/window", [*NO_OBJECT, grid(0, 0), grid(113, 0), grid(1, 65)],
     "window|own|first|second"),
    ("any shape", f"{PX}/window/cell", [8], "cell"),
    ("any shape", f"{PX}/window/own", [MISSING, [[0, 0]], [[1, -1]]], "own"),
    ("any shape", f"{PX}/window/first", [MISSING, [[0, 9]]], "first"),
    ("any shape", f"{PX}/window/own", [OWN, grid(112, 0)["own"]], "pixel"),
    ("any shape", f"{PX}/network", [MISSING, "pixels", 3], "network|pixels"),
    ("any shape", f"{PX}/outputs",
     [MISSING, [], ["weight", "mean"], ["weight", "mean", "context"], ["mean", "weight", "scale"],
      ["weight", "weight", "scale"]], "outputs|weight|mean|context"),
    ("any shape", "networks/pixel/sources", [["x"], ["features"], ["context", "x"], []],
     "sources|pixel"),
    ("any shape", "networks/pixel/layers/weight/clamp", [[-1, 255], [0, 256]], "weight"),
    ("any shape", "networks/pixel/layers/scale/clamp", [[-1, 255], [0, 256]], "scale"),
    ("any shape", "networks/spare", [{"sources": ["context"], "layers": []}], "spare"),
    ("dense", "variables/x/planes", ["any"], "channels|planes|size"),
    ("dense", "variables/x", [{"planes": "any", "levels": 2}], "planes|latents|free"),
    ("no size", "distributions/p(x|z)", [{"codec": "predictive"}], "predictive"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "place", "values", "match"), FIELDS)
def test_a_field(model: str, place: str, values: Sequence[Any], match: str) -> None:
    for value in values:
        refused(*broken(model, field(place, value)), match)


def changed(*place: int, to: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(of: NDArray[Any]) -> NDArray[Any]:
        of[place] = to
        return of

    return change


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("x.see", [MISSING, changed(0, to=128), changed(2047, to=255), np.zeros(2047, np.uint8)]),
        ("x.see", [np.zeros(2048, np.int8), np.zeros((1, 2048), np.uint8)]),
        ("x.start.0", [MISSING, np.zeros((2, 55), np.int32), np.zeros((3, 54), np.int32)]),
        ("x.start.1", [np.zeros((3, 55), np.uint32), np.zeros(165, np.int32), MISSING]),
        ("x.start.0", [changed(0, 1, to=2**26 + 1), changed(2, 54, to=-(2**31))]),
        ("x.start.0", [changed(0, 15, to=1), changed(1, 28, to=1)]),
        ("x.start.0", [changed(0, 0, to=-1), changed(1, 27, to=-1), changed(2, 54, to=-1)]),
        ("x.start.2", [np.zeros((3, 55), np.int32)]),
        ("x.planes", [np.zeros((1, 256), np.uint8)]),
        ("pixel.exponential", [MISSING, changed(9, to=0)]),
        ("pixel.inverse_scale", [MISSING, changed(9, to=2**26 + 1)]),
    ],
)
def test_a_tensor(name: str, values: Sequence[Any]) -> None:
    for value in values:
        refused(*broken("any shape", tensor(name, value)), name)


def given_something(about: dict[str, Any], tensors: Any) -> None:
    about["code"] = ["push x ~ p(x|z)"]


@pytest.mark.parametrize(
    "changes",
    [
        [renamed(PX, "p(x|x)")],
        [renamed(PX, "p(x|z)"), given_something],
        [field("networks/pixel/layers/scale/name", "scales"), field(f"{PX}/outputs/2", "scales")],
    ],
)
def test_other_changes(changes: list[Change]) -> None:
    refused(*broken("any shape", *changes), "given|planes|p.x|distributions|scale|code|test")
