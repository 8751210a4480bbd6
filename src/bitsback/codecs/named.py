"""Parts with names."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bitsback.codecs.base import Codec, naming, require_codecs
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import total
from bitsback.errors import MessageError
from bitsback.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class Named(ByValue):
    """Codes a dict, each of its values with the codec of that name. The first one pops first.

    codecs: from names to codecs; their order is that of the parts, whatever that of the dict that
    is pushed. Raises MessageError for a dict with other names.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> codec = Named({"label": Uniform(8, shape=()), "pixels": Bernoulli.from_probability([0.5])})
    >>> message = Message()
    >>> codec.push(message, {"pixels": [1], "label": 7})
    >>> codec.pop(message)
    {'label': array(7, dtype=uint32), 'pixels': array([1], dtype=uint8)}
    >>> codec.bits({"pixels": [1], "label": 7})
    4.0
    """

    codecs: Mapping[str, Codec[Any]]

    def __post_init__(self) -> None:
        require_codecs(**{f"the part {name!r}": codec for name, codec in self.codecs.items()})
        object.__setattr__(self, "codecs", dict(self.codecs))

    def push(self, message: Message, symbols: Mapping[str, Any]) -> None:
        self._check(symbols)
        with ExitStack() as undo:
            for name, codec in reversed(list(self.codecs.items())):
                with naming("the part", repr(name)):
                    codec.push(message, symbols[name])
                undo.callback(codec.pop, message)
            undo.pop_all()

    def pop(self, message: Message) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        with ExitStack() as undo:
            for name, codec in self.codecs.items():
                parts[name] = codec.pop(message)
                undo.callback(codec.push, message, parts[name])
            undo.pop_all()
        return parts

    def bits(self, symbols: Mapping[str, Any]) -> float:
        """What all parts cost together, in bits."""
        self._check(symbols)
        costs = []
        for name, codec in self.codecs.items():
            with naming("the part", repr(name)):
                costs.append(total(codec.bits(symbols[name])))
        return math.fsum(costs)

    def _check(self, symbols: Mapping[str, Any]) -> None:
        if symbols.keys() != self.codecs.keys():
            wrong = sorted(map(str, symbols.keys() ^ self.codecs.keys()))
            raise MessageError(
                f"the parts are {', '.join(self.codecs)}: missing or unknown is {', '.join(wrong)}"
            )
