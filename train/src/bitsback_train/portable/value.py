"""A tensor of the user's network in the graph: torch has channels before rows and columns, a model
file after them.
"""

import math
from dataclasses import dataclass

import numpy as np

from bitsback_train.layers.operations import Flatten, Image, Node
from bitsback_train.portable.graph import Indices, selected


@dataclass(frozen=True)
class Value:
    """[b, channels, rows, columns] in torch, if `order` is None. Otherwise [b, n], and element k of
    the node is element order[k] of torch's.
    """

    node: Node
    order: Indices | None = None
    passing: tuple[int, ...] | None = None
    """Another shape that a flat value has in torch for now. Functions of each element ignore it;
    all other operations need a shape of the graph.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an item in torch."""
        if self.order is not None:
            return (len(self.order),)
        rows, columns, channels = self.node.shape
        return channels, rows, columns

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def flat(self, place: str) -> "Value":
        """All elements in one row, like torch's `flatten(1)`."""
        if self.order is not None:
            return self
        node = self.node.over(Flatten(), place)
        return Value(node, _order(self.shape))

    def image(self, shape: tuple[int, ...], place: str) -> "Value":
        """Like torch's `reshape(b, channels, rows, columns)`."""
        if self.shape == shape:
            return self
        flat = self.flat(place).ordered(_order(shape), place)
        _, rows, columns = shape
        node = flat.node.over(Image(rows, columns), place)
        return Value(node)

    def ordered(self, order: Indices, place: str) -> "Value":
        """A flat value with its elements in this order."""
        assert self.order is not None
        return Value(selected(self.node, np.argsort(self.order)[order], place), order)


def flat_value(node: Node) -> Value:
    """A node per item, in its order."""
    return Value(node, np.arange(node.channels))


def _order(shape: tuple[int, ...]) -> Indices:
    """The order of the elements of [channels, rows, columns] with the channels last."""
    return np.arange(math.prod(shape)).reshape(shape).transpose(1, 2, 0).ravel()
