"""From the layers of torch to the operations of a graph, a kind a file."""

from collections.abc import Callable
from typing import Any

from bitsback.train.portable.lowerings import (
    activations,
    arithmetic,
    convolutions,
    functional,
    layers,
    resizing,
    shapes,
)
from bitsback.train.portable.lowerings.call import Call
from bitsback.train.portable.value import Value

Lowered = Value | tuple[Value, ...]

MODULES: dict[type, Callable[[Call, Any], Lowered]] = {
    **layers.MODULES,
    **convolutions.MODULES,
    **resizing.MODULES,
    **activations.MODULES,
    **shapes.MODULES,
}
"""By the type of the module."""

FUNCTIONS: dict[Any, Callable[[Call], Lowered]] = {
    **arithmetic.FUNCTIONS,
    **functional.FUNCTIONS,
    **resizing.FUNCTIONS,
    **activations.FUNCTIONS,
    **shapes.FUNCTIONS,
}
"""By the function, or the name of the method."""
