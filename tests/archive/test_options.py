"""The options of `compress` and of `decompress` are one object each, for Python and the command."""

from __future__ import annotations

import inspect
import re
from dataclasses import FrozenInstanceError, fields
from inspect import get_annotations
from typing import Any

import click
import pytest

from bitsback import CompressOptions, DecompressOptions, InputError
from bitsback.cli.main import bitsback as group
from bitsback.cli.options import from_command
from bitsback.compress_options import CompressKeywords
from bitsback.decompress_options import DecompressKeywords
from bitsback.option import declaration

COMPRESS = (CompressOptions, CompressKeywords, "compress")
DECOMPRESS = (DecompressOptions, DecompressKeywords, "decompress")
EACH = pytest.mark.parametrize(
    ("options", "keywords", "command"), [COMPRESS, DECOMPRESS], ids=["compress", "decompress"]
)


@EACH
def test_keywords_are_the_fields_of_the_options(
    options: type, keywords: type, command: str
) -> None:
    expected = {field.name: field.type for field in fields(options)}
    assert get_annotations(keywords, eval_str=False).keys() == expected.keys()
    for name, annotation in get_annotations(keywords).items():
        assert annotation.__forward_arg__ == expected[name], name


@EACH
def test_help_says_what_each_means(options: type, keywords: type, command: str) -> None:
    told = re.findall(r"^(\w+): ", inspect.getdoc(options) or "", re.MULTILINE)
    assert told == [field.name for field in fields(options)]


@EACH
def test_the_command_has_all_of_them(options: type, keywords: type, command: str) -> None:
    found = group.get_command(click.Context(group), command)
    assert found is not None
    taken = {parameter.name for parameter in found.params}
    declared = {field.name for field in fields(options) if declaration(field).in_command}
    assert declared <= taken
    python_only = {field.name for field in fields(options)} - declared
    assert python_only <= {"dtype", "progress", "shape", "verify"}


@EACH
def test_an_unset_option_of_the_command_is_the_default(
    options: type, keywords: type, command: str
) -> None:
    found = group.get_command(click.Context(group), command)
    assert found is not None
    names = {"fast", "best"} | {field.name for field in fields(options)}
    given = found.make_context(command, ["x"]).params
    made = from_command(options, {name: given[name] for name in names & given.keys()})
    assert made == options(storage_options={})


def test_they_stay_what_they_are() -> None:
    options = CompressOptions(tile=64)
    with pytest.raises(FrozenInstanceError):
        options.tile = 32  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("block", 0), ("embed", "yes"), ("files", "bytes"), ("hashes", "md5"), ("keep_names", True),
        ("purpose", "speed"), ("threads", 0), ("tile", 8),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=name):
        CompressOptions(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("files", "bytes"), ("fill", 0.0), ("threads", 0)])
def test_a_wrong_value_of_decompress_is_named(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=name):
        DecompressOptions(**{name: value})


def test_options_that_exclude_each_other() -> None:
    with pytest.raises(InputError):
        CompressOptions(unordered=True, stack=True)
    with pytest.raises(InputError):
        CompressOptions(unordered=True, previews=True)


def test_an_unknown_option_is_none() -> None:
    with pytest.raises(TypeError, match="tiles"):
        CompressOptions(tiles=64)  # type: ignore[call-arg]
