"""A model as the program and as the specification have it: the same message for the same items."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import Message
from bitsback.integer import Size
from bitsback.models import Model
from bitsback.models.model import BoundModel
from laws import check_laws, to_reference
from networks import engine
from reference import chain as spec_chain
from reference.model import Bound as SpecBound
from reference.model import Model as SpecModel


def some_items(model: SpecModel, size: Size, count: int, seed: int = 0) -> NDArray[Any]:
    """Any symbols, many of them at the ends of their range: [count, elements]."""
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if model.levels <= 256 else np.uint16
    x = rng.integers(0, model.levels, (count, model.at(*size).elements)).astype(dtype)
    x[rng.random(x.shape) < 0.3] = 0
    x[rng.random(x.shape) < 0.2] = model.levels - 1
    x[rng.random(count) < 0.3] = 0
    return x


def runs(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Batches of these sizes, as the program takes them: each size, and how many follow."""
    return [(size, len(list(same))) for size, same in groupby(sizes)]


@dataclass
class Pair:
    """A model for images of one size."""

    ours: Model
    theirs: SpecModel
    size: Size

    @classmethod
    def of(cls, data: bytes, size: Size | None = None, path: str | None = None) -> "Pair":
        """The program's networks are on this SIMD path."""
        theirs = SpecModel.from_bytes(data)
        if path is None:
            ours = Model.from_bytes(data)
        else:
            with engine(path):
                ours = Model.from_bytes(data)
                ours.at(size or theirs.bound.size)
        assert ours.identity == theirs.identity
        return cls(ours, theirs, size or theirs.bound.size)

    @property
    def bound(self) -> SpecBound:
        return self.theirs.at(*self.size)

    @property
    def core(self) -> BoundModel:
        return self.ours.at(self.size)

    def items(self, count: int, seed: int = 0) -> NDArray[Any]:
        return some_items(self.theirs, self.size, count, seed)

    def check_chain(self, x: NDArray[Any], lanes: int) -> None:
        """All batches in one call, and the specification, in both directions."""
        bound, core = self.bound, self.core
        start = spec_chain.digest(b"runs", x.tobytes())
        initial = Message.from_bytes(spec_chain.initial(start, lanes).to_bytes())
        expected = spec_chain.encode(bound, x, start, lanes)
        batches = spec_chain.schedule(len(x), bound.growth, bound.batch)

        message = initial.copy()
        core.push(message, x, runs(batches))
        assert message.to_bytes() == expected.to_bytes()
        assert_equal(core.pop(message, runs(batches[::-1])), x)
        assert message == initial

        decoded = spec_chain.decode(bound, expected, len(x))
        assert_equal(decoded, x)
        spec_chain.check_end(expected, start)

    def check_set(self, x: NDArray[Any], lanes: int, falling: bool = False) -> None:
        """The same of x as a multiset. falling: whether symbol 0 of two is the greater one."""
        bound, core = self.bound, self.core

        def key(item: list[int]) -> bytes:
            symbols = np.array(item, x.dtype)
            return (1 - symbols if falling else symbols).astype(x.dtype.newbyteorder("<")).tobytes()

        start = spec_chain.digest(b"runs", x.tobytes())
        initial = Message.from_bytes(spec_chain.initial(start, lanes).to_bytes())
        expected = spec_chain.encode_set(bound, x, key, start, lanes)
        batches = spec_chain.schedule(len(x), bound.growth, bound.batch)

        message = initial.copy()
        core.push_set(message, x[::-1], runs(batches), falling)
        assert message.to_bytes() == expected.to_bytes()
        in_order = np.array(sorted(x.tolist(), key=key), x.dtype)
        assert_equal(core.pop_set(message, runs(batches[::-1]), falling), in_order)
        assert message == initial

        assert_equal(spec_chain.decode_set(bound, expected, len(x), key), in_order)
        spec_chain.check_end(expected, start)

    def check_codec(self, x: NDArray[Any], message: Message) -> None:
        """One batch by public codecs, in the core, and by the specification."""
        core = self.core
        check_laws(core.codec(len(x)), message, x)
        slow, fast, reference = message.copy(), message.copy(), to_reference(message)
        core.codec(len(x)).push(slow, x)
        core.push(fast, x, [(len(x), 1)])
        self.bound.codec(len(x)).push(reference, x.ravel().tolist())
        assert slow.to_bytes() == reference.to_bytes()
        assert fast == slow

    def check_random_bits(self, count: int, message: Message) -> None:
        """What comes out of random bits is likely under the model: all of its symbols are met."""
        core = self.core
        fast, reference = message.copy(), to_reference(message)
        x = core.pop(fast, [(count, 1)])
        assert x.ravel().tolist() == self.bound.codec(count).pop(reference)
        assert fast.to_bytes() == reference.to_bytes()
        core.push(fast, x, [(count, 1)])
        assert fast == message


def assert_equal(x: NDArray[Any], expected: NDArray[Any]) -> None:
    assert x.shape == expected.shape
    np.testing.assert_array_equal(x, expected)


def a_message(seed: int, lanes: int, words: int = 20, depth: int | None = 0) -> Message:
    rng = np.random.default_rng(seed)
    heads: Sequence[int] = rng.integers(2**32, 2**64, lanes, np.uint64).tolist()
    return Message(heads, rng.integers(0, 2**32, words, np.uint32), depth)
