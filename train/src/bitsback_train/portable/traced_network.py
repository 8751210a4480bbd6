"""One network of a model: traced, quantised, computed in three ways, and described."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor, nn

from bitsback.errors import InputError
from bitsback_train.layers.network import Network
from bitsback_train.layers.operations import Image, Node, Operation, Source, in_order
from bitsback_train.layers.rounding import Grid
from bitsback_train.portable.distributions import Output
from bitsback_train.portable.graph import applied
from bitsback_train.portable.gridding import Kind, Slot, choose_grid, gridded
from bitsback_train.portable.lowerings import shapes
from bitsback_train.portable.lowerings.call import Call
from bitsback_train.portable.torch_variables import Data, Latent
from bitsback_train.portable.tracing import trace
from bitsback_train.portable.value import Value

_SAMPLES = 1 << 16  # the samples of a value for choosing its grid

Target = tuple[str, Data | Latent]
"""A variable and its name."""


class PortableNetwork(Network):
    """A user's network as a graph of operations.

    sources: the variables that it reads, in the order of its arguments. parameters: its outputs.
    """

    def __init__(
        self,
        name: str,
        module: nn.Module,
        sources: Mapping[str, Value],
        target: Target,
        parameters: Sequence[Output],
        components: int,
    ) -> None:
        shown = [each for each in parameters if not each.constant]
        values = trace(name, module, list(sources.values()))
        nodes = [
            applied(_placed(name, value, target, components, each.name), each.function, name)
            for value, each in zip(_split(name, values, len(shown)), shown, strict=True)
        ]
        graph = gridded(nodes, [each.grid for each in shown])
        outputs = {each.name: node for each, node in zip(shown, graph.outputs, strict=True)}
        super().__init__(name, outputs, tuple(each.name for each in parameters if each.constant))
        self.inputs = {
            variable: in_order([value.node])[0].shape for variable, value in sources.items()
        }
        self.parameters_of, self.components, self.slots = shown, components, graph.slots
        self.operations = nn.ModuleList(node.operation for node in self.nodes)

    def place(self, known: Mapping[str, int], own: int | None, size: tuple[int, int]) -> int | None:
        """Finds the grids of all values, given those of variables; returns the grid of the outputs,
        if they are on one. own: the grid of their variable, if it is known.
        """
        fixed = {
            node: known[node.operation.variable]
            for node in self.nodes
            if isinstance(node.operation, Source) and node.operation.variable in known
        }
        if own is not None:
            fixed |= dict.fromkeys(self.outputs.values(), own)
        found = find_grids(self.name, self.nodes, fixed, size)
        return found.get(next(iter(self.outputs.values())))

    def forward(self, values: Mapping[str, Tensor]) -> list[Tensor]:
        """Real values of the sources to the parameters, [b, ..., components] each."""
        known = self._run(values)
        return [self._by_component(known[node]) for node in self.outputs.values()]

    def _run(self, values: Mapping[str, Tensor]) -> dict[Node, Tensor]:
        """The real values of all nodes, from those of the sources."""
        known: dict[Node, Tensor] = {}
        for node in self.nodes:
            operation = node.operation
            if isinstance(operation, Source):
                value = values[operation.variable]
                known[node] = operation(value * operation.factor + operation.shift)
            else:
                known[node] = operation(*(known[one] for one in node.inputs))
        return known

    @torch.no_grad()
    def calibrate(self, values: Mapping[str, Tensor]) -> None:
        """Chooses the grids of all values by the real network's values for these sources."""
        self.quantise(False)
        known = self._run(values)
        seen = {node.operation: _sample(value) for node, value in known.items()}
        for slot in dict.fromkeys(self.slots.values()):
            if slot.kind is not Kind.FIXED:
                samples = torch.cat([seen[each] for each in slot.members])
                slot.grid = choose_grid(samples, slot.kind)
        for node, each in zip(self.outputs.values(), self.parameters_of, strict=True):
            if each.relative:
                top = float(known[node].max())
                slot = self.slots[node.operation]
                slot.grid = replace(each.grid, zero=each.grid.hi - top * each.grid.scale)
        self._bind()

    def _bind(self) -> None:
        """Sets the known properties of the inputs and the output of each operation."""
        slots = self.slots
        for node in self.nodes:
            operation = node.operation
            operation.target = _chosen(slots[operation])
            operation.sources = tuple(_chosen(slots[one.operation]) for one in node.inputs)
        self.find_ranges()

    def by_place(self) -> dict[str, list[Operation]]:
        """The operations that round, by their places in the user's modules."""
        found: dict[str, list[Operation]] = {}
        for node in self.nodes:
            if not node.operation.moves:
                place = f"{self.name}: {node.place}" if not node.inputs else node.place
                found.setdefault(place, []).append(node.operation)
        return found

    def _by_component(self, value: Tensor) -> Tensor:
        return value.reshape(*value.shape[:-1], -1, self.components)


