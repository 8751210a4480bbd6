"""Convert the docstrings of bitsback, which are plain text for `help`, to Markdown."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from importlib import import_module
from operator import attrgetter
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^[ ]*>>>.*?(?=\n[ ]*\n|\Z)", re.MULTILINE | re.DOTALL)
_PAGE = re.compile(r"(?<![`/\w])docs/([\w-]+)\.md")
_NAME = re.compile(r"(?:^|(?<=[.;] ))(\w+):(?=\s)", re.MULTILINE)
_AFTER = re.compile(r"(?:^|(?<=\. ))(?=(?:Raises|Source:|Pops|Returns) ?\b)", re.MULTILINE)


def in_markdown(text: str, parameters: set[str]) -> str:
    """The docstring as Markdown: examples become blocks of code, the description of each parameter
    an item of a list, and pages of docs/ links from a page in docs/api/.
    """

    def item(found: re.Match[str]) -> str:
        return f"\n\n- `{found[1]}`:" if found[1] in parameters else found[0]

    told, end = [], 0
    for example in [*_EXAMPLE.finditer(text), None]:
        prose = text[end : example.start() if example else len(text)]
        prose = re.sub(r"^[ ]+", "", prose, flags=re.MULTILINE)
        prose = _PAGE.sub(r"[docs/\1.md](../\1.md)", _NAME.sub(item, prose))
        told.append(_AFTER.sub("\n\n", prose) if "\n\n- " in prose else prose)
        if example:
            told.append(f"```pycon\n{example[0]}\n```\n")
            end = example.end()
    return "".join(told)


def of_the_core(path: str) -> str:
    """The docstring of an object of the C++ core, whose types are in the stub file."""
    module, _, name = path.rpartition("_core.")
    core = import_module(f"{module}_core")
    text = inspect.getdoc(attrgetter(name)(core)) or ""
    return re.sub(r"\A\w+\([^\n]*\) -> [^\n]*\n\n", "", text)  # nanobind's signature


def complete_options(cls: griffe.Class) -> None:
    """Gives a class of options the docstring and the defaults that its fields declare."""
    options = attrgetter(cls.name)(import_module(cls.module.path))
    cls.docstring = griffe.Docstring(inspect.getdoc(options) or "", parent=cls)
    for field in fields(options):
        member = cls.members[field.name]
        assert isinstance(member, griffe.Attribute)
        member.value = repr(field.default)


def change(of: griffe.Object, names: set[str]) -> None:
    if of.path.startswith("bitsback._core.Message") and not of.name.startswith("__"):
        of.docstring = griffe.Docstring(of_the_core(of.path), parent=of)
    if of.docstring is not None:
        of.docstring.value = in_markdown(of.docstring.value, names)


class Docstrings(griffe.Extension):
    """Converts docstrings as griffe reads objects; of a class once its members, and so its
    parameters, are known.
    """

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        change(func, {parameter.name for parameter in func.parameters})

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        change(attr, set())

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        if any(str(decorator.value) == "documented" for decorator in cls.decorators):
            complete_options(cls)
        change(cls, {*cls.members} | {parameter.name for parameter in cls.parameters})

    def on_module_members(self, *, mod: griffe.Module, **_: Any) -> None:
        change(mod, set())
