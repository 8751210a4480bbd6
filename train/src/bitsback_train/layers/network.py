"""A network as a graph of operations: its integers, and its description."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from bitsback_train.layers.network_writer import NetworkWriter, Tensors
from bitsback_train.layers.operations import Node, Rounding, Source, in_order


class Network(Rounding):
    """outputs: by name. constant: the names of further outputs, which are always 255."""

    def __init__(
        self, name: str, outputs: Mapping[str, Node], constant: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.name, self.outputs, self.constant = name, dict(outputs), constant
        self.nodes = in_order(outputs.values())
        self.inputs = {
            node.operation.variable: node.shape
            for node in self.nodes
            if isinstance(node.operation, Source)
        }
        """The shapes of its sources."""

    @torch.no_grad()
    def integers(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Symbols of the sources, whole numbers in float64, to the outputs, [b, elements], by
        name.
        """
        known: dict[Node, Tensor] = {}
        for node in self.nodes:
            operation = node.operation
            inputs = (
                (values[operation.variable],)
                if isinstance(operation, Source)
                else tuple(known[one] for one in node.inputs)
            )
            known[node] = operation.integers(*inputs)
        found = {name: known[node].flatten(1) for name, node in self.outputs.items()}
        elements = next(iter(found.values()))
        return {name: torch.full_like(elements, 255.0) for name in self.constant} | found

    def described(self, tensors: Tensors) -> dict[str, object]:
        """Its entry in the description; adds its tensors to the others."""
        self.find_ranges()
        writer = NetworkWriter(self.name, list(self.inputs), tensors)
        names: dict[Node, str] = {}
        ends = {node: name for name, node in self.outputs.items()}
        for node in self.nodes:
            inputs = [names[one] for one in node.inputs]
            name = node.operation.write(writer, inputs, node.place)
            if node in ends:
                writer.rename(name, ends[node])
                name = ends[node]
            names[node] = name
        last, node = list(self.outputs.items())[-1]
        for name in self.constant:
            low, high = node.operation.range()
            table = np.full(high - low + 1, 255, np.uint8)
            writer.add("lookup_table", name, last, table=table)
        return writer.described()

    def find_ranges(self) -> None:
        """Finds the ranges of all integers, for the current weights."""
        for node in self.nodes:
            if not node.operation.fixed:
                node.operation.source_ranges = tuple(one.operation.range() for one in node.inputs)
