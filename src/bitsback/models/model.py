"""A model: variables, the networks and distributions of a description, and its code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs.symbol_arrays import as_symbols
from bitsback.errors import MessageError, ModelError
from bitsback.integer import Network, Size
from bitsback.integer.fields import Fields, TensorReader
from bitsback.message import Message
from bitsback.models import costs, file, item_vectors, vectors
from bitsback.models.distributions import Distribution, read_distribution
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.distributions.free import read_free
from bitsback.models.distributions.free_codec import FreeDistribution
from bitsback.models.networks import NetworkReader
from bitsback.models.outline import Outline
from bitsback.models.planes import PlaneShape
from bitsback.models.program import ProgramCodec
from bitsback.models.variables import CONTEXT, DATA, FEATURES

Batches = Sequence[tuple[int, int]]
"""Sizes of batches, and how many batches of that size follow one another."""


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
    """SHA-256 of the model; archives name it by the first 16 bytes."""
    networks: dict[str, Network] = field(repr=False)
    outputs: dict[str, tuple[str, ...]] = field(repr=False)
    """The layers of each network that distributions read."""
    distributions: dict[str, Distribution] = field(repr=False)
    """None in a free model."""
    planes: FreeDistribution | None = field(repr=False)
    """The distribution of a free model."""

    def __repr__(self) -> str:
        of = "items of any size" if self.size is None else " x ".join(map(str, self.whole_size()))
        return f"<Model {self.name}: {of}, {self.levels} levels, {self.identity.hex()[:8]}>"

    @lru_cache(maxsize=8)  # noqa: B019 - a model lives as long as what is bound of it
    def at(self, size: Size) -> BoundModel:
        """The model for images of this size. Raises ModelError if it codes only another, or is
        free.
        """
        if self.free:
            raise ModelError(f"the model {self.name} is free: it codes planes, and has no size")
        if self.size not in (None, size):
            raise ModelError(f"the model {self.name} codes images of {self.size}, not of {size}")
        names = list(self.variables)
        numbers = {name: number for number, name in enumerate(names)}
        parts = {key: of.core(size, numbers) for key, of in self.distributions.items()}
        core = _core.Program(
            [(self.variables[name].elements(size), self.variables[name].levels) for name in names],
            [(step.pops, parts[step.distribution]) for step in self.code],
        )
        return BoundModel(self, size, core)

    def fitted(self, item_shape: tuple[int, ...]) -> BoundModel | None:
        """The model for items of this shape, if it codes them."""
        size = self.size_of(item_shape)
        return None if size is None else self.at(size)

    def push(self, message: Message, x: NDArray[Any], batches: Batches) -> None:
        """As `BoundModel.push`, of a model that has a size."""
        self.at(self.whole_size()).push(message, x, batches)

    def pop(self, message: Message, batches: Batches) -> NDArray[Any]:
        """As `BoundModel.pop`, of a model that has a size."""
        return self.at(self.whole_size()).pop(message, batches)

    def push_planes(
        self, message: Message, symbols: NDArray[Any], shapes: Sequence[PlaneShape]
    ) -> None:
        """Pushes items of these shapes with a free model, all at once.

        symbols: uint8 or uint16 [elements], items one after the other, each in C order of [slices,
        rows, columns, channels]. Raises MessageError for symbols that do not fit the shapes, and
        ModelError if the model is not free.
        """
        planes = self._planes()
        if symbols.ndim != 1 or symbols.dtype not in (np.uint8, np.uint16):
            raise MessageError(
                f"the symbols of planes are one array of uint8 or uint16, not {symbols.ndim}"
                f" dimensions of {symbols.dtype}"
            )
        planes.push(message, np.ascontiguousarray(symbols), shapes)

    def pop_planes(
        self,
        message: Message,
        shapes: Sequence[PlaneShape],
        dtype: type[np.unsignedinteger] | np.dtype[Any],
    ) -> NDArray[Any]:
        """Undoes `push_planes`: symbols [elements] of uint8 or uint16.

        Raises MessageError for levels that the dtype does not hold, and ModelError if the model is
        not free.
        """
        return self._planes().pop(message, shapes, np.dtype(dtype))

    def plane_room(self, shapes: Iterable[PlaneShape]) -> int:
        """Bytes that coding these items takes (docs/model-format.md, What a model may cost)."""
        return sum(map(self._planes().room, shapes))

    def plane_work(self, shapes: Iterable[PlaneShape]) -> int:
        """Multiply-adds that coding these items takes, and some for each element."""
        return sum(map(self._planes().work, shapes))

    def plane_steps(self, shapes: Iterable[PlaneShape]) -> int:
        """Arrays that coding these items takes at most."""
        return max(map(self._planes().steps, shapes), default=0)

    def _planes(self) -> FreeDistribution:
        if self.planes is None:
            raise ModelError(f"the model {self.name} codes images of one kind, not planes")
        return self.planes

    def codec(self, size: int) -> ProgramCodec:
        """As `BoundModel.codec`, of a model that has a size."""
        return self.at(self.whole_size()).codec(size)

    def prior(self, size: int) -> Any:
        """p(z) for `size` items, of a model that has a size and one latent: a codec of buckets
        [size, latents].
        """
        return self._one_latent(latent=True, given=()).codec({}, size, self.whole_size())

    def posterior(self, x: NDArray[Any]) -> Any:
        """q(z|x), likewise: x [size, pixels]; a codec of buckets [size, latents]."""
        of = self._one_latent(latent=True, given=(DATA,))
        return of.codec({DATA: x}, len(x), self.whole_size())

    def likelihood(self, z: NDArray[Any]) -> Any:
        """p(x|z), likewise: z buckets [size, latents]; a codec of pixels [size, pixels]."""
        name = self.latent.name
        of = self._one_latent(latent=False, given=(name,))
        return of.codec({name: z}, len(z), self.whole_size())

    def posterior_parameters(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        """The posterior network's integers, likewise: mean int16 and scale uint8, each [size,
        latents].
        """
        of = self._one_latent(latent=True, given=(DATA,))
        return of.parameters({DATA: x}, self.whole_size())

    def likelihood_parameters(self, z: NDArray[Any]) -> list[NDArray[Any]]:
        """The likelihood network's integers, likewise, for z [size, latents]: what the pixels are
        distributed by, or the features of a scan.
        """
        name = self.latent.name
        of = self._one_latent(latent=False, given=(name,))
        return of.parameters({name: z}, self.whole_size())

    def _one_latent(self, latent: bool, given: tuple[str, ...]) -> Distribution:
        variable = self.latent.name if latent else DATA
        for key, of in self.keys.items():
            if of.variable == variable and of.given == given:
                return self.distributions[key]
        raise ModelError(
            f"the model {self.name} is no variational auto-encoder with one layer of latents"
        )

    def to_bytes(self) -> bytes:
        """The model as a file."""
        return file.write(self.description, self.tensors)

    def __copy__(self) -> Model:
        return self

    def __deepcopy__(self, memo: object) -> Model:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """It is pickled as its file."""
        return Model.from_bytes, (self.to_bytes(),)

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Reads a model file, checks all of it, and runs its test vectors. Raises ModelError."""
        return cls.build(*file.read(data))

    @classmethod
    def build(cls, description: str, tensors: file.Tensors, tested: bool = True) -> Model:
        """Builds the model of a description and tensors, checks it, and runs its test vectors.

        tested=False is for who is about to write the test vectors. Raises ModelError.
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
            key: DistributionEntry(key, of, keyed.object(key), reader, outline.variables, library)
            for key, of in outline.keys.items()
        }
        planes, distributions = None, {}
        if outline.free:
            (entry,) = entries_of.values()
            planes = read_free(entry)
        else:
            distributions = {key: read_distribution(of) for key, of in entries_of.items()}
        networks, outputs = library.done()
        reader.done()
        top.done()
        if outline.size is not None:
            costs.check_room(
                costs.room_of(outline.variables, distributions.values(), size), outline.batch
            )
        costs.check_test(networks, size, count, reader.elements)
        identity = file.identity(description, tensors)
        if tested:
            vectors.check(outline.name, test, seed, count, networks, outputs, size)
            if planes is not None:
                item_vectors.check(outline, test, planes, reader.elements, identity)
            test.done()
        return cls(
            **{part.name: getattr(outline, part.name) for part in fields(outline)},
            description=description,
            tensors=tensors,
            identity=identity,
            networks=networks,
            outputs=outputs,
            distributions=distributions,
            planes=planes,
        )


@dataclass(frozen=True, eq=False)
class BoundModel:
    """A model for images of one size. Arrays of x are [items, elements], uint8 for up to 256 levels
    and uint16 for more.
    """

    model: Model
    size: Size
    core: _core.Program

    @property
    def elements(self) -> int:
        """Of an item of x."""
        return self.model.variables[DATA].elements(self.size)

    @property
    def most_elements(self) -> int:
        """Of the largest variable, for one item."""
        return max(variable.elements(self.size) for variable in self.model.variables.values())

    @property
    def room(self) -> int:
        """Bytes that coding an item takes (docs/model-format.md, What a model may cost)."""
        model = self.model
        return costs.room_of(model.variables, model.distributions.values(), self.size)

    @property
    def work(self) -> int:
        """Multiply-adds that coding an item takes, and some for each element."""
        of_a_pixel = {
            name: set(network.sources) <= {CONTEXT, FEATURES}
            for name, network in self.model.networks.items()
        }
        return costs.work_of(self.model.variables, self.model.networks, of_a_pixel, self.size)

    @property
    def steps(self) -> int:
        """Arrays that coding a batch takes."""
        distributions = self.model.distributions
        return sum(distributions[step.distribution].steps(self.size) for step in self.model.code)

    def push(self, message: Message, x: NDArray[Any], batches: Batches) -> None:
        """Pushes the batches of x, from its end: the first of the batches has its last items.

        The same bits as `codec(size).push` for one batch after the other, in one call to the core.
        """
        items = sum(size * count for size, count in batches)
        dtype = self.model.variables[DATA].dtype
        self.core.push(message, as_symbols(x, dtype, (items, self.elements)), batches)

    def pop(self, message: Message, batches: Batches) -> NDArray[Any]:
        """Undoes `push`, given its batches from the last to the first; they come out from the start
        of the items.
        """
        return self.core.pop(message, batches)

    def push_set(
        self, message: Message, x: NDArray[Any], batches: Batches, falling: bool = False
    ) -> None:
        """Pushes x as a multiset: the items of each batch are picked by bits of the message from
        those that are left (docs/format.md, Multisets). falling: whether the bytes that symbol 0
        stands for come behind those of symbol 1.
        """
        items = sum(size * count for size, count in batches)
        dtype = self.model.variables[DATA].dtype
        self.core.push_set(message, as_symbols(x, dtype, (items, self.elements)), batches, falling)

    def pop_set(self, message: Message, batches: Batches, falling: bool = False) -> NDArray[Any]:
        """Undoes `push_set`, given its batches from the last to the first: the items in order."""
        return self.core.pop_set(message, batches, falling)

    def codec(self, items: int) -> ProgramCodec:
        """The code for so many items at once, by public codecs."""
        return ProgramCodec(self.model.code, self.model.distributions, items, self.size)


class HasModel(Protocol):
    """What a model was made for, such as the result of `bitsback.train.portable.build`."""

    model: Model


Choice = str | os.PathLike[str] | Model | HasModel
"""What to code with: how a bundled model is chosen, such as "auto", the name of a bundled model, a
model file, a model, or what has one.
"""


def model_of(what: object) -> Model | None:
    """The model that this is, or has; None for a name, a path or bytes."""
    found = getattr(what, "model", what)
    return found if isinstance(found, Model) else None
