"""A traced network as a graph of operations, which is simplified as it grows: a new operation is
merged into an existing one if possible.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback_train.layers.affine import Affine
from bitsback_train.layers.operations import (
    Add,
    Elementwise,
    Function,
    Move,
    Node,
    PixelShuffle,
    Source,
    scaling,
)

Indices = NDArray[np.int64]


def affine(
    node: Node, weight: Tensor, bias: Tensor | None, place: str, learns: bool = True
) -> Node:
    """A linear layer [out, in] at each place."""
    bias = torch.zeros(len(weight)) if bias is None else bias
    return node.over(Affine.of_weights(weight, bias, learns=learns), place)


def applied(node: Node, function: Function, place: str) -> Node:
    """A function of each element."""
    operation = node.operation
    if function.affine is not None and function.affine[0]:
        factor, shift = (torch.tensor([number]) for number in function.affine)
        moved = _scaled(node, factor, shift, place)
        if moved is not None:
            return moved
    if isinstance(operation, Move):
        return node.using(applied(node.inputs[0], function, place))
    if isinstance(operation, Elementwise):
        (source,) = node.inputs
        return source.over(Elementwise(*operation.functions, function), place)
    if isinstance(operation, Affine) and function.clamp is not None and not operation.clamps:
        low, high = function.clamp
        return node.using(*node.inputs, operation=operation.changed(low=low, high=high))
    return node.over(Elementwise(function), place)


def scaled(node: Node, factor: Tensor, shift: Tensor, place: str) -> Node:
    """factor * value + shift, with numbers for every channel of the last axis, or for all."""
    moved = _scaled(node, factor, shift, place)
    if moved is not None:
        return moved
    if factor.numel() == shift.numel() == 1:
        function = scaling(float(factor), float(shift))
        return node.over(Elementwise(function), place)
    factor, shift = (number.expand(node.channels) for number in (factor, shift))
    return affine(node, torch.diag(factor), shift, place)


def _scaled(node: Node, factor: Tensor, shift: Tensor, place: str) -> Node | None:
    """The same by changing an existing operation, if possible."""
    operation, one = node.operation, factor.numel() == shift.numel() == 1
    if isinstance(operation, Affine) and not operation.clamps:
        factor, shift = (n.expand(node.channels).to(operation.weight) for n in (factor, shift))
        weight = operation.weight.detach() * factor[:, None]
        bias = operation.linear.bias.detach() * factor + shift
        return node.using(*node.inputs, operation=operation.changed(weight, bias))
    if isinstance(operation, Source) and one and float(factor) > 0:
        return node.using(operation=operation.scaled(float(factor), float(shift)))
    if isinstance(operation, PixelShuffle) and not one:
        squares = operation.factor**2
        factor, shift = (n.expand(node.channels).repeat(squares) for n in (factor, shift))
    elif not one or not isinstance(operation, Move):
        return None
    moved = _scaled(node.inputs[0], factor, shift, place)
    return None if moved is None else node.using(moved)


def selected(node: Node, indices: Indices, place: str) -> Node:
    """These channels of the last axis, in this order."""
    if np.array_equal(indices, np.arange(node.channels)):
        return node
    operation = node.operation
    index = torch.from_numpy(indices)
    if isinstance(operation, Affine):
        made = operation.changed(
            operation.weight.detach()[index],
            operation.linear.bias.detach()[index],
            operation.low,
            operation.high,
        )
        return node.using(*node.inputs, operation=made)
    if isinstance(operation, PixelShuffle):
        squares = np.arange(operation.factor**2)[:, None] * node.channels
        (source,) = node.inputs
        return node.using(selected(source, (squares + indices).ravel(), place))
    if isinstance(operation, Elementwise | Add):
        return node.using(*(selected(one, indices, place) for one in node.inputs))
    return affine(node, torch.eye(node.channels)[index], None, place, learns=False)
