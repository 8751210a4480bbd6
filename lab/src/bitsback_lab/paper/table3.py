"""Table 3: what the paper predicted for stronger models, beside what those that ship reach."""

from __future__ import annotations

import json
from importlib import resources

from bitsback import Model
from bitsback_lab.datasets import ENVIRONMENT
from bitsback_lab.paper import compressors
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import fashion, mnist

COMMITTED = "fashion_mnist.json"
"""Figures on the test set of Fashion-MNIST, which does not ship, by the identity of a model."""

PREDICTED = {"binarised MNIST": 0.15, "ImageNet 64 x 64": 3.66}
"""The prediction of the paper for a PixelVAE (Gulrajani et al. 2017)."""
IMAGENET_PEERS = "WebP 4.64, PNG 5.71"

ROWS = (
    ("binarised MNIST", "mnist-binary-context"),
    ("MNIST", "mnist-context"),
    ("Fashion-MNIST", "fashion-mnist-context"),
    ("ImageNet 64 x 64", None),
)


def measure(conditions: Conditions) -> Numbers:
    rows = []
    for title, name in conditions.each(ROWS):
        model = compressors.shipped(name) if name is not None else None
        row: Numbers = {"set": title, "predicted": PREDICTED.get(title), "model": name}
        if model is not None:
            row |= (
                _fashion(model)
                if title == "Fashion-MNIST"
                else {"here": compressors.rates(model, mnist(model.levels))}
            )
        rows.append(row)
    return {"rows": rows}


def _fashion(model: Model) -> Numbers:
    """Measurements on Fashion-MNIST, or committed ones if the data set is missing. Raises
    InputError as `fashion`.
    """
    images = fashion()
    if images is not None:
        return {"here": compressors.rates(model, images)}
    return {"committed": committed().get(model.identity.hex())}


def committed() -> Numbers:
    """Rates on Fashion-MNIST, by the identity of a model."""
    known = resources.files("bitsback_lab.paper").joinpath(COMMITTED).read_text(encoding="utf-8")
    return {rates["identity"]: rates for rates in json.loads(known)}


def text(numbers: Numbers) -> str:
    rows = []
    for row in numbers["rows"]:
        rates = row.get("here") or row.get("committed") or {}
        shown = [fixed(rates.get(key), 4) for key in ("negative_elbo", "net", "archive")]
        predicted = fixed(row["predicted"], 2)
        if row["set"] == "ImageNet 64 x 64":
            predicted += f" ({IMAGENET_PEERS})"
        rows.append([row["set"], predicted, _model(row), *shown])
    parts = [
        (
            "The paper expects a rate near the negative ELBO of any model, and quotes that of a"
            " PixelVAE. The models with context are small relatives of it: the network of a pixel"
            " reads the latents and the neighbours above and to the left. Rates are bits per pixel"
            " of the test sets. For ImageNet they are per channel and pixel, with the paper's rates"
            " of others in brackets:"
        ),
        table(
            ["", "predicted for a PixelVAE", "model here", "negative ELBO", "net", "archive"],
            rows,
            3,
        ),
    ]
    if any(row.get("committed") for row in numbers["rows"]):
        parts.append(
            "Fashion-MNIST does not ship, so its committed figures come with the package. If"
            f" {ENVIRONMENT} is a folder with fashion-mnist/t10k-images-idx3-ubyte.gz, they are"
            " measured again."
        )
    return "\n\n".join(parts)


def _model(row: Numbers) -> str:
    if "here" in row:
        return f"`{row['model']}`"
    if row.get("committed"):
        return f"`{row['model']}` (committed figures)"
    return (
        "not yet"
        if "committed" not in row
        else f"`{row['model']}` (not measured: set {ENVIRONMENT})"
    )


EXHIBIT = Exhibit(measure, text)
