"""A model as the program and as the specification have it: the same message for the same items."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import Message, ModelError
from bitsback.coding import chain
from bitsback.coding.layouts import elements_of
from bitsback.coding.multisets import Multisets
from bitsback.format.runs import Run
from bitsback.models import Model, file
from bitsback.models import item_shape as program
from bitsback.models.integer import Size
from bitsback.models.variables import DATA
from choices import Choices
from laws import check_laws, to_reference
from networks import engine
from reference import chain as spec_chain
from reference.model import Bound as SpecBound
from reference.model import Model as SpecModel
from reference.planes import ItemShape
from reference.rules import ModelError as SpecError


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
                ours.bind([(1, ours.shape_of(size))])
        assert ours.identity == theirs.identity
        return cls(ours, theirs, size or theirs.bound.size)

    @property
    def bound(self) -> SpecBound:
        return self.theirs.at(*self.size)

    def items(self, count: int, seed: int = 0) -> NDArray[Any]:
        return some_items(self.theirs, self.size, count, seed)

    def check_chain(self, x: NDArray[Any], lanes: int) -> None:
        """All batches in one call, and the specification, in both directions."""
        bound, ours = self.bound, self.ours
        start = spec_chain.digest(b"runs", x.tobytes())
        initial = Message.from_bytes(spec_chain.initial(start, lanes).to_bytes())
        expected = spec_chain.encode(bound, x, start, lanes)
        batches = spec_chain.schedule(len(x), bound.growth, bound.batch)

        message = initial.copy()
        ours.push(message, x, runs(batches), self.size)
        assert message.to_bytes() == expected.to_bytes()
        assert_equal(ours.pop(message, runs(batches[::-1]), self.size), x)
        assert message == initial

        decoded = spec_chain.decode(bound, expected, len(x))
        assert_equal(decoded, x)
        spec_chain.check_end(expected, start)

    def check_set(self, x: NDArray[Any], lanes: int, falling: bool = False) -> None:
        """The same check for x as a multiset. falling: whether symbol 0 of two is the greater
        value.
        """
        bound, ours = self.bound, self.ours

        def key(item: list[int]) -> bytes:
            symbols = np.array(item, x.dtype)
            return (1 - symbols if falling else symbols).astype(x.dtype.newbyteorder("<")).tobytes()

        start = spec_chain.digest(b"runs", x.tobytes())
        initial = Message.from_bytes(spec_chain.initial(start, lanes).to_bytes())
        expected = spec_chain.encode_set(bound, x, key, start, lanes)
        pair = (b"\1", b"\0") if falling else None
        run = Run(len(x), x.dtype, (x.shape[1],), pair)
        flat, parts = x[::-1].reshape(-1), [ours.bind([(len(x), ours.shape_of(self.size))])]
        elements = elements_of(flat, [run])
        coded = chain.encode(parts, flat, start, lanes, Multisets([run], elements, flat))
        assert coded == expected.to_bytes()
        message = Message.from_bytes(coded)
        sets = Multisets([run])
        chain.decode_sets(parts, message, sets)
        in_order = np.array(sorted(x.tolist(), key=key), x.dtype)
        assert sets.elements().tobytes() == elements_of(in_order.reshape(-1), [run]).tobytes()
        assert message == initial

        assert_equal(spec_chain.decode_set(bound, expected, len(x), key), in_order)
        spec_chain.check_end(expected, start)

    def check_codec(self, x: NDArray[Any], message: Message) -> None:
        """One batch in one call, step by step, and by the specification."""
        ours, size = self.ours, self.size
        codec, by_steps = ours.codec(len(x), size), message.copy()
        check_laws(codec, message, x)
        values: dict[str, Any] = {DATA: x}
        for step in ours.code:
            of_step = ours.step_codec(step.distribution, values, len(x), size)
            if step.pops:
                values[step.variable] = of_step.pop(by_steps)
            else:
                of_step.push(by_steps, values[step.variable])
        fast, reference = message.copy(), to_reference(message)
        codec.push(fast, x)
        self.bound.codec(len(x)).push(reference, x.ravel().tolist())
        assert fast.to_bytes() == reference.to_bytes()
        assert by_steps == fast

    def check_random_bits(self, count: int, message: Message) -> None:
        """Checks that symbols decoded from random bits are likely under the model."""
        ours, size = self.ours, self.size
        fast, reference = message.copy(), to_reference(message)
        x = ours.pop(fast, [(count, 1)], size)
        assert x.ravel().tolist() == self.bound.codec(count).pop(reference)
        assert fast.to_bytes() == reference.to_bytes()
        ours.push(fast, x, [(count, 1)], size)
        assert fast == message


def assert_equal(x: NDArray[Any], expected: NDArray[Any]) -> None:
    assert x.shape == expected.shape
    np.testing.assert_array_equal(x, expected)


def a_message(seed: int, lanes: int, words: int = 20, depth: int | None = 0) -> Message:
    rng = np.random.default_rng(seed)
    heads: Sequence[int] = rng.integers(2**32, 2**64, lanes, np.uint64).tolist()
    return Message(heads, rng.integers(0, 2**32, words, np.uint32), depth)


def check_messages(
    model: Model, theirs: SpecModel, shapes: list[ItemShape], x: NDArray[Any], message: Message
) -> None:
    """Checks both laws for items of these shapes, and for items popped from the message, and that
    the specification pops what the core has pushed, and pushes what the core has popped.
    """
    codec = theirs.planes(shapes)
    bound = model.bind([(1, program.ItemShape(*shape)) for shape in shapes])
    ours = message.copy()
    bound.push(ours, x)
    reference = to_reference(ours)
    np.testing.assert_array_equal(bound.pop(ours), x)
    assert codec.pop(reference) == x.tolist()
    assert ours.to_bytes() == reference.to_bytes() == message.to_bytes()

    popped = bound.pop(ours)
    reference = to_reference(ours)
    bound.push(ours, popped)
    codec.push(reference, popped.tolist())
    assert ours.to_bytes() == reference.to_bytes() == message.to_bytes()


def check_shapes(
    theirs: SpecModel,
    ours: Model,
    choose: Choices,
    seed: int,
    *,
    shapes: Sequence[tuple[int, int, int, int]],
    few: int,
    counts: Sequence[int],
    draw: Callable[[np.random.Generator, ItemShape], NDArray[Any]],
) -> None:
    """Items of some of the shapes. few: levels, if these are not all of the model's."""
    rng = np.random.default_rng(seed)
    some = [
        ItemShape(*choose.of(shapes), min(choose.of([theirs.levels, 2, few]), theirs.levels))
        for _ in range(choose.of(counts))
    ]
    x = np.concatenate([draw(rng, shape) for shape in some])
    check_messages(ours, theirs, some, x, a_message(seed, lanes=1 + seed % 3))


def assert_both_refuse(
    description: dict[str, Any],
    path: Sequence[str | int],
    value: Any,
    tensors: file.Tensors | None = None,
) -> None:
    """The program and the specification refuse a model whose p(x) has this value in this place."""
    at: Any = description["distributions"]["p(x)"]
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    data = file.write(json.dumps(description), tensors or {})
    with pytest.raises(ModelError, match=r"p\(x\)"):
        Model.from_bytes(data)
    with pytest.raises(SpecError):
        SpecModel.from_bytes(data)
