"""Functions of symbols get the same form of them in both directions, whatever the user's form, and
check_codec detects violations.
"""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitsback import CodecError, Message, MessageError
from bitsback.codecs import (
    Autoregressive,
    Bernoulli,
    BitsBack,
    BitSwap,
    Categorical,
    CdfTable,
    ChainRule,
    Codec,
    Dependent,
    GaussianBuckets,
    Interval,
    Mapped,
    Multiset,
    Named,
    Repeat,
    Serial,
    TopDown,
    Uniform,
    check_codec,
    one_form,
)


class Seen:
    """Records the codecs that a function makes and its arguments."""

    def __init__(self, codec_of: Callable[..., Any]) -> None:
        self.codec_of, self.calls = codec_of, list[Any]()

    def __call__(self, *symbols: Any) -> Any:
        self.calls.append([(form(part), contents(part)) for part in symbols])
        made = self.codec_of(*symbols)
        for part in symbols:
            spoil(part)
        return made


def form(symbols: Any) -> Any:
    if isinstance(symbols, tuple):
        return tuple(map(form, symbols))
    if isinstance(symbols, dict):
        return {name: form(part) for name, part in symbols.items()}
    return symbols.dtype, symbols.shape, symbols.flags.c_contiguous


def contents(symbols: Any) -> Any:
    if isinstance(symbols, tuple):
        return tuple(map(contents, symbols))
    if isinstance(symbols, dict):
        return {name: contents(part) for name, part in symbols.items()}
    return symbols.tolist()


def spoil(symbols: Any) -> None:
    """Changes its argument, as an in-place function does."""
    for part in symbols.values() if isinstance(symbols, dict) else symbols:
        if isinstance(part, np.ndarray) and part.ndim:
            part += 77
    if isinstance(symbols, np.ndarray):
        symbols += 77


X = np.array([[1, 0, 1], [0, 1, 1]])


def fair(*_: Any) -> Bernoulli:
    return Bernoulli.from_probability(np.full(X.shape, 0.5))


def latent(*_: Any) -> GaussianBuckets:
    return GaussianBuckets(np.arange(6).reshape(2, 3) * 2**15, 2**16, 10)


def some(function: Seen) -> Any:
    def steps() -> Any:
        yield function((yield Uniform(2, X.shape)))

    return steps


BUCKETS = Uniform(2**10, X.shape)
CODECS: dict[str, Callable[[Seen], Codec[Any]]] = {
    "a likelihood": lambda f: BitsBack(BUCKETS, f, latent),
    "a posterior": lambda f: BitsBack(BUCKETS, fair, lambda x: f(x) and latent()),
    "a likelihood of pairs": lambda f: BitsBack(
        Serial(BUCKETS, BUCKETS), f, lambda x: Serial(latent(), latent())
    ),
    "a likelihood of names": lambda f: BitsBack(
        Named({"a": BUCKETS, "b": Uniform(3, ())}),
        f,
        lambda x: Named({"a": latent(), "b": Categorical([2, 1, 1], 2, ())}),
    ),
    "Bit-Swap": lambda f: BitSwap(
        [lambda x: f(x) and latent(), latent], [f, lambda z: latent()], BUCKETS
    ),
    "top down": lambda f: TopDown(
        [lambda z, x: f(z, x) and latent(), latent], [f, latent], BUCKETS
    ),
    "a chain of two": lambda f: ChainRule(Uniform(2, X.shape), f),
    "dependent parts": lambda f: Dependent(some(f)),
    "repeated items": lambda f: BitsBack(BUCKETS, lambda z: Repeat(fair(), 2), f),
    "parts": lambda f: BitsBack(
        BUCKETS, lambda z: Serial(fair(), CdfTable([[0, 1, 16]], [0, 0], 4)), f
    ),
    "bijections": lambda f: Mapped(fair(), lambda x: f(x.copy()) and x[::-1], lambda y: y[::-1]),
}
PAIRS = {"a chain of two", "dependent parts", "repeated items"}

