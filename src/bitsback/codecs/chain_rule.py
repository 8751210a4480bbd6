"""Two parts, of which one's distribution depends on the other: p(a, b) = p(a) p(b | a)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bitsback.codecs.base import Codec, naming, require_codecs, require_functions, undoing
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.forms import codec_from
from bitsback.codecs.information import total
from bitsback.message import Message

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, eq=False, repr=False)
class ChainRule(ByValue, Generic[A, B]):
    """Codes a pair (a, b): first is the codec of a, then(a) that of b. a pops first. `then` is
    given an array of int64, as the functions of `BitsBack` are.

    swapped: the pair is (b, a). So the posterior of two layers, which pops z1 and then z2, and
    their prior, which pops z2 and then z1, can be codecs of the same pairs, for `BitsBack`.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> codec = ChainRule(
    ...     first=Uniform(2, shape=(1,)),
    ...     then=lambda a: Bernoulli.from_probability([0.9 if a[0] else 0.1] * 3),
    ... )
    >>> message = Message([1 << 63])
    >>> codec.push(message, ([1], [1, 1, 0]))
    >>> a, b = codec.pop(message)
    >>> a.tolist(), b.tolist()
    ([1], [1, 1, 0])
    """

    first: Codec[A]
    then: Callable[[Any], Codec[B]]
    swapped: bool = False

    def __post_init__(self) -> None:
        require_codecs(first=self.first)
        require_functions(then=self.then)

    def push(self, message: Message, symbols: tuple[Any, Any]) -> None:
        b, a = symbols if self.swapped else symbols[::-1]
        then = codec_from("then", self.then, a)
        with naming("then"):
            then.push(message, b)
        with undoing(lambda: then.pop(message)), naming("first"):
            self.first.push(message, a)

    def pop(self, message: Message) -> tuple[Any, Any]:
        a = self.first.pop(message)
        with undoing(lambda: self.first.push(message, a)):
            b = codec_from("then", self.then, a).pop(message)
        return (b, a) if self.swapped else (a, b)

    def bits(self, symbols: tuple[Any, Any]) -> float:
        """What both cost together, in bits."""
        b, a = symbols if self.swapped else symbols[::-1]
        with naming("first"):
            of_a = total(self.first.bits(a))
        with naming("then"):
            return of_a + total(codec_from("then", self.then, a).bits(b))
