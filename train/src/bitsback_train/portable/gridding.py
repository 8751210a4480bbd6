"""Choose the integers for each value of a graph, and insert tables where readers need a value on
two kinds of integers.

The inputs of linear layers and convolutions are *narrow*, seven bits from 0 on. The inputs of
functions are *wide*, and so are the terms of a sum, which share their grid with it.
"""

import copy
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from torch import Tensor

from bitsback_train.layers.affine import Affine
from bitsback_train.layers.operations import (
    Add,
    Concat,
    Elementwise,
    Node,
    Operation,
    Source,
    identity,
    in_order,
)
from bitsback_train.layers.rounding import TOP, Grid

FUNCTION_TOP = 1023
SUM_TOP = 4095


class Kind(Enum):
    NARROW = "narrow"
    FUNCTION = "function"
    SUM = "sum"
    FIXED = "fixed"


@dataclass(eq=False)
class Slot:
    """The grid that some values share, found by calibration unless it is given."""

    kind: Kind
    grid: Grid | None = None
    members: list[Operation] = field(default_factory=list)

    @property
    def multiplied(self) -> bool:
        """Whether a linear layer can read it."""
        if self.kind is Kind.FIXED and self.grid is not None:
            return self.grid.lo == 0 and self.grid.hi <= 255
        return self.kind is Kind.NARROW


Demand = Kind | Slot
"""The need of a reader: narrow values, any input of a function, or the grid of a slot."""


@dataclass(frozen=True)
class Gridded:
    """A graph with its own operations, in order, and their slots."""

    nodes: list[Node]
    outputs: list[Node]
    slots: dict[Operation, Slot]


def gridded(outputs: Sequence[Node], fixed: Sequence[Grid]) -> Gridded:
    """The same graph with the needed tables. fixed: the grid of each output."""
    wanted: dict[Node, list[Demand]] = defaultdict(list)
    ends = [Slot(Kind.FIXED, grid) for grid in fixed]
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
    return _GridBuilder(chosen).make(outputs, ends)


def _choose(node: Node, demands: list[Demand], sources: dict[Operation, Slot]) -> Slot:
    operation = node.operation
    base = node
    while base.operation.moves and len(base.inputs) == 1:
        base = base.inputs[0]
    if isinstance(base.operation, Source):  # its grid is given
        return sources.setdefault(base.operation, Slot(Kind.FIXED, base.operation.grid))
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


class _GridBuilder:
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
            self.converted[node, demand] = self._own(Node(operation, inputs, node.place), slot)
        return self.converted[node, demand]

    def _make(self, node: Node) -> Node:
        if node not in self.made:
            demand = _demand(node.operation, self.chosen[node])
            inputs = tuple(self.get(one, demand) for one in node.inputs)
            slot = self.chosen[node]
            if node.operation.moves and not isinstance(node.operation, Concat):
                slot = self.slots[inputs[0].operation]
            self.made[node] = self._own(node.using(*inputs), slot)
        return self.made[node]

    def _own(self, node: Node, slot: Slot) -> Node:
        """The same with a separate operation."""
        operation = copy.deepcopy(node.operation)
        self.slots[operation] = slot
        slot.members.append(operation)
        return node.using(*node.inputs, operation=operation)


def _kind(demand: Demand) -> Kind:
    """The kind of a separate slot."""
    assert isinstance(demand, Kind)
    return demand


def choose_grid(samples: Tensor, kind: Kind) -> Grid:
    """The grid of real numbers like these for values of a kind."""
    if kind is Kind.NARROW:
        return _narrow_grid(samples)
    return _wide_grid(samples, FUNCTION_TOP if kind is Kind.FUNCTION else SUM_TOP)


def _narrow_grid(samples: Tensor) -> Grid:
    """The grid 0 ... TOP with an integer zero that minimises the squared error of rounding and
    clamping the samples. If no sample is below 0, the zero is 0.
    """
    samples = samples.double()
    low, high = min(float(samples.min()), 0.0), max(float(samples.max()), 0.0)
    if high - low <= 0.0:
        return Grid(TOP, 0, 0, TOP)
    found, least = Grid(1.0, 0, 0, TOP), math.inf
    for part in (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        scale = TOP / ((high - low) * part)
        grid = Grid(scale, round(-low * part * scale), 0, TOP)
        error = float((grid.real(grid.integers(samples)) - samples).square().mean())
        if error < least:
            found, least = grid, error
    return found


def _wide_grid(samples: Tensor, top: int, room: float = 1.25) -> Grid:
    """A grid around 0 that covers the samples with a margin, within -top - 1 ... top."""
    low, high = min(float(samples.min()), 0.0) * room, max(float(samples.max()), 0.0) * room
    scale = top / (max(high, -low) or 1.0)
    lowest, highest = max(math.floor(low * scale), -top - 1), min(math.ceil(high * scale), top)
    return Grid(scale, 0, lowest, max(highest, lowest + 1))
