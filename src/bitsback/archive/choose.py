"""Which model codes an archive, and which of two levels is its symbol 1."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive import chain
from bitsback.archive.layout import Shape
from bitsback.archive.levels import find_levels, model_symbols
from bitsback.errors import InputError
from bitsback.models import Model, bundled, load_model

Choice = str | os.PathLike[str] | Model
"""What to code with: "auto", the name of a bundled model, a model file, or a model."""

_SAMPLE = 64


@dataclass(frozen=True)
class Chosen:
    """A model, if any fits, and whether the greater of two levels is to be symbol 0."""

    model: Model | None
    invert: bool = False


class UnfitError(InputError):
    """A model was given that does not code the values of the items."""


def given_model(choice: Choice) -> Model | None:
    """The model that a choice names; None for "auto". Raises ModelError if it cannot be had."""
    if isinstance(choice, Model):
        return choice
    return None if choice == "auto" else load_model(choice)


def item_axes(shape: Shape, model: Model | None) -> int:
    """0 if an array of this shape is one item of a model's shape, 1 if its first axis counts the items."""
    if not shape:
        return 0
    if len(shape) == 1:
        return 1
    known = [model] if model is not None else _bundled_models()
    return 0 if any(shape == candidate.item_shape for candidate in known) else 1


def fits(model: Model, item_shape: Shape) -> bool:
    """Whether the model can code items of this shape: axes of size 1 do not count, nor does whether they are flat."""
    squeezed = _squeeze(item_shape)
    return squeezed == _squeeze(model.item_shape) or squeezed == _squeeze((model.pixels,))


def any_fits(given: Model | None, item_shape: Shape) -> bool:
    """Whether the given model, or else any bundled one, can code items of this shape."""
    return any(fits(model, item_shape) for model in ([given] if given is not None else _bundled_models()))


def check_fit(model: Model, item_shape: Shape, name: str) -> None:
    """Raises InputError unless the model can code items of this shape; `name` is that of the input."""
    if not fits(model, item_shape):
        raise InputError(
            f"{name}: its items have the shape {item_shape}, and the model {model.name} codes items of the shape"
            f" {model.item_shape}; take another model, or leave the choice to 'auto'"
        )


def choose(given: Model | None, items: NDArray[Any], name: str) -> Chosen:
    """The model for an archive whose first block these items are, found by a trial on a few of them.

    items: C-contiguous, [items, *item shape]. name: of the input, for error messages. Without a `given` model it is a
    bundled one that fits, or none. Raises UnfitError if the items have values that a given one does not code.
    """
    candidates = _bundled_models() if given is None else [given]
    candidates = [model for model in candidates if fits(model, items.shape[1:])]
    levels = find_levels(items)
    # Where models of two levels will do, those of more are not worth a trial.
    candidates = [model for model in candidates if levels is not None and model.levels == 2] or candidates
    step = max(len(items) // _SAMPLE, 1)
    sample = np.ascontiguousarray(items[::step][:_SAMPLE])
    trials = [
        (_cost(model, coded[1].reshape(len(sample), -1) ^ np.uint8(invert)), Chosen(model, invert))
        for model in candidates
        # A sample may have fewer levels than all items, but not others.
        if model_symbols(model, items, levels) and (coded := model_symbols(model, sample, levels))
        for invert in ((False, True) if coded[0] is not None else (False,))
    ]
    if trials:
        return min(trials, key=lambda trial: trial[0])[1]  # the first of equals
    if given is not None and items.size:
        allowed = "two values" if given.levels == 2 else f"the values 0 to {given.levels - 1} as uint8"
        raise UnfitError(
            f"{name}: its items have other values than the model {given.name} codes, {allowed}; convert them first, or"
            " leave the choice to 'auto'"
        )
    return Chosen(candidates[0] if candidates else None)


def is_bundled(model: Model) -> bool:
    return model.name in bundled.names() and bundled.load(model.name).identity == model.identity


def _bundled_models() -> list[Model]:
    return [bundled.load(name) for name in bundled.names()]


def _squeeze(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)


def _cost(model: Model, symbols: NDArray[np.uint8]) -> int:
    return len(chain.encode(model, symbols, bytes(32), 1))
