"""The outline of a model: the parts of its description that need no networks."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.errors import ModelError
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
_MOST = 1_000  # characters of a text


@dataclass(frozen=True, eq=False)
class Outline:
    """A latent-variable model of images, whose elements take the values 0 ... levels - 1."""

    name: str
    about: str
    licence: str
    variables: dict[str, Variable]
    """x, the data, and the latents."""
    size: Size | None
    """The only size of image that it codes, if there is one."""
    keys: dict[str, DistributionKey]
    """Its distributions: their variables, and the given ones."""
    code: tuple[CodeStep, ...]
    growth: int
    """Images in a batch for every 256 coded ones (docs/format.md, the chain)."""
    batch: int
    """The largest batch."""
    autoregressive: bool
    """Whether it is autoregressive, which makes smaller archives and takes longer."""
    serial: bool
    """Whether it codes series, with any number of channels and levels."""
    wavefront: bool
    """Whether it has the codec `wavefront`."""
    counted: bool
    """Whether it learns everything from the items of a batch: the more items, the fewer bits each
    takes.
    """
    planes: int
    """The planes of a pixel, its own included, that it looks at."""
    cost: int
    """Units of a wavefront's networks; 0 of other codecs."""

    @property
    def any_shape(self) -> bool:
        """Whether it codes items of any shape and any number of levels, in one batch."""
        return self.variables[DATA].any_shape

    @property
    def channels(self) -> int:
        return self.variables[DATA].channels

    @property
    def levels(self) -> int:
        return self.variables[DATA].levels

    @property
    def item_shape(self) -> tuple[int, ...] | None:
        """The shape of an item, if the model has a size: [rows, columns], and channels if there are
        more than one.
        """
        if self.size is None:
            return None
        return self.size if self.channels == 1 else (*self.size, self.channels)

    @property
    def pixels(self) -> int:
        """The elements of an item, for a model with a size."""
        return int(np.prod(self.whole_size())) * self.channels

    @property
    def latent(self) -> Variable:
        """The latent variable of a model with exactly one. Raises ModelError for others."""
        latents = [variable for name, variable in self.variables.items() if name != DATA]
        if len(latents) != 1:
            raise ModelError(f"the model {self.name} has {len(latents)} latent variables, not one")
        return latents[0]

    @property
    def wants_small(self) -> bool:
        """Whether it codes images of any size, and many small ones better than a large one: the
        latents of the first one cost bits, and those of the others come back.
        """
        return self.size is None and not self.any_shape and len(self.variables) > 1

    @property
    def latents(self) -> int:
        """Elements of all latent variables, for one item."""
        size = self.whole_size() if self.size else (1, 1)
        return sum(v.elements(size) for name, v in self.variables.items() if name != DATA)

    @property
    def bits(self) -> int:
        """log2 of the number of buckets of the latent, for a model with exactly one."""
        return self.latent.bits

    @property
    def items_in_words(self) -> str:
        """A description of the items that it codes, for people."""
        if self.serial:
            return f"series with any number of channels and up to {self.levels} levels"
        if self.any_shape:
            return f"images of any size with any number of channels and up to {self.levels} levels"
        channels = "" if self.channels == 1 else f" with {self.channels} channels"
        if self.size is None:
            return f"images of any size{channels}"
        return f"items of the shape {self.item_shape}"

    def whole_size(self) -> Size:
        """The size of its images. Raises ModelError if it has none."""
        if self.size is None:
            raise ModelError(f"the model {self.name} codes images of any size: bind it to one")
        return self.size

    def size_of(self, item_shape: tuple[int, ...]) -> Size | None:
        """Rows and columns of an item of this shape as the model sees it; None if it does not fit.

        A model with a size ignores axes of one element, and whether the item is flat. No item fits
        a model of items of any shape in this way.
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
        """An image of this size, or by default of the model's. Raises ModelError if the model has
        no size, or another.
        """
        if self.any_shape or self.size not in (None, size or self.size):
            raise ModelError(
                f"the model {self.name} codes {self.items_in_words}, not images of {size}"
            )
        return ItemShape(1, *(size or self.whole_size()), self.channels, self.levels)

    @classmethod
    def read(cls, top: Fields) -> "Outline":
        """Takes its fields from a description, except `distributions`, of which it reads only the
        keys. Raises ModelError for anything that docs/model-format.md does not allow.
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
        name, about = _read_name(top, "name"), _read_text(top, "about")
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
    """The planes that a distribution looks at, by its description, which may be damaged: k > 0 in
    a place [k, row, column, weight] is one before a pixel's own.
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


def _units(of: dict[str, Any]) -> int:
    """The units of a wavefront's networks, by its description, which may be damaged."""
    if of.get("codec") != WAVEFRONT:
        return 0
    hidden, residual = (
        [size if type(size) is int else 0 for size in sizes] if isinstance(sizes, list) else []
        for sizes in (of.get("hidden"), of.get("residual"))
    )
    layers = zip(hidden, residual, strict=False)
    return sum(size * (1 + count) for size, count in layers)


def _squeeze(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _read_name(fields: Fields, key: str) -> str:
    """The name of a model, which must be easy to show and type anywhere. Raises ModelError."""
    name = fields.text(key)
    if not _NAME.match(name):
        raise ModelError(
            f"'{key}' must have 1 to 64 characters a-z, 0-9, '.', '_' and '-', the first a letter"
            f" or a digit, not {name[:80]!r}"
        )
    return name


def _read_text(fields: Fields, key: str) -> str:
    """A line of text without control characters. Raises ModelError."""
    text = fields.text(key)
    if len(text) > _MOST or _UNPRINTABLE.search(text):
        raise ModelError(f"'{key}' must have at most 1,000 characters, all of them printable")
    return text
