"""Choose the integers for each value of a graph, and insert tables where readers need a value on
two kinds of integers.

The inputs of linear layers and convolutions are *narrow*, seven bits from 0 on. The inputs of
functions are *wide*, and so are the terms of a sum, which share their steps with it.
"""

import copy
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from bitsback_train.portable.affine import Affine
from bitsback_train.portable.graph import Node, in_order
from bitsback_train.portable.operations import Add, Concat, Elementwise, Operation, Source, identity
from bitsback_train.portable.steps import TOP, Steps

FUNCTION_TOP = 1023
SUM_TOP = 4095


class Kind(Enum):
    NARROW = "narrow"
    FUNCTION = "function"
    SUM = "sum"
    FIXED = "fixed"


@dataclass(eq=False)
class Slot:
    """Steps that some values share, found by calibration unless they are given."""

    kind: Kind
    steps: Steps | None = None
    members: list[Operation] = field(default_factory=list)

    @property
    def multiplied(self) -> bool:
        """Whether a linear layer can read it."""
        if self.kind is Kind.FIXED and self.steps is not None:
            return self.steps.low == 0 and self.steps.high <= 255
        return self.kind is Kind.NARROW


Demand = Kind | Slot
"""The need of a reader: narrow values, any input of a function, or the steps of a slot."""


@dataclass(frozen=True)
class Gridded:
    """A graph with its own operations, in order, and their slots."""

    nodes: list[Node]
    outputs: list[Node]
    slots: dict[Operation, Slot]


def gridded(outputs: Sequence[Node], fixed: Sequence[Steps]) -> Gridded:
    """The same graph with the needed tables. fixed: the steps of each output."""
    wanted: dict[Node, list[Demand]] = defaultdict(list)
    ends = [Slot(Kind.FIXED, steps) for steps in fixed]
    for node, end in zip(outputs, ends, strict=True):
        wanted[node].append(end)
    chosen: dict[Node, Slot] = {}
    sources: dict[Operation, Slot] = {}
    for node in reversed(in_order(outputs)):
        if isinstance(node.operation, Elementwise) and len(set(wanted[node])) > 1:
            wanted[node.inputs[0]].append(Kind.FUNCTION)  # a table of its own for each reader
            continue
        chosen[node] = slot = _choose(node, wanted[node], sources)
        for one in node.inputs:
            wanted[one].append(_demand(node.operation, slot))
    return _Maker(chosen).make(outputs, ends)


def _choose(node: Node, demands: list[Demand], sources: dict[Operation, Slot]) -> Slot:
    operation = node.operation
    base = node
    while base.operation.moves and len(base.inputs) == 1:
        base = base.inputs[0]
    if isinstance(base.operation, Source):  # its steps are given
        return sources.setdefault(base.operation, Slot(Kind.FIXED, base.operation.steps))
    slots = [demand for demand in dict.fromkeys(demands) if isinstance(demand, Slot)]
    sums = [slot for slot in slots if slot.kind is Kind.SUM]
    if isinstance(operation, Add):
        return sums[0] if sums else Slot(Kind.SUM)
    others = set(demands) - set(slots)
    if len(slots) == 1 and others <= ({Kind.NARROW} if slots[0].kind is Kind.NARROW else set()):
        return slots[0]
    if not slots and len(others) == 1:
        return Slot(_kind(*others))
    return sums[0] if sums else Slot(Kind.SUM)


def _demand(operation: Operation, slot: Slot) -> Demand:
    """The values that an operation with this slot reads."""
    if isinstance(operation, Affine):
        return Kind.NARROW
    return Kind.FUNCTION if isinstance(operation, Elementwise) else slot


class _Maker:
    def __init__(self, chosen: dict[Node, Slot]) -> None:
        self.chosen = chosen
        self.made: dict[Node, Node] = {}
        self.converted: dict[tuple[Node, Demand], Node] = {}
        self.slots: dict[Operation, Slot] = {}

    def make(self, outputs: Sequence[Node], ends: Sequence[Slot]) -> Gridded:
        made = [self.get(node, end) for node, end in zip(outputs, ends, strict=True)]
        return Gridded(in_order(made), made, self.slots)

    def get(self, node: Node, demand: Demand) -> Node:
        """The value in the form for a need."""
        if node not in self.chosen:  # a function with a table for each reader
            return self._convert(node, node.inputs[0], node.operation, demand)
        slot, made = self.chosen[node], self._make(node)
        if demand is slot or demand is Kind.FUNCTION or (demand is Kind.NARROW and slot.multiplied):
            return made
        return self._convert(node, node, Elementwise(identity()), demand)

    def _convert(self, node: Node, source: Node, operation: Operation, demand: Demand) -> Node:
        if (node, demand) not in self.converted:
            slot = demand if isinstance(demand, Slot) else Slot(_kind(demand))
            inputs = (self.get(source, Kind.FUNCTION),)
            self.converted[node, demand] = self._own(
                Node(operation, inputs, node.shape, node.place), slot
            )
        return self.converted[node, demand]

    def _make(self, node: Node) -> Node:
        if node not in self.made:
            demand = _demand(node.operation, self.chosen[node])
            inputs = tuple(self.get(one, demand) for one in node.inputs)
            slot = self.chosen[node]
            if node.operation.moves and not isinstance(node.operation, Concat):
                slot = self.slots[inputs[0].operation]
            self.made[node] = self._own(Node(node.operation, inputs, node.shape, node.place), slot)
        return self.made[node]

    def _own(self, node: Node, slot: Slot) -> Node:
        """The same with a separate operation."""
        operation = copy.deepcopy(node.operation)
        self.slots[operation] = slot
        slot.members.append(operation)
        return Node(operation, node.inputs, node.shape, node.place)


def _kind(demand: Demand) -> Kind:
    """The kind of a separate slot."""
    assert isinstance(demand, Kind)
    return demand


TOPS = {Kind.NARROW: TOP, Kind.FUNCTION: FUNCTION_TOP, Kind.SUM: SUM_TOP}
