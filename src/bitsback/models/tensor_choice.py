"""The smallest way to code each tensor of a model, and one message for all of them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.message import Message
from bitsback.models import tensor_code
from bitsback.models.model import Model
from bitsback.models.tensor_code import Form, Step

_LEVEL_CHOICES = ((False, False), (True, False), (False, True), (True, True))
_LANES = 1
_FEW_ROWS = 8

Made = tuple[Form | None, list[Step]]
"""The form, for tokens, and the steps."""


@dataclass(frozen=True)
class Head:
    """The coding of a tensor."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    method: int
    form: Form | None


def encode(tensor: NDArray[Any], model: Model, only_tokens: bool = False) -> Made:
    """Encodes in the smallest of some forms."""
    best: Made = None, tensor_code.encode_plain(tensor)
    bits = math.inf if only_tokens else bits_of(best)
    for transposed, lags in _prediction_choices(tensor, model):
        for by in _LEVEL_CHOICES if tensor.ndim > 1 else _LEVEL_CHOICES[:1]:
            made = tensor_code.encode_tokens(tensor, lags, transposed, by)
            if bits_of(made) < bits:
                best, bits = made, bits_of(made)
    return best


def bits_of(made: Made) -> float:
    form, steps = made
    return tensor_code.cost(steps) + (0 if form is None else 8 * len(form.pack()))


def _prediction_choices(tensor: NDArray[Any], model: Model) -> list[tuple[bool, tuple[int, ...]]]:
    """Whether to transpose, and the lags of predictors: for pixels the left, upper and upper left
    neighbours.

    For the weights of a convolution, or of a layer that reads one, prediction saves 1 % and is not
    tried.
    """
    if not tensor.size:
        return []
    pixels, width = (model.pixels, model.whole_size()[1]) if model.size else (0, 0)
    above = (1, width, width + 1) if 1 < width < pixels else (1,)
    choices: list[tuple[bool, tuple[int, ...]]] = [(False, ())]
    if tensor.ndim == 1:
        choices += [(False, (1,)), (False, (1, 2))]
    if pixels and tensor.shape[0] == pixels:
        choices.append((False, above))
    if pixels and tensor.ndim == 2 and tensor.shape[1] == pixels:
        choices.append((True, above))
    # such as tables of a symbol's inputs: functions of the column
    if tensor.ndim == 2 and len(tensor) <= _FEW_ROWS:
        choices += [(True, (1,)), (True, (1, 2))]
    return [
        choice
        for choice in choices
        if not choice[1] or max(tensor.shape) <= tensor_code.MOST_PREDICTED_ROWS
    ]


def message_of(steps: list[Step]) -> bytes:
    message = empty_message()
    for codec, symbols in reversed(steps):
        codec.push(message, symbols)
    return message.to_bytes()


def empty_message() -> Message:
    """The message before the first push: the smallest possible one."""
    return Message(np.full(_LANES, 1 << 32, np.uint64))
