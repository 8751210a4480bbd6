"""Several threads on one message: a push or a pop, of any codec and of any model, is one step
without interference by other threads, or raises a MessageError. None is lost.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import Message, MessageError, codecs
from bitsback.models.item_shape import ItemShape
from laws import assert_same

N = 3000
TIMES = 12  # pushes or pops in each of three threads
LATENT, SOME = codecs.Uniform(256, (50,)), codecs.Uniform(10, (50,))


def some(_: Any) -> codecs.Uniform:
    return SOME


def latent(_: Any) -> codecs.Uniform:
    return LATENT


def two_parts() -> Iterator[Any]:
    yield SOME
    yield LATENT


def straight(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip((x + 0.5) / 10, 0, 1)


def pairs(c: NDArray[Any]) -> Any:
    return c * 2, np.full(c.shape, 2)


class Images:
    """Codes some images by a model of one size, in one call to the core."""

    def __init__(self, name: str, items: int) -> None:
        self.model, self.batches = bitsback.load_model(name), [(items, 1)]

    def push(self, message: Message, x: Any) -> None:
        self.model.push(message, x, self.batches)

    def pop(self, message: Message) -> Any:
        return self.model.pop(message, self.batches)


def bound(name: str, *shape: int) -> Any:
    """An item by a model of items of any shape."""
    return bitsback.load_model(name).bind([(1, ItemShape(*shape))])


CODECS: dict[str, Callable[[], Any]] = {
    "Adaptive": lambda: codecs.Adaptive(10, (N,)),
    "Autoregressive": lambda: codecs.Autoregressive(
        lambda x, at: codecs.Uniform(10, (3,)), (3, 40)
    ),
    "Bernoulli": lambda: codecs.Bernoulli(np.arange(1, N), 16),
    "BernoulliTable": lambda: codecs.BernoulliTable(np.arange(1, 257), np.arange(N) % 256, 16),
    "BitSwap": lambda: codecs.BitSwap([latent, latent], [some, latent], LATENT),
    "BitsBack": lambda: codecs.BitsBack(LATENT, some, latent),
    "Categorical": lambda: codecs.Categorical.from_probability(np.ones((N, 10))),
    "ChainRule": lambda: codecs.ChainRule(SOME, latent),
    "Dependent": lambda: codecs.Dependent(two_parts),
    "FromCdf": lambda: codecs.FromCdf(straight, 10, shape=(N,)),
    "GaussianBuckets": lambda: codecs.GaussianBuckets(np.zeros(N, int), 2**18, 12),
    "Interval": lambda: codecs.Interval(pairs, lambda x: x // 2, 4, (50,)),
    "LatentMixture": lambda: codecs.LatentMixture([1, 2], [SOME, codecs.Uniform(10, (50,))]),
    "Logistic": lambda: codecs.Logistic(np.arange(N), 2**15, 5),
    "Mapped": lambda: codecs.Mapped(SOME, lambda x: x[::-1], lambda y: y[::-1]),
    "DiscretisedMixture": lambda: codecs.DiscretisedMixture(np.full((N, 1), 2**16), 0, 2**16, 5),
    "Multiset": lambda: codecs.Multiset(codecs.Uniform(10, ()), 40),
    "Named": lambda: codecs.Named({"a": SOME, "b": LATENT}),
    "Normal": lambda: codecs.Normal(np.arange(N), 2**15, 5),
    "OnLanes": lambda: codecs.OnLanes(codecs.Uniform(10, (N,)), slice(1, 3)),
    "Repeat": lambda: codecs.Repeat(codecs.Uniform(10, ()), 40),
    "CdfTable": lambda: codecs.CdfTable([[0, 1, 16]], np.zeros(N, int), 4),
    "Serial": lambda: codecs.Serial(SOME, LATENT),
    "TopDown": lambda: codecs.TopDown([lambda z, x: LATENT, latent], [some, latent], LATENT),
    "Uniform": lambda: codecs.Uniform(10, (N,)),
    "one symbol": lambda: codecs.Uniform(10, ()),
    "one of two symbols": lambda: codecs.Bernoulli(20_000, 16),
    "one of a table": lambda: codecs.Categorical([1, 2, 5], 3, ()),
    "a model": lambda: Images("mnist-binary", 20),
    "an autoregressive model": lambda: Images("mnist-context-small", 3),
    "a model's codec": lambda: bitsback.load_model("mnist-binary").codec(5),
    "wavefront": lambda: bound("universal", 1, 30, 30, 3, 256),
    "series": lambda: bound("series", 1, 150, 1, 2, 256),
}


def test_these_are_all_codecs() -> None:
    names = {name for name in codecs.__all__ if hasattr(getattr(codecs, name), "push")}
    assert names - {"Codec"} <= CODECS.keys()


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(step: Callable[[], None], times: int = TIMES) -> int:
    """Runs `step` `times` times in each of three threads. Returns the number of runs."""
    done: list[int] = []
    begin = threading.Barrier(3)

    def run() -> None:
        begin.wait()
        for _ in range(times):
            with suppress(MessageError):
                step()
                done.append(1)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done)


@pytest.mark.parametrize("name", CODECS)
def test_no_push_and_no_pop_is_lost(name: str) -> None:
    codec = CODECS[name]()
    message = Message.random(3, lanes=4)
    symbols = codec.pop(message)
    codec.push(message, symbols)
    before = message.copy()

    pushed = in_threads(lambda: codec.push(message, symbols))
    assert pushed
    for _ in range(pushed):
        assert_same(codec.pop(message), symbols)
    assert message == before

    popped: list[Any] = []
    for _ in range(3 * TIMES):
        codec.push(message, symbols)
    in_threads(lambda: popped.append(codec.pop(message)))
    assert popped
    for one in popped:
        assert_same(one, symbols)
    for _ in range(3 * TIMES - len(popped)):
        assert_same(codec.pop(message), symbols)
    assert message == before


def test_a_message_is_held_for_as_long_as_a_thread_likes() -> None:
    message, codec = Message(lanes=2), codecs.Uniform(10, (5,))
    errors: list[str] = []

    def use() -> None:
        for step in (
            lambda: codec.push(message, np.zeros(5, int)),
            lambda: codec.pop(message),
            lambda: message == Message(),
            lambda: message.lanes,
            lambda: message.depth,
            message.to_bytes,
            message.copy,
            message.__enter__,
            lambda: message.__exit__(None, None, None),
        ):
            try:
                step()
            except MessageError as error:
                errors.append(str(error))

    with message as same:
        assert same is message
        codec.push(message, np.arange(5))
        other = threading.Thread(target=use)
        other.start()
        other.join()
        assert len(errors) == 9
        assert codec.pop(message).tolist() == [0, 1, 2, 3, 4]
    assert message == Message(lanes=2)
    codec.push(message, np.arange(5))


def test_a_message_is_free_again_after_an_error() -> None:
    message = Message(lanes=2)
    with pytest.raises(ZeroDivisionError), message:
        raise ZeroDivisionError
    with pytest.raises(MessageError, match="does not hold"):
        message.__exit__(None, None, None)
    assert in_threads(lambda: codecs.Uniform(10, ()).push(message, 3), times=1) >= 1
