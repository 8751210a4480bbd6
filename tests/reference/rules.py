"""The rules of docs/model-format.md as checks that raise ModelError."""

import json
import re
from collections.abc import Iterator
from typing import Any


class ModelError(Exception):
    """A model breaks a rule of docs/model-format.md."""


def require(condition: bool, rule: str) -> None:
    if not condition:
        raise ModelError(rule)


NAME = "[a-z][a-z0-9_]{0,63}"


def check_keys(value: Any, required: str, optional: str = "") -> dict[str, Any]:
    """An object with these keys, separated by blanks, and no others."""
    require(type(value) is dict, f"{value!r} is no object")
    names = set(required.split())
    missing, unknown = names - set(value), set(value) - names - set(optional.split())
    require(not missing, f"the key {min(missing, default='')} is missing")
    require(not unknown, f"there is no key {min(unknown, default='')}")
    return dict(value)


def check_integer(value: Any, lo: int, hi: int) -> int:
    require(
        type(value) is int and lo <= value <= hi, f"{value!r} is not an integer from {lo} to {hi}"
    )
    return int(value)


def check_text(value: Any, pattern: str) -> str:
    require(
        isinstance(value, str) and re.fullmatch(pattern, value) is not None,
        f"{value!r} does not match {pattern}",
    )
    return str(value)


def check_list(value: Any, least: int, most: int) -> list[Any]:
    require(
        type(value) is list and least <= len(value) <= most,
        f"{value!r} is not a list of {least} to {most} elements",
    )
    return list(value)


def check_pair(value: Any, lo: int, hi: int) -> tuple[int, int]:
    """A list of two integers."""
    one, other = (check_integer(n, lo, hi) for n in check_list(value, 2, 2))
    return one, other


def check_names(value: Any, most: int = 2**20) -> list[str]:
    """A non-empty list of distinct names."""
    names = [check_text(name, NAME) for name in check_list(value, 1, most)]
    require(len(set(names)) == len(names), "names stand once in a list")
    return names


UNPRINTABLE = [
    (0, 0x1F), (0x7F, 0xA0), (0xAD, 0xAD), (0x61C, 0x61C), (0x1680, 0x1680), (0x180E, 0x180E),
    (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000), (0xD800, 0xF8FF),
    (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFF), (0xE0000, 0x10FFFF),
]  # fmt: skip


def check_printable(value: Any) -> str:
    require(isinstance(value, str) and len(value) <= 1000, "a text of at most 1,000 characters")
    require(
        not any(low <= ord(c) <= high for c in value for low, high in UNPRINTABLE),
        "a text of printable characters",
    )
    return str(value)


def read_json(text: str) -> Any:
    """Parses JSON without repeated keys and without numbers with a point or an exponent."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len(dict(pairs)) == len(pairs), "a key stands once in an object")
        return dict(pairs)

    def refuse(number: str) -> None:
        raise ModelError(f"{number} is not an integer")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ModelError(str(error)) from None


def objects(value: Any) -> Iterator[tuple[str, Any]]:
    """The names and the values of an object, in order."""
    require(type(value) is dict, f"{value!r} is no object")
    for name, of in value.items():
        yield check_text(name, NAME), of
