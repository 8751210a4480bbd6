"""The options of `compress` are one object, for Python, the command and clusters."""

from __future__ import annotations

import inspect
import re
from dataclasses import FrozenInstanceError, fields
from inspect import get_annotations
from typing import Any

import click
import pytest

from bitsback import CompressOptions, InputError
from bitsback.cli.main import bitsback as group
from bitsback.compress_options import CompressKeywords

OF_PYTHON = {"dtype", "progress", "shape"}
"""Options that a command line has no use for."""


def test_keywords_are_the_fields_of_the_options() -> None:
    expected = {field.name: field.type for field in fields(CompressOptions)}
    assert get_annotations(CompressKeywords, eval_str=False).keys() == expected.keys()
    for name, annotation in get_annotations(CompressKeywords).items():
        assert annotation.__forward_arg__ == expected[name], name


def test_help_says_what_each_means() -> None:
    told = re.findall(r"^(\w+): ", inspect.getdoc(CompressOptions) or "", re.MULTILINE)
    assert told == [field.name for field in fields(CompressOptions)]


def test_the_command_has_all_of_them() -> None:
    command = group.get_command(click.Context(group), "compress")
    assert command is not None
    taken = {parameter.name for parameter in command.params}
    assert {field.name for field in fields(CompressOptions)} - OF_PYTHON <= taken


def test_they_stay_what_they_are() -> None:
    options = CompressOptions(tile=64)
    with pytest.raises(FrozenInstanceError):
        options.tile = 32  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("block", 0),
        ("embed", "yes"),
        ("files", "bytes"),
        ("hashes", "md5"),
        ("keep_names", True),
        ("purpose", "speed"),
        ("threads", 0),
        ("tile", 8),
    ],
)
def test_a_wrong_value_is_named(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=name):
        CompressOptions(**{name: value})


def test_options_that_exclude_each_other() -> None:
    with pytest.raises(InputError):
        CompressOptions(unordered=True, stack=True)
    with pytest.raises(InputError):
        CompressOptions(unordered=True, files="exact")


def test_an_unknown_option_is_none() -> None:
    with pytest.raises(TypeError, match="tiles"):
        CompressOptions(tiles=64)  # type: ignore[call-arg]
