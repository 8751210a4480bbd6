"""A model: its variables, networks and distributions, and the code that uses them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.array_codec import bits_of_push
from bitsback.codecs.exact_functions import total
from bitsback.codecs.symbol_arrays import as_symbols
from bitsback.errors import MessageError, ModelError
from bitsback.lazy import cached_property
from bitsback.message import Message
from bitsback.models import costs, file, item_vectors, vectors
from bitsback.models.distributions import read_distribution
from bitsback.models.distributions.adaptive_distribution import AdaptiveDistribution
from bitsback.models.distributions.distribution import Distribution
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.integer import Network, Size
from bitsback.models.integer.fields import Fields, TensorReader
from bitsback.models.item_shape import ItemShape, Shapes
from bitsback.models.networks import NetworkReader
from bitsback.models.outline import Outline
from bitsback.models.step_codec import StepCodec
from bitsback.models.variables import DATA

Batches = Sequence[tuple[int, int]]
"""Pairs (batch size, number of consecutive batches of that size)."""


@dataclass(frozen=True, eq=False)
class Model(Outline):
    """A latent-variable model, which codes images by the steps of its code.

    Source: Townsend, Bird, Barber 2019, section 3.1 (the VAE); docs/model-format.md (its integers).

    >>> import numpy as np
    >>> import bitsback
    >>> model = bitsback.load_model("mnist-binary")
    >>> message = bitsback.Message(heads=[1 << 32], depth=0)
    >>> images = np.zeros((3, model.pixels), np.uint8)
    >>> model.push(message, images, [(3, 1)])
    >>> bool((model.pop(message, [(3, 1)]) == images).all())
    True
    """

    description: str = field(repr=False)
    tensors: file.Tensors = field(repr=False)
    identity: bytes
    """The SHA-256 of the model. Archives store its first 16 bytes."""
    networks: dict[str, Network] = field(repr=False)
    outputs: dict[str, tuple[str, ...]] = field(repr=False)
    """For each network, the layers that distributions read."""
    distributions: dict[str, Distribution] = field(repr=False)

    def __repr__(self) -> str:
        size = "items of any size" if self.size is None else " x ".join(map(str, self.whole_size()))
        return f"<Model {self.name}: {size}, {self.levels} levels, {self.identity.hex()[:8]}>"

    def bind(self, shapes: Shapes) -> BoundModel:
        """The model for items of these shapes.

        They must have one size, unless the model is size-agnostic. Raises ModelError for shapes
        that the model does not code.
        """
        size = None
        if not self.any_shape and shapes:
            size = shapes[0][1].size
            if {shape for _, shape in shapes} != {self.shape_of(size)}:
                raise ModelError(f"the model {self.name} codes {self.items_in_words}")
        return BoundModel(self, tuple(shapes), self.program(size))

    @lru_cache(maxsize=8)  # noqa: B019 - a program lives as long as its model
    def program(self, size: Size | None) -> _core.Program:
        """The model's code in the core, for images of this size; None: for data of any shape."""
        names = list(self.variables)
        numbers = {name: number for number, name in enumerate(names)}
        parts = {key: entry.core(size, numbers) for key, entry in self.distributions.items()}
        return _core.Program(
            [
                (0 if size is None else variable.elements(size), variable.levels)
                for variable in self.variables.values()
            ],
            [(step.pops, parts[step.distribution]) for step in self.code],
        )

    def push(
        self, message: Message, x: ArrayLike, batches: Batches, size: Size | None = None
    ) -> None:
        """Pushes x, batch by batch from its end.

        x: [items, elements], uint8 for up to 256 levels and uint16 for more. batches: the first one
        has the last items. size: rows and columns of the images, if the model has no size.
        """
        shape, items = self.shape_of(size), _count(batches)
        symbols = as_symbols(x, self.variables[DATA].dtype, (items, shape.elements))
        self.bind([(items, shape)]).push(message, symbols.reshape(-1), batches)

    def pop(self, message: Message, batches: Batches, size: Size | None = None) -> NDArray[Any]:
        """Undoes `push`. Returns the items, [items, elements], in their order.

        batches: those of `push` in reverse order.
        """
        shape, items = self.shape_of(size), _count(batches)
        return self.bind([(items, shape)]).pop(message, batches).reshape(items, shape.elements)

    def codec(self, items: int, size: Size | None = None) -> ModelCodec:
        """The codec of `items` items in one batch."""
        return ModelCodec(self, items, self.shape_of(size).size)

    def step_codec(
        self,
        distribution: str,
        given: Mapping[str, ArrayLike],
        items: int,
        size: Size | None = None,
    ) -> StepCodec:
        """The codec of a variable [items, elements] under one of the model's distributions.

        distribution: its key, such as "p(x|z)". given: the variables on which it depends, [items,
        elements] each; others are ignored.
        """
        shape, parsed = self.shape_of(size), self.keys[distribution]
        return StepCodec(
            program=self.program(shape.size),
            step=[step.distribution for step in self.code].index(distribution),
            variables=self.variables,
            variable=parsed.variable,
            given={name: given[name] for name in parsed.given},
            items=items,
            shape=shape,
        )

    def step_bits(
        self, x: ArrayLike, message: Message, size: Size | None = None
    ) -> NDArray[np.float64]:
        """The information of each item in each step of the code, in bits: [steps, items].

        It is exact, and negative in pops. x: [items, elements]. Latents are popped from the
        message.
        """
        values, bits = {DATA: np.asarray(x)}, []
        for step in self.code:
            codec = self.step_codec(step.distribution, values, len(values[DATA]), size)
            if step.pops:
                values[step.variable] = codec.pop(message)
            information = codec.bits(values[step.variable])
            bits.append(-information if step.pops else information)
        return np.array(bits)

    def memory(self, shape: ItemShape) -> int:
        """The bytes of memory for coding an item (docs/model-format.md, What a model may cost)."""
        return costs.memory_of(self.variables, self.distributions.values(), shape)

    def macs(self, shape: ItemShape) -> int:
        """The multiply-adds for coding an item, and a constant for each element."""
        known = set(self.variables)
        networks = [each for each in self.networks.values() if set(each.sources) <= known]
        return costs.macs_of(self.variables, networks, self.distributions.values(), shape)

    def steps(self, shape: ItemShape) -> int:
        """The number of arrays that coding a batch of such items takes."""
        return sum(self.distributions[step.distribution].steps(shape) for step in self.code)

    def prior(self, size: int) -> StepCodec:
        """The codec of p(z) for `size` items: buckets [size, latents].

        It is for fixed-size models with one latent variable, as are the methods below.
        """
        return self.step_codec(self._key(latent=True, given=()), {}, size)

    def posterior(self, x: ArrayLike) -> StepCodec:
        """The codec of q(z|x) for x [size, pixels]: buckets [size, latents]."""
        return self.step_codec(self._key(latent=True, given=(DATA,)), {DATA: x}, len(np.asarray(x)))

    def likelihood(self, z: ArrayLike) -> StepCodec:
        """The codec of p(x|z) for buckets z [size, latents]: pixels [size, pixels]."""
        name = self.latent.name
        key = self._key(latent=False, given=(name,))
        return self.step_codec(key, {name: z}, len(np.asarray(z)))

    def posterior_parameters(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        """The posterior network's outputs: mean int16 and scale uint8, each [size, latents]."""
        return self._parameters(self._key(latent=True, given=(DATA,)), {DATA: x})

    def likelihood_parameters(self, z: NDArray[Any]) -> list[NDArray[Any]]:
        """The outputs of the likelihood network for z [size, latents].

        They are the parameters of the pixels, or the features of autoregressive pixels.
        """
        name = self.latent.name
        return self._parameters(self._key(latent=False, given=(name,)), {name: z})

    def _parameters(self, key: str, given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        conditional = self.distributions[key].conditional
        assert conditional is not None
        return conditional.parameters(given, self.whole_size())

    def _key(self, latent: bool, given: tuple[str, ...]) -> str:
        variable = self.latent.name if latent else DATA
        for key, parsed in self.keys.items():
            if parsed.variable == variable and parsed.given == given:
                return key
        raise ModelError(
            f"the model {self.name} is not a variational auto-encoder with one layer of latents"
        )

    def to_bytes(self) -> bytes:
        """The bytes of the model's file."""
        return file.write(self.description, self.tensors)

    @property
    def adaptive(self) -> AdaptiveDistribution | None:
        """The distribution of the data if it is adaptive, which is to learn from them; or None."""
        return _adaptive(self.distributions)

    def __copy__(self) -> Model:
        return self

    def __deepcopy__(self, memo: object) -> Model:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the model as the bytes of its file."""
        return Model.from_bytes, (self.to_bytes(),)

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """The model in the bytes of a file, after all checks and its test vectors.

        Raises ModelError.
        """
        return cls.build(*file.read(data))

    @classmethod
    def build(cls, description: str, tensors: file.Tensors, tested: bool = True) -> Model:
        """The model of a description and tensors, after all checks and its test vectors.

        tested: False to write the test vectors of a new model. Raises ModelError.
        """
        top = Fields(file.parse(description), "description")
        outline = Outline.read(top)
        test = top.object("test")
        seed, count = test.integer("seed", 0, (1 << 64) - 1), test.integer("count", 1, 16)
        size = outline.size
        if size is None:
            rows, columns = test.integers("size", 2, 1, 4096)
            size = rows, columns
        reader = TensorReader(tensors)
        entries = top.object("networks")
        library = NetworkReader(entries, reader, outline.size, size)
        entries.done()
        keyed = top.object("distributions")
        entries_of = {
            key: DistributionEntry(
                key, names, keyed.object(key), reader, outline.variables, library
            )
            for key, names in outline.keys.items()
        }
        distributions = {key: read_distribution(entry) for key, entry in entries_of.items()}
        networks, outputs = library.done()
        reader.done()
        top.done()
        adaptive = _adaptive(distributions)
        if outline.size is not None:
            shape = outline.shape_of()
            memory = costs.memory_of(outline.variables, distributions.values(), shape)
            state = 0 if adaptive is None else adaptive.state_memory(outline.batch * shape.elements)
            costs.check_memory(memory, outline.batch, state)
        costs.check_test(networks, size, count, reader.elements)
        identity = file.identity(description, tensors)
        if tested:
            vectors.check(outline.name, test, seed, count, networks, outputs, size)
            if adaptive is not None:
                item_vectors.check(outline, test, adaptive, reader.elements, identity)
            test.done()
        return cls(
            **{part.name: getattr(outline, part.name) for part in fields(outline)},
            description=description,
            tensors=tensors,
            identity=identity,
            networks=networks,
            outputs=outputs,
            distributions=distributions,
        )


@dataclass(frozen=True, eq=False)
class ModelCodec:
    """Codes x [items, elements] in one batch with bits back.

    The cost is the negative ELBO of the model, since the bits that choose latents come back.
    Source: Townsend, Bird, Barber 2019, Table 1 and Figure 5; for more than one layer of latents
    Kingma, Abbeel, Ho 2019.
    """

    model: Model
    items: int
    size: Size

    def push(self, message: Message, x: ArrayLike) -> None:
        self.model.push(message, x, self._batches, self.size)

    def pop(self, message: Message) -> NDArray[Any]:
        return self.model.pop(message, self._batches, self.size)

    def bits(self, x: ArrayLike) -> NDArray[np.float64]:
        """The cost in bits of each item of a push of x: [items].

        They are samples of the negative ELBO, for latents drawn with random bits.
        """
        bits: NDArray[np.float64] = self.model.step_bits(x, Message.random(), self.size).sum(0)
        return bits

    @property
    def _batches(self) -> list[tuple[int, int]]:
        return [(self.items, 1)] if self.items else []


@dataclass(frozen=True, eq=False)
class BoundModel:
    """A model for items of certain shapes.

    It is a codec: `push` and `pop` take the items as one batch, or as several. The symbols of all
    items are in one flat array, each item in C order of [slices, rows, columns, channels].
    """

    model: Model
    shapes: tuple[tuple[int, ItemShape], ...]
    """Pairs (number of consecutive items, their shape)."""
    core: _core.Program

    @cached_property
    def items(self) -> int:
        return sum(count for count, _ in self.shapes)

    @cached_property
    def elements(self) -> int:
        """The number of symbols of all items."""
        return sum(count * shape.elements for count, shape in self.shapes)

    def part(self, items: range) -> BoundModel:
        """The model for some consecutive items."""
        shapes, first = [], 0
        for count, shape in self.shapes:
            inside = min(items.stop, first + count) - max(items.start, first)
            if inside > 0:
                shapes.append((inside, shape))
            first += count
        return replace(self, shapes=tuple(shapes))

    def push(
        self,
        message: Message,
        x: NDArray[Any],
        batches: Batches | None = None,
        atomic: bool = True,
    ) -> None:
        """Pushes the symbols x, uint8 or uint16 [elements].

        batches: the first one has the last items. atomic: an error leaves the message unchanged,
        which needs a copy of it. Raises MessageError for symbols that do not fit the shapes.
        """
        if x.ndim != 1 or x.dtype not in (np.uint8, np.uint16):
            raise MessageError(
                f"the symbols of items are one array of uint8 or uint16, not {x.ndim} dimensions of"
                f" {x.dtype}"
            )
        x = np.require(x, requirements=["C_CONTIGUOUS", "ALIGNED"])
        self.core.push(message, x, self.shapes, self._batches(batches), atomic)

    def pop(
        self, message: Message, batches: Batches | None = None, atomic: bool = True
    ) -> NDArray[Any]:
        """Undoes `push`. Returns the symbols [elements].

        They are uint8 if all items have up to 256 levels, otherwise uint16. batches: those of
        `push` in reverse order.
        """
        return self.core.pop(message, self.shapes, self._batches(batches), atomic)

    def bits(self, x: NDArray[Any]) -> float:
        """The information in bits of a push of x [elements] as one batch.

        It is exact. With latents it is a sample of the negative ELBO, for latents drawn with random
        bits.
        """
        if any(step.pops for step in self.model.code):
            ((_, shape),) = self.shapes
            rows = x.reshape(self.items, shape.elements)
            return total(self.model.step_bits(rows, Message.random(), shape.size))
        return total(bits_of_push(lambda message: self.push(message, x)))

    def _batches(self, batches: Batches | None) -> Batches:
        if batches is not None:
            return batches
        return [(self.items, 1)] if self.items else []

    def decodable(self, items: int) -> int:
        """How many first items of a batch are decoded to have the first `items`."""
        adaptive = self.model.adaptive
        return self.items if adaptive is None else adaptive.decodable(self.shapes, items)

    # The limits of cost: docs/model-format.md.

    @property
    def most_elements(self) -> int:
        """The number of elements of the largest variable."""
        latents = [variable for name, variable in self.model.variables.items() if name != DATA]
        if not latents:
            return self.elements
        return sum(
            count * max([shape.elements, *(variable.elements(shape.size) for variable in latents)])
            for count, shape in self.shapes
        )

    @property
    def memory(self) -> int:
        """The bytes of memory of the largest batch."""
        memory = sum(count * self.model.memory(shape) for count, shape in self.shapes)
        elements = self.elements
        if not self.model.any_shape and self.items > self.model.batch:
            memory = memory // self.items * self.model.batch
            elements = elements // self.items * self.model.batch
        adaptive = self.model.adaptive
        return memory + (0 if adaptive is None else adaptive.state_memory(elements))

    @property
    def macs(self) -> int:
        return sum(count * self.model.macs(shape) for count, shape in self.shapes)

    @property
    def steps(self) -> int:
        """The number of steps of the batch with the most steps."""
        return max((self.model.steps(shape) for _, shape in self.shapes), default=0)


def _adaptive(distributions: Mapping[str, Distribution]) -> AdaptiveDistribution | None:
    distribution = next(each for each in distributions.values() if each.variable.name == DATA)
    return distribution if isinstance(distribution, AdaptiveDistribution) else None


def _count(batches: Batches) -> int:
    return sum(size * count for size, count in batches)


class HasModel(Protocol):
    """An object that holds a model, such as the result of `bitsback_train.portable.build`."""

    model: Model


Choice = str | os.PathLike[str] | Model | HasModel
"""The model to code with.

It is a way to choose a bundled model, such as "auto", the name of a bundled model, a model file, a
model, or an object with a model.
"""


def model_of(value: object) -> Model | None:
    """The object if it is a model, or its model; None for a name, a path or bytes."""
    model = getattr(value, "model", value)
    return model if isinstance(model, Model) else None