HELD: dict[str, Callable[[Any], Any]] = {
    "as bools": lambda x: x.astype(bool),
    "as uint8": lambda x: x.astype(np.uint8),
    "as int16 of the other byte order": lambda x: x.astype(">i2"),
    "as uint64": lambda x: x.astype(np.uint64),
    "in lists": lambda x: x.tolist(),
    "in Fortran order": lambda x: np.asfortranarray(x),
    "with gaps": lambda x: np.repeat(x, 2, 1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("name", CODECS)
def test_functions_are_given_the_same_in_both_directions(name: str, held: str) -> None:
    makes = {"a posterior", "top down", "bijections"}
    inner: Callable[..., Any] = latent if name in ("repeated items", "parts") else fair
    seen = Seen(lambda *symbols: True if name in makes else inner(*symbols))
    if name in ("Bit-Swap", "top down"):
        seen = Seen(fair)
    codec = CODECS[name](seen)
    x: Any = HELD[held](X)
    if name in PAIRS:
        x = (x, x)
    elif name == "parts":
        x = (x, [1, 0])
    message = Message.random(4, lanes=2)
    codec.push(message, x)
    pushes, seen.calls = seen.calls, []
    popped = codec.pop(message)
    np.testing.assert_array_equal(popped[0] if name in PAIRS | {"parts"} else popped, X)
    assert message == Message.random(4, lanes=2)
    assert pushes and sorted(map(repr, pushes)) == sorted(map(repr, seen.calls))
    for call in pushes:
        for of, _ in call:
            assert "int64" in repr(of) and "uint" not in repr(of) and "False" not in repr(of)


def test_a_mutation_harms_nobody() -> None:
    def clears(z: Any) -> Bernoulli:
        z[:] = 0
        return Bernoulli.from_probability([0.25, 0.5, 0.75])

    x = np.array([1, 0, 1])
    codec = BitsBack(Uniform(5, (2,)), clears, lambda x: clears(x) and Uniform(5, (2,)))
    check_codec(codec, x)
    pair = ChainRule(Uniform(5, (2,)), clears)
    given = np.array([3, 4])
    pair.push(Message(), (given, x))
    assert x.tolist() == [1, 0, 1] and given.tolist() == [3, 4]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_a_step_sees_zeros_where_nothing_is_known_yet(dtype: Any) -> None:
    """A step that looks ahead sees zeros, so it decodes what it encoded."""
    seen: list[list[int]] = []

    def looks_ahead(x: Any, position: int) -> Categorical:
        seen.append(x.tolist())
        with pytest.raises(ValueError, match="read-only"):
            x[0] = 9
        weights = np.ones(10)
        weights[x.sum() % 10] = 5
        return Categorical.from_probability(weights, shape=())

    codec = Autoregressive(looks_ahead, (4,), dtype, together=0)
    check_codec(codec, np.array([9, 2, 3, 9]))
    seen.clear()
    message = Message.random()
    codec.push(message, [9, 2, 3, 9])
    assert seen == [[9, 2, 3, 0], [9, 2, 0, 0], [9, 0, 0, 0], [0, 0, 0, 0]]
    codec.pop(message)
    assert seen[4:] == seen[3::-1]


def test_a_step_that_keeps_what_it_was_given_can_be_undone() -> None:
    """A codec that looks at the array when it is used, and an error at the last position."""

    class Late:
        def __init__(self, x: Any, position: int) -> None:
            self.x, self.position = x, position

        @property
        def codec(self) -> Uniform:
            return Uniform(3 + int(self.x[: self.position].sum()), ())

        def push(self, message: Message, symbols: Any) -> None:
            self.codec.push(message, symbols)

        def pop(self, message: Message) -> Any:
            return self.codec.pop(message)

        def bits(self, symbols: Any) -> Any:
            return self.codec.bits(symbols)

    codec = Autoregressive(Late, (3,), together=0)
    check_codec(codec, np.array([2, 4, 5]))
    message = Message.random()
    with pytest.raises(MessageError, match=r"position 0: .* not 9"):
        codec.push(message, [9, 4, 5])
    assert message == Message.random()


def test_intervals_are_computed_of_the_same_arrays_in_both_directions() -> None:
    seen: list[Any] = []

    def interval(c: Any) -> Any:
        seen.append((c.dtype, c.tolist()))
        c *= 4
        return c.copy(), np.full(c.shape, 4)

    codec = Interval(interval, lambda x: x // 4, 4, (5,), np.uint8)
    message = Message.random(3, lanes=2)
    x = np.array([0, 3, 2, 1, 0], np.uint8)
    codec.push(message, x)
    codec.pop(message)
    assert seen[:3] == seen[3:] == [(np.int64, [0, 3]), (np.int64, [2, 1]), (np.int64, [0])]
    assert x.tolist() == [0, 3, 2, 1, 0]


def test_keys_of_items_do_not_depend_on_their_dtype() -> None:
    codec = Multiset(Uniform(300, (2,)), 3, key=lambda item: item.tobytes())
    items = np.array([[1, 299], [2, 5], [1, 0]])
    messages = [Message.random(), Message.random()]
    codec.push(messages[0], list(items.astype(np.uint16)))
    codec.push(messages[1], items.tolist())
    assert messages[0] == messages[1]


Point = namedtuple("Point", "a b")


@pytest.mark.parametrize(
    ("symbols", "is_given"),
    [
        (5, np.array(5)),
        (np.uint8(5), np.array(5)),
        ([], np.zeros(0, int)),
        ([[], []], np.zeros((2, 0), int)),
        ([True, 2], np.array([1, 2])),
        (np.float32([0.5]), np.array([0.5])),
        (([1, 2], (3, 4)), np.array([[1, 2], [3, 4]])),
        ((np.uint8([1, 2]), np.int16([3, 4])), np.array([[1, 2], [3, 4]])),
        (([1, 2], 3), (np.array([1, 2]), np.array(3))),
        ([[1, 2], [3]], (np.array([1, 2]), np.array([3]))),
        ([np.uint64(1), np.int64(-1)], np.array([1, -1])),
        ({"a": [1], "b": 2}, {"a": np.array([1]), "b": np.array(2)}),
        (Point([1], [2]), Point(np.array([1]), np.array([2]))),
        ("text", "text"),
        (["a", 1], ("a", np.array(1))),
        (None, None),
    ],
)
def test_the_one_form(symbols: Any, is_given: Any) -> None:
    assert repr(one_form(symbols)) == repr(is_given)


@pytest.mark.parametrize("symbols", [2**63, 2**70, np.array([2**64 - 1], np.uint64), [1, 2**63]])
def test_what_int64_cannot_hold_is_refused(symbols: Any) -> None:
    with pytest.raises(MessageError, match="int64, which cannot hold"):
        one_form(symbols)


class Own:
    """Bits back by a user who forgets that codecs pop different dtypes."""

    def __init__(self, likelihood: Callable[[Any], Any], form: Callable[[Any], Any]) -> None:
        self.likelihood, self.form = likelihood, form
        self.prior, self.posterior = Uniform(2**10, (3,)), GaussianBuckets([0, 9, 99], 2**15, 10)

    def push(self, message: Message, x: Any) -> None:
        z = self.posterior.pop(message)
        self.likelihood(self.form(z)).push(message, x)
        self.prior.push(message, z)

    def pop(self, message: Message) -> Any:
        z = self.prior.pop(message)
        x = self.likelihood(self.form(z)).pop(message)
        self.posterior.push(message, z)
        return x

    def bits(self, x: Any) -> float:
        z = self.posterior.pop(Message.random())
        pushed = self.likelihood(self.form(z)).bits(x).sum() + self.prior.bits(z).sum()
        return float(pushed - self.posterior.bits(z).sum())


def test_a_check_sees_that_a_function_is_given_other_forms() -> None:
    """The check fails even where the other forms lose nothing."""

    def likelihood(z: Any) -> Bernoulli:
        return Bernoulli(1000 + np.asarray(z, int), 16)

    check_codec(Own(likelihood, one_form), [1, 0, 1])
    with pytest.raises(CodecError, match=r"likelihood .* uint16 of .* push .* uint32 of .* pop"):
        check_codec(Own(likelihood, lambda z: z), [1, 0, 1])


@pytest.mark.parametrize("shape", [(3, 1), (3,)])
def test_a_check_sees_other_shapes_and_layouts(shape: Any) -> None:
    codec = Own(lambda z: Bernoulli.from_probability([0.5] * 3), one_form)

    def pop(message: Message) -> Any:
        z = codec.prior.pop(message)
        given = np.stack([one_form(z)] * 2, -1)[:, 0] if shape == (3,) else one_form(z)
        x = codec.likelihood(given.reshape(shape) if shape != (3,) else given).pop(message)
        codec.posterior.push(message, z)
        return x

    codec.pop = pop  # type: ignore[method-assign]
    with pytest.raises(CodecError, match=r"not contiguous|shape \(3, 1\)"):
        check_codec(codec, [1, 0, 1])


def test_a_check_sees_that_bits_depend_on_how_symbols_are_held() -> None:
    class Wrapping:
        def push(self, message: Message, symbols: Any) -> None:
            x = np.asarray(symbols)
            Uniform(256, x.shape).push(message, (x + x.dtype.type(100)).astype(int) % 300 % 256)

        def pop(self, message: Message) -> Any:
            return (Uniform(256, (2,)).pop(message).astype(np.int64) - 100) % 256

        def bits(self, symbols: Any) -> Any:
            return Uniform(256, (2,)).bits([0, 0])

    with pytest.raises(CodecError, match=r"law is broken|other bits if they are given as"):
        check_codec(Wrapping(), [7, 156])
