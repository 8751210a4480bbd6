"""Lower the layers of torch to the operations of a graph, one kind in each file."""

from collections.abc import Callable
from typing import Any

from bitsback_train.portable.lowerings import elementwise, shapes, weighted
from bitsback_train.portable.lowerings.call import Call
from bitsback_train.portable.value import Value

Lowered = Value | tuple[Value, ...]

MODULES: dict[type, Callable[[Call, Any], Lowered]] = {
    **weighted.MODULES,
    **elementwise.MODULES,
    **shapes.MODULES,
}
"""The lowerings of modules by their types."""

FUNCTIONS: dict[Any, Callable[[Call], Lowered]] = {
    **weighted.FUNCTIONS,
    **elementwise.FUNCTIONS,
    **shapes.FUNCTIONS,
}
"""The lowerings of functions, or of methods by their names."""
