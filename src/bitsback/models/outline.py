"""The outline of a model: the parts of its description other than networks."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.errors import ModelError
from bitsback.lazy import cached_property
from bitsback.models.code import CodeStep, DistributionKey, read_code, read_key
from bitsback.models.distributions import (
    ANY_SHAPE,
    AUTOREGRESSIVE,
    COUNTED,
    SERIES,
    WAVEFRONT,
)
from bitsback.models.integer import Size
from bitsback.models.integer.fields import Fields
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import DATA, Variable, read_variables

VERSION = 1
# Ranges instead of categories, since these differ between versions of Unicode.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ud800-\uf8ff\ufeff\ufff0-\uffff\U000e0000-\U0010ffff]"
)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_MOST = 1_000  # characters of a text at most


@dataclass(frozen=True, eq=False)
class Outline:
    """The outline of a model of images with elements 0 ... levels - 1."""

    name: str
    about: str
    licence: str
    variables: dict[str, Variable]
    """The data x, and the latents."""
    size: Size | None
    """Rows and columns of the images of a fixed-size model; None for a size-agnostic model."""
    keys: dict[str, DistributionKey]
    """The keys of its distributions."""
    code: tuple[CodeStep, ...]
    growth: int
    """The greatest batch, in items for every 256 items coded before (docs/format.md, the chain)."""
    batch: int
    """The greatest number of items in a batch."""
    autoregressive: bool
    """Whether it is autoregressive. Such models make smaller archives and take longer."""
    serial: bool
    """Whether it codes series, with any number of channels and levels."""
    wavefront: bool
    """Whether it has the codec `wavefront`."""
    counted: bool
    """Whether it is a context-mixing model, which learns everything from the items of a batch.

    The more items a batch has, the fewer bits each takes.
    """
    planes: int
    """The number of planes that its contexts read, including the plane of the pixel itself."""
    cost: int
    """The number of units of a wavefront's networks; 0 for other codecs."""

    @cached_property
    def any_shape(self) -> bool:
        """Whether it codes items of any shape and any number of levels, in one batch."""
        return self.variables[DATA].any_shape

    @cached_property
    def channels(self) -> int:
        return self.variables[DATA].channels

    @cached_property
    def levels(self) -> int:
        return self.variables[DATA].levels

    @property
    def item_shape(self) -> tuple[int, ...] | None:
        """The shape of an item: [rows, columns], or [rows, columns, channels] for several channels.

        None for a size-agnostic model.
        """
        if self.size is None:
            return None
        return self.size if self.channels == 1 else (*self.size, self.channels)

    @property
    def pixels(self) -> int:
        """The number of elements of an item of a fixed-size model."""
        return int(np.prod(self.whole_size())) * self.channels

    @property
    def latent(self) -> Variable:
        """The only latent variable. Raises ModelError if there are none or several."""
        latents = [variable for name, variable in self.variables.items() if name != DATA]
        if len(latents) != 1:
            raise ModelError(f"the model {self.name} has {len(latents)} latent variables, not one")
        return latents[0]

    @property
    def wants_small(self) -> bool:
        """Whether it is a size-agnostic model with latents, which suits small tiles.

        The bits of latents come back except for the first item, so many small items take fewer bits
        than one large item.
        """
        return self.size is None and not self.any_shape and len(self.variables) > 1

    @property
    def latents(self) -> int:
        """The number of elements of all latent variables of an item."""
        size = self.whole_size() if self.size else (1, 1)
        return sum(v.elements(size) for name, v in self.variables.items() if name != DATA)

    @property
    def bits(self) -> int:
        """log2 of the number of buckets of the only latent variable."""
        return self.latent.bits

    @property
    def items_in_words(self) -> str:
        """The items that it codes, in words for messages."""
        if self.serial:
            return f"series with any number of channels and up to {self.levels} levels"
        if self.any_shape:
            return f"images of any size with any number of channels and up to {self.levels} levels"
        channels = "" if self.channels == 1 else f" with {self.channels} channels"
        if self.size is None:
            return f"images of any size{channels}"
        return f"items of the shape {self.item_shape}"

    def whole_size(self) -> Size:
        """Rows and columns of its images. Raises ModelError for a size-agnostic model."""
        if self.size is None:
            raise ModelError(f"the model {self.name} codes images of any size: bind it to one")
        return self.size

    def size_of(self, item_shape: tuple[int, ...]) -> Size | None:
        """Rows and columns of an item of this shape in the model; None if it does not fit.

        A fixed-size model ignores axes of one element, and accepts flat items. The result is always
        None for models of items of any shape.
        """
        if self.any_shape:
            return None
        if self.size is not None:
            whole = (*self.size, self.channels)
            squeezed = _squeeze(item_shape)
            fits = squeezed in (_squeeze(whole), _squeeze((self.pixels,)))
            return self.size if fits else None
        if self.channels == 1 and len(item_shape) == 2:
            return item_shape[0], item_shape[1]
        if len(item_shape) == 3 and item_shape[2] == self.channels:
            return item_shape[0], item_shape[1]
        return None

    def shape_of(self, size: Size | None = None) -> ItemShape:
        """The shape of an image of this size, by default the model's.

        Raises ModelError if the model has no size, or another one.
        """
        if self.any_shape or self.size not in (None, size or self.size):
            raise ModelError(
                f"the model {self.name} codes {self.items_in_words}, not images of {size}"
            )
        return ItemShape(1, *(size or self.whole_size()), self.channels, self.levels)

    @classmethod
    def read(cls, top: Fields) -> "Outline":
        """Reads the outline from a description.

        It takes all fields from `top` except `distributions`, whose keys it reads. Raises
        ModelError for anything that docs/model-format.md does not allow.
        """
        top.text("format", "bitsback-model")
        version = top.integer("version", 0, 1 << 30)
        if version < VERSION:
            raise ModelError(
                f"this model has version {version} of the format, which this bitsback no longer"
                " reads: train it again, or use the bitsback that it was made with"
            )
        if version > VERSION:
            raise ModelError(
                f"this model has version {version} of the format: it needs a newer bitsback"
            )
        name, about = _read_name(top), _read_text(top, "about")
        licence = _read_text(top, "licence")
        inner = top.object("variables")
        variables, size = read_variables(inner)
        inner.done()
        entries = top.peek_object("distributions")
        keys = {key: read_key(key, variables) for key in entries.names()}
        descriptions = [entries.peek(key) for key in keys]
        found = [entries.object(key) for key in keys]
        codecs = {fields.peek_text("codec") for fields in found}
        autoregressive = not codecs.isdisjoint((AUTOREGRESSIVE, *ANY_SHAPE))
        serial = variables[DATA].any_shape and SERIES in codecs
        counted = COUNTED in codecs or any(fields.has("contexts") for fields in found)
        code = read_code(top.texts("code", range(1, 65)), variables, keys)
        chain = top.object("chain")
        growth, batch = chain.integer("growth", 1, 256), chain.integer("batch", 1, 4096)
        chain.done()
        return cls(
            name, about, licence, variables, size, keys, code, growth, batch, autoregressive,
            serial, WAVEFRONT in codecs, counted,
            max(map(_planes, descriptions)),
            sum(map(_units, descriptions)),
        )  # fmt: skip