def _chosen(slot: Slot) -> Grid:
    assert slot.grid is not None, "calibrated before"
    return slot.grid


def _sample(value: Tensor) -> Tensor:
    flat = value.flatten()
    return flat if len(flat) <= _SAMPLES else flat[:: len(flat) // _SAMPLES]


def _split(name: str, values: Sequence[Value], count: int) -> list[Value]:
    """The values as separate outputs, one for each parameter."""
    if len(values) == count:
        return list(values)
    if len(values) == 1 and values[0].shape[0] % count == 0:
        (value,) = values
        call = Call(name, "its output", (value,), {}, (value.shape,))
        return list(shapes.parts(call, value, [value.shape[0] // count] * count))
    raise InputError(
        f"{name}: it must return {count} tensors, or one that has them one behind the other, not"
        f" {len(values)} of the shapes {', '.join(str(value.shape) for value in values)}"
    )


def _placed(name: str, value: Value, target: Target, components: int, parameter: str) -> Node:
    """The value on the grid of the variable, in its order."""
    variable, of = target
    shape = of.shape
    wanted = (shape[0] * components, *shape[1:])
    if value.shape != wanted and value.shape != (of.dimensions * components,):
        each = f", {components} components each" if components > 1 else ""
        raise InputError(
            f"{name}: its '{parameter}' has the shape {value.shape}, which does not match"
            f" {variable} of the shape {shape}{each}: it should be {wanted}"
        )
    if len(shape) == 3:
        return value.image(wanted, name).node
    flat = value.flat(name)
    flat = flat.ordered(np.arange(value.size), name)
    if isinstance(of, Latent):
        return flat.node
    return flat.node.over(Image(1, shape[0]), name)


_MOST = 4096


def find_grids(
    name: str,
    nodes: Sequence[Node],
    known: Mapping[Node, int],
    size: tuple[int, int],
) -> dict[Node, int]:
    """The grids of all nodes that are on one. Sets the `grid` of each Image.

    known: the grids of sources and of outputs that have one. size: rows and columns of x. Raises
    InputError if the sizes in a network do not match.
    """
    where: dict[Node, tuple[Node, Fraction]] = {}
    for node in nodes:
        if len(node.shape) == 1:
            continue
        if not node.inputs or isinstance(node.operation, Image):
            where[node] = node, Fraction(1)
            continue
        root, ratio = where[node.inputs[0]]
        where[node] = root, ratio * node.operation.ratio
    found: dict[Node, int] = {}
    for root in {root_node for root_node, _ in where.values()}:
        members = {node: ratio for node, (root_node, ratio) in where.items() if root_node is root}
        fits = [
            grid
            for grid in range(1, _MOST + 1)
            if all(_fits(node, grid * ratio, known, size) for node, ratio in members.items())
        ]
        if not fits:
            raise InputError(_misfit(name, members, known, size))
        if isinstance(root.operation, Image):
            root.operation.grid = fits[0]
        found |= {node: int(fits[0] * ratio) for node, ratio in members.items()}
    return found


def _fits(node: Node, grid: Fraction, known: Mapping[Node, int], size: tuple[int, int]) -> bool:
    if grid.denominator != 1 or not 1 <= grid <= _MOST:
        return False
    cells = tuple(-(-length // int(grid)) for length in size)
    return cells == node.shape[:2] and known.get(node, grid) == grid


def _misfit(
    name: str, members: Mapping[Node, Fraction], known: Mapping[Node, int], size: tuple[int, int]
) -> str:
    root = next(iter(members))
    for node, ratio in members.items():
        grid = known.get(root, 1) * ratio
        if root in known and not _fits(node, grid, known, size):
            rows, columns = node.shape[:2]
            return (
                f"{node.place}: its images of {rows} x {columns} places do not go with x of"
                f" {size[0]} x {size[1]}: a place must be a square of whole pixels, the last ones"
                " cut off"
            )
    rows, columns = root.shape[:2]
    return (
        f"{root.place}: an image of {rows} x {columns} places does not lead to x of {size[0]} x"
        f" {size[1]} by the strides and factors of {name}"
    )
