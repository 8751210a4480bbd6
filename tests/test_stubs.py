"""The core's stub lists everything in the core, and types ship."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from bitsback import _core

STUB = ast.parse(files("bitsback").joinpath("_core.pyi").read_text("utf-8"))
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}


def public(names: Any) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def counts(function: Callable[..., Any]) -> set[int]:
    """The number of parameters of each overload."""
    return {
        sum(part not in ("", "/", "*") for part in parameters(signature))
        for signature, *_ in function.__nb_signature__  # type: ignore[attr-defined]
    }


def parameters(signature: str) -> list[str]:
    """The parameters between the first parenthesis and its end, split at commas outside of
    brackets.
    """
    found, depth = [""], 0
    for letter in signature[signature.index("(") + 1 :]:
        depth += (letter in "([") - (letter in ")]")
        if depth < 0:
            break
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found]


def of_stub(node: ast.FunctionDef) -> int:
    given = node.args
    return len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs) + bool(given.kwarg)


def test_types_ship() -> None:
    assert files("bitsback").joinpath("py.typed").is_file()


def test_names_are_those_of_the_module() -> None:
    assert {*FUNCTIONS, *CLASSES} == public(dir(_core))
    for name in public(dir(_core)):
        assert isinstance(getattr(_core, name), type) == (name in CLASSES), name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_as_many_parameters(name: str) -> None:
    assert counts(getattr(_core, name)) == {of_stub(FUNCTIONS[name])}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_same_methods(name: str) -> None:
    real = getattr(_core, name)
    stubbed = {node.name: node for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}
    assert public(stubbed) == public(vars(real))
    bases = [base.id for base in CLASSES[name].bases if isinstance(base, ast.Name)]
    assert real.__bases__ == tuple(getattr(_core, base) for base in bases) or (object,)
    for method, node in stubbed.items():
        assert hasattr(real, method), method
        found = getattr(real, method)
        if hasattr(found, "__nb_signature__"):
            assert counts(found) == {of_stub(node)}, method
