"""Declare an option once, as a field of a dataclass.

The field has the option's meaning in words, its limits, and its form in the command. The docstring,
the checks, and the options of `bitsback.cli.options` are derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from bitsback.errors import InputError

_KEY = "option"


@dataclass(frozen=True, kw_only=True)
class Option:
    """The declaration of an option, without its name, type and default."""

    meaning: str
    """The meaning in words, for Python and the command.

    Names of options are in backticks, and the command shows them as its options.
    """
    note: str = ""
    """Further text for Python only."""
    heading: str = "Other options"
    rare: bool = False
    """Whether only `--help-all` shows it."""
    names: tuple[str, ...] = ()
    """The names in the command, if they differ from --name."""
    metavar: str | None = None
    usual: str = ""
    """The default in words."""
    choices: tuple[str, ...] = ()
    least: int | None = None
    above: int | None = None
    most: int | None = None
    needs: str = ""
    """The option that this one requires."""
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    """Values that are also options of the command, and their help."""
    in_command: bool = True
    in_add: bool = True
    """Whether `bitsback add` has it."""

    def check(self, name: str, value: Any) -> None:
        """Raises InputError unless the value is allowed."""
        if self.choices and value not in self.choices:
            raise InputError(f"{name}={value!r}: it must be one of {', '.join(self.choices)}")
        low = self.least is not None and value < self.least
        low = low or (self.above is not None and value <= self.above)
        if low or (self.most is not None and value > self.most):
            limits = f"{self.least} at least" if self.above is None else f"above {self.above}"
            limits += "" if self.most is None else f" and {self.most} at most"
            raise InputError(f"{name}={value}: it must be {limits}")


def option(default: Any, meaning: str, note: str = "", **others: Any) -> Any:
    """A field of a dataclass of options."""
    declared = Option(meaning=meaning, note=note, **others)
    return field(default=default, metadata={_KEY: declared})


def force_option() -> Any:
    return option(False, "Replace an existing output file.", names=("-f", "--force"), in_add=False)


def threads_option() -> Any:
    return option(
        None,
        "Number of threads.",
        "Each works on a block. The output is the same for any number.",
        metavar="N",
        usual="all cores",
        least=1,
    )


def storage_option() -> Any:
    return option(
        None,
        "An fsspec option for the filesystem of a URL, such as anon=true or"
        " endpoint_url=http://host:9000 for s3://; s3.KEY=VALUE sets it for s3:// alone.",
        'A dict, such as {"anon": True} or {"s3": {"KEY": "VALUE"}}.',
        names=("--storage-option",),
        metavar="KEY=VALUE",
        rare=True,
        in_add=False,
    )


def declaration(each: Field[Any]) -> Option:
    found = each.metadata[_KEY]
    assert isinstance(found, Option)
    return found


def flag(each: Field[Any]) -> str:
    """The option of the command for a field."""
    return (declaration(each).names or (f"--{each.name.replace('_', '-')}",))[-1].split("/")[0]


def check(options: Any) -> None:
    """Raises InputError for a value that is not allowed, or that requires another option."""
    by_name = {each.name: each for each in fields(options)}
    for name, each in by_name.items():
        value, needed = getattr(options, name), declaration(each).needs
        if value is not None or each.default is not None:
            declaration(each).check(name, value)
        if needed and value != each.default and not getattr(options, needed):
            raise InputError(f"{name} ({flag(each)}) needs {needed} ({flag(by_name[needed])})")


def documented(kind: type) -> type:
    """Adds the options of a dataclass to its docstring, behind the first paragraph."""
    import inspect
    from textwrap import fill

    before, _, behind = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")
    texts = []
    for each in fields(kind):
        known = declaration(each)
        usual = f"By default {known.usual}." if known.usual else ""
        text = " ".join(filter(None, (f"{each.name}:", known.meaning, usual, known.note)))
        texts.append(fill(text, 96, subsequent_indent="    "))
    kind.__doc__ = "\n".join((before, "", *texts, "", behind))
    return kind