def _planes(planes: Any) -> int:
    """The number of planes that a distribution reads, from its description, which may be damaged.

    In a place [k, row, column, weight], k counts planes back from the pixel's own.
    """
    found: int = 1
    if isinstance(planes, dict):
        found += 2 if planes.get("codec") == WAVEFRONT else 0
        planes = list(planes.values())
    if isinstance(planes, list):
        if len(planes) == 4 and all(type(part) is int for part in planes):
            return 1 + int(min(max(planes[0], 0), 2))
        found = max([found, *(_planes(part) for part in planes if isinstance(part, dict | list))])
    return found


def _units(description: dict[str, Any]) -> int:
    """The units of a wavefront's networks, from its description, which may be damaged."""
    if description.get("codec") != WAVEFRONT:
        return 0
    hidden, residual = (
        [size if type(size) is int else 0 for size in sizes] if isinstance(sizes, list) else []
        for sizes in (description.get("hidden"), description.get("residual"))
    )
    layers = zip(hidden, residual, strict=False)
    return sum(size * (1 + count) for size, count in layers)


def _squeeze(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _read_name(fields: Fields) -> str:
    """The name of a model, of characters that display and type easily. Raises ModelError."""
    name = fields.text("name")
    if not _NAME.match(name):
        raise ModelError(
            "'name' must have 1 to 64 characters a-z, 0-9, '.', '_' and '-', the first a letter"
            f" or a digit, not {name[:80]!r}"
        )
    return name


def _read_text(fields: Fields, key: str) -> str:
    """A line of text without control characters. Raises ModelError."""
    text = fields.text(key)
    if len(text) > _MOST or _UNPRINTABLE.search(text):
        raise ModelError(f"'{key}' must have at most 1,000 characters, all of them printable")
    return text
