"""Integer networks: built from the description of a model file, checked, and run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.builder import Builder, Tensors
from bitsback.integer.layers import Bounds, Values


@dataclass(frozen=True)
class Network:
    """A list of layers that each read the source or earlier layers; the core runs it."""

    core: _core.Network
    source: Values
    outputs: tuple[int, ...]
    """The numbers of the outputs among the values of the core."""
    values: tuple[Values, ...]
    """What the outputs hold."""
    elements: int
    """Of all values together, for one row of the source."""
    tensor_names: frozenset[str]
    """The tensors that belong to this network."""

    @classmethod
    def build(
        cls,
        name: str,
        description: list[Any],
        tensors: Tensors,
        source_name: str,
        source: Values,
        outputs: Mapping[str, Values | Bounds],
    ) -> "Network":
        """From the `network` of a description. `outputs`: the layers asked for, with their widths
        and ranges.

        Raises ModelError, naming the layer, for anything that docs/model-format.md does not allow.
        """
        builder = Builder(name, tensors, source_name, source)
        for position, entry in enumerate(description):
            builder.add(position, entry)
        known = builder.known
        for output_name, wanted in outputs.items():
            if output_name not in known or output_name == source_name:
                raise ModelError(f"{name}: there is no layer '{output_name}'")
            if not wanted.allows(known[output_name][1]):
                raise ModelError(
                    f"{name}.{output_name}: must have {wanted}, and has {known[output_name][1]}"
                )
        unread = known.keys() - builder.read - outputs.keys()
        if unread:
            raise ModelError(f"{name}: nothing reads {', '.join(sorted(unread))}")
        return cls(
            builder.core,
            source,
            tuple(known[output][0] for output in outputs),
            tuple(known[output][1] for output in outputs),
            builder.elements,
            frozenset(builder.tensor_names),
        )

    def __call__(self, x: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """x: [rows, width], within the range of the source. The outputs, each [rows, its width],
        uint8 or int16.

        Raises ValueError for a source of another width or out of its range.
        """
        narrow = self.source.high <= 255
        rows = np.ascontiguousarray(x, np.uint8) if narrow else np.ascontiguousarray(x, np.int16)
        if rows.dtype != x.dtype and not np.array_equal(rows, x):
            raise ValueError(
                f"the source of a network must hold integers from 0 to {self.source.high}"
            )
        return tuple(self.core(rows, self.outputs))
