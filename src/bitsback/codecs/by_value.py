"""Codecs as values: equal where their parameters are, printed in one line, and pickled."""

from collections.abc import Mapping
from dataclasses import Field
from functools import partial
from typing import Any, ClassVar

import numpy as np

from bitsback.lazy import cached_property

_FEW = 8
"""Numbers of an array that are shown."""


class ByValue:
    """Two codecs are equal if they are of one class and their parameters are equal: arrays by their
    elements, functions if they are the same one. So a codec that went through a pickle is equal to
    itself. What is computed when it is first needed is not pickled.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def _value(self) -> tuple[Any, ...]:
        """What decides whether it is equal to another, and can be hashed."""
        return type(self), *(plain(getattr(self, name)) for name in self.__dataclass_fields__)

    def __eq__(self, other: object) -> bool:
        return self._value() == other._value() if isinstance(other, ByValue) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value())

    def __repr__(self) -> str:
        shown = (f"{name}={short(getattr(self, name))}" for name in self.__dataclass_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __getstate__(self) -> dict[str, Any]:
        kind = type(self)
        return {
            name: value
            for name, value in vars(self).items()
            if not isinstance(getattr(kind, name, None), cached_property)
        }


def plain(value: Any) -> Any:
    """A parameter as something that can be compared and hashed."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    if isinstance(value, Mapping):
        return tuple((name, plain(part)) for name, part in value.items())
    if isinstance(value, slice):
        return slice, value.start, value.stop, value.step
    if isinstance(value, partial):
        return partial, value.func, plain(value.args), plain(value.keywords)
    return value


def short(value: Any) -> str:
    """A parameter in a line: of large arrays their dtype and shape, of functions their name."""
    if isinstance(value, np.ndarray):
        if value.size <= _FEW:
            return repr(value.tolist())
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    if isinstance(value, list):
        return f"[{', '.join(map(short, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(short, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name!r}: {short(part)}' for name, part in value.items())}}}"
    if isinstance(value, np.dtype):
        return str(value)
    if hasattr(value, "__qualname__"):
        return str(value.__qualname__).rpartition("<locals>.")[2]
    return repr(value)
