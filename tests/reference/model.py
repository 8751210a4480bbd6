"""A model of docs/model-format.md: its program, its test vectors, and how it codes a batch."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import cost
from .counted import CountedCodec
from .distributions import Prediction, prediction_codec
from .item_vectors import check_items, hash_items
from .message import Message, splitmix64
from .model_file import identity, read_safetensors
from .planes import ItemShape, check_shape
from .program import Program, read_program
from .rules import check_integer, check_keys, check_printable, check_text, read_json, require
from .series import SeriesCodec
from .steps import Step
from .values import Ints, Size, Tensors, places
from .wavefront import WavefrontCodec

KEYS = "format version name about licence variables networks distributions code chain test"

TRIED: set[bytes] = set()  # identities of models whose test items came to the right message


class Model:
    """A description and its tensors, checked."""

    def __init__(self, description: str, tensors: Tensors) -> None:
        self.identity = identity(description, tensors)
        self.description, self.tensors = description, tensors
        self.about: dict[str, Any] = check_keys(read_json(description), KEYS)
        require(self.about["format"] == "bitsback-model", "the format")
        check_integer(self.about["version"], 1, 1)
        self.program = read_program(self.about, tensors)
        check_text(self.about["name"], "[a-z0-9][a-z0-9._-]{0,63}")
        check_printable(self.about["about"])
        check_printable(self.about["licence"])
        keys = [f"{name}.{layer}" for name, of in self.program.outputs.items() for layer in of]
        given = self.about["test"]["sha256"]
        require(type(given) is dict and set(given) == set(keys), "a hash for each output")
        require(
            hash_outputs(self.program) == given,
            "the networks give the values that the test vectors name",
        )
        of = self.program.prediction
        if of is not None:
            items = self.about["test"]["items"]
            check_items(of, items, tensors)
            if self.identity not in TRIED:
                require(hash_items(of, items) == items["sha256"], "the message of the test items")
                TRIED.add(self.identity)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Model":
        return cls(*read_safetensors(data))

    @property
    def size(self) -> Size | None:
        return self.program.size

    @property
    def channels(self) -> int:
        return self.program.variables["x"].channels

    @property
    def levels(self) -> int:
        return self.program.variables["x"].levels

    @property
    def any_shape(self) -> bool:
        """Whether it codes images of any size, number of planes and number of levels, by `planes`;
        otherwise `at` binds it to a size.
        """
        return self.program.variables["x"].of_planes

    def planes(self, shapes: Sequence[ItemShape]) -> SeriesCodec | CountedCodec | WavefrontCodec:
        """A codec of a batch of items of these shapes, for a size-agnostic model."""
        for shape in shapes:
            check_shape(shape, self.levels)
        codec: SeriesCodec | CountedCodec | WavefrontCodec
        codec = prediction_codec(self.prediction, shapes)
        return codec

    @property
    def prediction(self) -> Prediction:
        """The distribution of x, of a model that predicts it."""
        assert self.program.prediction is not None
        return self.program.prediction

    def plane_memory(self, shapes: Sequence[ItemShape]) -> int:
        """The bytes that coding these items takes, for a size-agnostic model."""
        return cost.plane_memory(self.prediction, shapes)

    def plane_macs(self, shapes: Sequence[ItemShape]) -> int:
        """The multiply-adds that coding these items takes, for a size-agnostic model."""
        return cost.plane_macs(self.prediction, shapes)

    def at(self, rows: int, columns: int) -> "Bound":
        """The model for images of this size."""
        require(not self.any_shape, "a model of items of any shape has no size")
        require(self.size in (None, (rows, columns)), "images of the size of the model")
        return Bound(self.program, (rows, columns))

    @property
    def bound(self) -> "Bound":
        """A model with a size, for images of it."""
        assert self.size is not None
        return self.at(*self.size)


@dataclass
class Bound:
    """A model for images of one size."""

    program: Program
    size: Size

    @property
    def growth(self) -> int:
        return self.program.growth

    @property
    def batch(self) -> int:
        return self.program.batch

    @property
    def elements(self) -> int:
        """The number of elements of an item of x."""
        return self.program.variables["x"].value.elements(self.size)

    @property
    def most_elements(self) -> int:
        """The number of elements of an item of the largest variable."""
        return max(of.value.elements(self.size) for of in self.program.variables.values())

    def batch_memory(self, items: int) -> int:
        """Of a batch of so many."""
        return self.program.batch_memory(self.size, items)

    @property
    def macs(self) -> int:
        return self.program.macs(self.size)

    @property
    def steps(self) -> int:
        """The number of steps of a batch."""
        return self.program.steps(self.size)

    def codec(self, items: int) -> "Batch":
        return Batch(self, items)


@dataclass
class Batch:
    """The codec of `items` items, as a flat list of the elements of x."""

    bound: Bound
    items: int

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        values = {"x": self._array("x", symbols)}
        for step in self.bound.program.code:
            self._run(step, step.pops, message, values)

    def pop(self, message: Message) -> list[int]:
        values: dict[str, Ints] = {}
        for step in reversed(self.bound.program.code):
            self._run(step, not step.pops, message, values)
        return values["x"].ravel().tolist()

    def _run(self, step: Step, pops: bool, message: Message, values: dict[str, Ints]) -> None:
        """A pop makes a variable known; a push makes it unknown, and it must not be used again."""
        name = step.distribution.variable.name
        codec = step.distribution.codec(values, self.bound.size, self.items)
        if pops:
            values[name] = self._array(name, codec.pop(message))
        else:
            codec.push(message, values.pop(name).ravel().tolist())

    def _array(self, name: str, symbols: Sequence[int]) -> Ints:
        """[items, rows, columns, channels]."""
        of = self.bound.program.variables[name]
        at = places(of.where, self.bound.size)
        return np.array(symbols, np.int64).reshape(self.items, *at, of.channels)


def hash_outputs(program: Program) -> dict[str, str]:
    """The test vectors: SHA-256 of each output for sources drawn from the seed, one after the
    other.
    """
    place, hashes, count = 0, {}, program.test_count
    for name, network in program.networks.items():
        sources = {}
        for source, value in network.sources.items():
            shape = (count, *places(value.where, program.test_size), value.channels)
            drawn = draw(program.test_seed, place, math.prod(shape), *value.range)
            sources[source] = drawn.reshape(shape)
            place += math.prod(shape)
        values = network.run(program.test_size, sources)
        for layer in sorted(program.outputs[name]):
            data = values[layer].astype("<i4").tobytes()
            hashes[f"{name}.{layer}"] = hashlib.sha256(data).hexdigest()
    return hashes


def draw(seed: int, first: int, count: int, lo: int, hi: int) -> Ints:
    """Test vector elements from outputs first ... first + count - 1 of SplitMix64 with the state
    `seed`.
    """
    words = (splitmix64(j, seed) >> 32 for j in range(first, first + count))
    return np.array([lo + word % (hi - lo + 1) for word in words], np.int64)
