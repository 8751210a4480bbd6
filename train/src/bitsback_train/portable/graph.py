"""A traced network as a graph of operations, which is simplified as it grows: a new operation is
merged into an existing one if possible.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback_train.portable.affine import Affine
from bitsback_train.portable.operations import (
    Add,
    Elementwise,
    Function,
    Move,
    Operation,
    PixelShuffle,
    Source,
    scaling,
)

Indices = NDArray[np.int64]


@dataclass(eq=False, frozen=True)
class Node:
    """A value of the network: its operation and inputs. Graphs never change; rewriting makes new
    nodes, and unused ones are dropped.
    """

    operation: Operation
    inputs: tuple["Node", ...]
    shape: tuple[int, ...]
    """The shape of an item: rows, columns and channels, or channels."""
    place: str
    """The place in the user's modules, for people."""

    @property
    def channels(self) -> int:
        return self.shape[-1]

    def over(self, operation: Operation, shape: tuple[int, ...], place: str) -> "Node":
        """The result of the operation on this value alone."""
        return Node(operation, (self,), shape, place)


def in_order(outputs: Iterable[Node]) -> list[Node]:
    """All nodes on which the outputs depend, each after its inputs."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in found:
            for one in node.inputs:
                visit(one)
            found[node] = None

    for node in outputs:
        visit(node)
    return list(found)


def affine(
    node: Node, weight: Tensor, bias: Tensor | None, place: str, learns: bool = True
) -> Node:
    """A linear layer [out, in] at each place."""
    bias = torch.zeros(len(weight)) if bias is None else bias
    operation = Affine(weight[:, :, None, None], bias, learns=learns)
    return node.over(operation, (*node.shape[:-1], len(weight)), place)


def applied(node: Node, function: Function, place: str) -> Node:
    """A function of each element."""
    operation = node.operation
    if function.affine is not None and function.affine[0]:
        factor, shift = (torch.tensor([number]) for number in function.affine)
        moved = _scaled(node, factor, shift, place)
        if moved is not None:
            return moved
    if isinstance(operation, Move):
        return Node(operation, (applied(node.inputs[0], function, place),), node.shape, node.place)
    if isinstance(operation, Elementwise):
        (source,) = node.inputs
        return source.over(Elementwise(*operation.functions, function), node.shape, place)
    if isinstance(operation, Affine) and function.clamp is not None and not operation.clamps:
        low, high = function.clamp
        return Node(operation.changed(low=low, high=high), node.inputs, node.shape, node.place)
    return node.over(Elementwise(function), node.shape, place)


def scaled(node: Node, factor: Tensor, shift: Tensor, place: str) -> Node:
    """factor * value + shift, with numbers for every channel of the last axis, or for all."""
    moved = _scaled(node, factor, shift, place)
    if moved is not None:
        return moved
    if factor.numel() == shift.numel() == 1:
        function = scaling(float(factor), float(shift))
        return node.over(Elementwise(function), node.shape, place)
    factor, shift = (number.expand(node.channels) for number in (factor, shift))
    return affine(node, torch.diag(factor), shift, place)


def _scaled(node: Node, factor: Tensor, shift: Tensor, place: str) -> Node | None:
    """The same by changing an existing operation, if possible."""
    operation, one = node.operation, factor.numel() == shift.numel() == 1
    if isinstance(operation, Affine) and not operation.clamps:
        factor, shift = (n.expand(node.channels).to(operation.bias) for n in (factor, shift))
        weight = operation.weight.detach() * factor[:, None, None, None]
        bias = operation.bias.detach() * factor + shift
        return Node(operation.changed(weight, bias), node.inputs, node.shape, node.place)
    if isinstance(operation, Source) and one and float(factor) > 0:
        made = operation.scaled(float(factor), float(shift))
        return Node(made, (), node.shape, node.place)
    if isinstance(operation, PixelShuffle) and not one:
        squares = operation.factor**2
        factor, shift = (n.expand(node.channels).repeat(squares) for n in (factor, shift))
    elif not one or not isinstance(operation, Move):
        return None
    moved = _scaled(node.inputs[0], factor, shift, place)
    return None if moved is None else Node(operation, (moved,), node.shape, node.place)


def selected(node: Node, indices: Indices, place: str) -> Node:
    """These channels of the last axis, in this order."""
    if np.array_equal(indices, np.arange(node.channels)):
        return node
    operation, shape = node.operation, (*node.shape[:-1], len(indices))
    index = torch.from_numpy(indices)
    if isinstance(operation, Affine):
        made = operation.changed(
            operation.weight.detach()[index],
            operation.bias.detach()[index],
            operation.low,
            operation.high,
        )
        return Node(made, node.inputs, shape, node.place)
    if isinstance(operation, PixelShuffle):
        squares = np.arange(operation.factor**2)[:, None] * node.channels
        (source,) = node.inputs
        inner = selected(source, (squares + indices).ravel(), place)
        return Node(operation, (inner,), shape, node.place)
    if isinstance(operation, Elementwise | Add):
        inputs = tuple(selected(one, indices, place) for one in node.inputs)
        return Node(operation, inputs, shape, node.place)
    return affine(node, torch.eye(node.channels)[index], None, place, learns=False)
