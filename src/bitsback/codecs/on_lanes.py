"""A part of a message's lanes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, Generic, TypeVar

from bitsback import _core
from bitsback.codecs.base import Codec, require_codecs
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import Bits
from bitsback.errors import MessageError
from bitsback.message import Message

X = TypeVar("X")


@dataclass(frozen=True, eq=False, repr=False)
class OnLanes(ByValue, Generic[X]):
    """Codes x on some lanes of the message, and leaves the heads of the others alone.

    codec: any; it sees a message that has these heads, the first of `lanes` as lane 0, and all of
    the tail. lanes: their numbers, from 0 on, none of them twice; or a slice, which is taken from
    the lanes that the message has. Several of them, side by side, code symbols of several kinds as
    steps whose lanes do not wait for each other.
    Raises MessageError for lanes that are none, and when it codes, for those that the message
    lacks. Source: the `substack` of craystack (Townsend, Bird, Kunze, Barber 2020, HiLLoC).

    >>> from bitsback.codecs import Uniform
    >>> message = Message(lanes=4)
    >>> codec = OnLanes(Uniform(1024, shape=(6,)), lanes=slice(1, 3))
    >>> codec.push(message, [1, 2, 3, 4, 5, 6])
    >>> [head > 2**32 for head in message.heads.tolist()]
    [False, True, True, False]
    >>> codec.pop(message).tolist()
    [1, 2, 3, 4, 5, 6]
    """

    codec: Codec[X]
    lanes: slice | Sequence[int]

    def __post_init__(self) -> None:
        require_codecs(codec=self.codec)
        if isinstance(self.lanes, slice):
            _range_of(self.lanes, 64)
            return
        try:
            lanes = tuple(map(index, self.lanes))
        except TypeError as error:
            raise MessageError(
                f"lanes must be a slice or a sequence of integers, not {self.lanes!r}"
            ) from error
        if not lanes or min(lanes) < 0 or max(lanes) > 63 or len(set(lanes)) < len(lanes):
            raise MessageError(
                f"lanes are numbers from 0 to 63, one at least, none of them twice, not {lanes}"
            )
        object.__setattr__(self, "lanes", lanes)

    def push(self, message: Message, symbols: X) -> None:
        self._on(message, lambda part: self.codec.push(part, symbols))

    def pop(self, message: Message) -> X:
        popped: list[X] = []
        self._on(message, lambda part: popped.append(self.codec.pop(part)))
        return popped[0]

    def bits(self, symbols: X) -> Bits:
        """What the codec says."""
        return self.codec.bits(symbols)

    def _on(self, message: Message, run: Callable[[Message], Any]) -> None:
        lanes = self.lanes
        if isinstance(lanes, slice):
            lanes = _range_of(lanes, message.lanes)
            if not lanes:
                raise MessageError(
                    f"a message of {message.lanes} lanes has none within {self.lanes}"
                )
        _core.on_lanes(message, lanes, run)


def _range_of(lanes: slice, count: int) -> range:
    """Those of `count` lanes."""
    try:
        return range(count)[lanes]
    except (TypeError, ValueError) as error:
        raise MessageError(f"lanes must be a slice of integers, not {lanes}") from error
