"""Trace a `torch.nn.Module` to a graph, by torch.fx.

Source: Reed et al. 2022 (torch.fx): one symbolic run of `forward`, with the modules of torch as
leaves.
"""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from bitsback.errors import InputError
from bitsback_train.portable.lowerings import FUNCTIONS, MODULES
from bitsback_train.portable.lowerings.call import Call
from bitsback_train.portable.value import Value

_INSTEAD = {
    "LayerNorm": "BatchNorm1d or BatchNorm2d, whose numbers are fixed once it is trained",
    "GroupNorm": "BatchNorm2d, whose numbers are fixed once it is trained",
    "InstanceNorm2d": "BatchNorm2d, whose numbers are fixed once it is trained",
    "RMSNorm": "BatchNorm1d, whose numbers are fixed once it is trained",
    "MaxPool2d": "AvgPool2d, or a convolution with a stride",
    "Conv1d": "Conv2d on images of one row",
    "ConvTranspose1d": "ConvTranspose2d on images of one row",
    "Embedding": "Linear on numbers",
}
_LIST = "linear layers and convolutions, functions of one number, and sums"


def trace(name: str, module: nn.Module, sources: Sequence[Value]) -> list[Value]:
    """The outputs of the module for these values.

    name: of the network, for errors. The module is in eval mode. Raises InputError, which names the
    place in the module, for anything that a model file cannot compute.
    """
    tracer = fx.Tracer()
    if tracer.is_leaf_module(module, ""):  # a single layer of torch's
        module = nn.Sequential(module)
    try:
        graph = tracer.trace(module)
    except Exception as error:  # the user's forward may raise any error for symbolic values
        raise InputError(
            f"{name}: torch.fx cannot trace its forward, which must do the same for all values:"
            f" {_line(error)}"
        ) from error
    shapes = _Recorder(fx.GraphModule(module, graph))
    examples = [torch.zeros(_BATCH, *source.shape) for source in sources]
    if len([node for node in graph.nodes if node.op == "placeholder"]) != len(sources):
        raise InputError(
            f"{name}: its forward must take {len(sources)} tensors, one for each given"
        )
    try:
        with torch.no_grad():
            shapes.run(*examples)
    except Exception as error:
        given = " and ".join(str((_BATCH, *source.shape)) for source in sources)
        raise InputError(
            f"{name}: it cannot be run on a batch of the shape {given}: {_line(error)}"
        ) from error
    return _Lowering(name, shapes, list(sources)).outputs()


_BATCH = 3


class _Recorder(fx.Interpreter):
    """Runs the graph and keeps all results."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.results: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.results[n] = result = super().run_node(n)
        return result


class _Lowering:
    def __init__(self, name: str, recorded: _Recorder, sources: list[Value]) -> None:
        self.name = name
        self.recorded = recorded
        self.graph: fx.Graph = recorded.module.graph  # type: ignore[assignment]
        self.sources = sources
        self.known: dict[fx.Node, Any] = {}

    def outputs(self) -> list[Value]:
        sources = iter(self.sources)
        for node in self.graph.nodes:
            if node.op == "placeholder":
                self.known[node] = next(sources)
            elif node.op == "output":
                return self._results(node)
            else:
                self.known[node] = self._lower(node)
        raise InputError(f"{self.name}: its forward returns nothing")

    def _results(self, node: fx.Node) -> list[Value]:
        returned = fx.map_arg(node.args[0], lambda argument: self.known[argument])
        if isinstance(returned, dict):
            returned = tuple(returned.values())
        values = returned if isinstance(returned, list | tuple) else (returned,)
        for value in values:
            if not isinstance(value, Value) or len(value.passing or ()) not in (0, 3):
                raise InputError(
                    f"{self.name}: it must return tensors that depend on its input, of the shape"
                    " [batch, n] or [batch, channels, rows, columns]"
                )
        return list(values)

    def _lower(self, node: fx.Node) -> Any:
        result = self.recorded.results[node]
        arguments: Any = fx.map_arg(node.args, lambda argument: self.known[argument])
        keywords: Any = fx.map_arg(node.kwargs, lambda argument: self.known[argument])
        if not _has_value((arguments, keywords)) or not _has_tensor(result):
            return result
        if node.target is operator.getitem and isinstance(arguments[0], tuple):
            return arguments[0][arguments[1]]
        place, what = self._place(node)
        tensors = result if isinstance(result, tuple | list) else (result,)
        for tensor in tensors:
            if tensor.dim() < 2 or len(tensor) != _BATCH:
                raise InputError(
                    f"{place}: {what} cannot be made portable: its result has the shape"
                    f" {tuple(tensor.shape)} for a batch of {_BATCH}, so items are mixed"
                )
        call = Call(place, what, arguments, keywords, tuple(tuple(t.shape[1:]) for t in tensors))
        if node.op == "call_module":
            module = self.recorded.module.get_submodule(str(node.target))
            # a layer with a parametrisation, such as weight_norm, has a class of its own
            known = (MODULES.get(each) for each in type(module).__mro__)
            lower_module = next((each for each in known if each is not None), None)
            if lower_module is None:
                raise call.unsupported(f"model files have no such layer; use {_instead(module)}")
            return lower_module(call, module)
        try:
            lower = FUNCTIONS.get(node.target)
        except TypeError:  # a target that has no hash
            lower = None
        if lower is None:
            raise call.unsupported(f"model files have no such function; use {_LIST}")
        return lower(call)

    def _place(self, node: fx.Node) -> tuple[str, str]:
        """The place in the user's modules, and the kind of the operation."""
        if node.op == "call_module":
            module = self.recorded.module.get_submodule(str(node.target))
            return f"{self.name}.{node.target}", type(module).__name__
        stack = list(node.meta.get("nn_module_stack", {}))
        inside = f".{stack[-1]}" if stack and stack[-1] else ""
        what = node.target if isinstance(node.target, str) else node.target.__name__
        return f"{self.name}{inside}", f"{what}()"


def _instead(module: nn.Module) -> str:
    return _INSTEAD.get(type(module).__name__, f"{_LIST} (docs/own-model.md)")


def _has_value(found: Any) -> bool:
    if isinstance(found, dict):
        return any(map(_has_value, found.values()))
    if isinstance(found, list | tuple):
        return any(map(_has_value, found))
    return isinstance(found, Value)


def _has_tensor(found: Any) -> bool:
    if isinstance(found, list | tuple):
        return any(isinstance(one, Tensor) for one in found)
    return isinstance(found, Tensor)


def _line(error: BaseException) -> str:
    """The first line of an error."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]
