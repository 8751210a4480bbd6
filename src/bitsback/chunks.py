"""Code chunks of arrays for codecs of other packages, and describe the coding in metadata."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.array_bytes import check_size, encode_array
from bitsback.coding import alone
from bitsback.errors import InputError, ModelError
from bitsback.format.grid import Shape
from bitsback.format.layout import DTYPES
from bitsback.models import Model, bundled
from bitsback.models.known import register_model
from bitsback.models.named import NamedModel
from bitsback.planner.arrays import (
    AUTO,
    Axes,
    auto_models,
    auto_names,
    check_axes,
    codable,
)

OneModel = str | os.PathLike[str] | Model | NamedModel
ModelChoice = OneModel | Sequence[OneModel]
"""One or more models: names of bundled models, paths of files, or models; or "auto"."""

_FIELDS = ("models", "axes")


@dataclass(frozen=True)
class ChunkCoding:
    """The coding of the chunks of an array."""

    models: tuple[NamedModel, ...] | None
    """The models to choose from; a trial finds the best for each chunk. None if they are not chosen
    yet.
    """
    axes: Axes

    @classmethod
    def from_choice(cls, model: ModelChoice, axes: Axes, embed: bool) -> ChunkCoding:
        """The coding for a choice of models. It registers them in this process.

        embed: put models that are not bundled into the metadata. Raises InputError or ModelError.
        """
        check_axes(axes)
        if isinstance(model, str) and model == AUTO:
            return cls(None, axes)
        several = isinstance(model, Sequence) and not isinstance(model, str)
        given = cast("Sequence[OneModel]", model if several else [model])
        return cls(tuple(_named(one, embed) for one in given), axes)._checked()

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ChunkCoding:
        """Reads the result of `to_json`. Raises InputError or ModelError for anything else."""
        unknown = [key for key in fields if key not in _FIELDS]
        if unknown:
            raise InputError(
                f"the configuration of bitsback has {', '.join(map(repr, unknown))}, which this"
                " bitsback does not know: update bitsback"
            )
        entries, axes = fields.get("models", AUTO), fields.get("axes", AUTO)
        check_axes(axes)
        if entries == AUTO:
            return cls(None, axes)
        if not isinstance(entries, list | tuple):
            raise ModelError(f"the models of bitsback are a list, not {entries!r}")
        return cls(tuple(map(NamedModel.from_json, entries)), axes)._checked()

    @property
    def model(self) -> str | NamedModel | list[str | NamedModel]:
        """The models, as `from_choice` takes them."""
        shown: list[str | NamedModel] = [
            model.name if model.name in bundled.names() else model for model in self.models or ()
        ]
        if self.models is None or tuple(shown) == auto_names():
            return AUTO
        return shown[0] if len(shown) == 1 else shown

    def to_json(self) -> dict[str, Any]:
        models = self.models
        return {
            "models": AUTO if models is None else [model.to_json() for model in models],
            "axes": self.axes,
        }

    def for_arrays(self, dtype: np.dtype[Any], shape: Shape) -> ChunkCoding:
        """The coding with models chosen for arrays or chunks of this dtype and shape.

        The metadata name the models, so that a later change of "auto" does not matter.
        """
        if self.models is not None:
            return self
        return replace(self, models=tuple(auto_models(_held(dtype), shape)))

    def check(self, dtype: np.dtype[Any], shape: Shape) -> None:
        """Raises InputError if chunks of this dtype and shape cannot be coded."""
        if dtype.hasobject or dtype.kind == "T":
            raise InputError(
                f"bitsback codes elements of one size, not the dtype {dtype}: use another codec"
            )
        check_axes(self.axes, shape)
        check_size(dtype, shape)

    def check_models(self, dtype: np.dtype[Any], shape: Shape) -> None:
        """Raises InputError if no model codes chunks of this dtype and shape."""
        outlines = [model.outline() for model in self.models or ()]
        if outlines and not any(
            outline.any_shape or codable(outline, dtype, shape, self.axes) for outline in outlines
        ):
            words = "; ".join(f"{outline.name}: {outline.items_in_words}" for outline in outlines)
            raise InputError(
                f"no model of this array codes chunks of the shape {shape} ({words}): give another"
                " shape of chunks or another model, or leave the choice to 'auto'"
            )

    def encode(self, chunk: NDArray[Any], described: bool, numbered: bool = True) -> bytes:
        """The bytes of a chunk.

        described: the bytes include dtype and shape. Otherwise the chunk must be C-contiguous, and
        the caller passes both to `decode`. numbered: the bytes may name the model by its number in
        `models`. Otherwise `bitsback.decode` can read them too.
        """
        held = as_held(chunk)
        models = self.for_arrays(held.dtype, held.shape).models or ()
        array = None if described else (held.dtype, held.shape)
        # A chunk that is coded in the order of its memory has one axis.
        axes = self.axes if held.ndim > 1 else AUTO
        known = self._known(array) if numbered else alone.KnownProperties(array)
        return encode_array(held, models, axes, known)

    def decode(
        self, data: bytes | memoryview, array: tuple[np.dtype[Any], Shape] | None
    ) -> NDArray[Any]:
        """The chunk in some bytes.

        array: its dtype and shape; None if the bytes have them. Raises ArchiveError if the bytes
        are damaged, ModelError if their model is missing.
        """
        if array is None:
            return alone.unpack(data, self._known(None), self._find)
        dtype, shape = array
        held = _held(dtype)
        flat = held is not dtype
        size = math.prod(shape) * dtype.itemsize // held.itemsize
        known = self._known((held, (size,) if flat else shape))
        found = alone.unpack(data, known, self._find)
        return found.view(dtype).reshape(shape) if flat else found

    def _checked(self) -> ChunkCoding:
        if len(self.models or ()) > alone.MOST_MODELS:
            raise ModelError(f"an array has at most {alone.MOST_MODELS} models")
        return self

    def _known(self, array: tuple[np.dtype[Any], Shape] | None) -> alone.KnownProperties:
        return alone.KnownProperties(array, [model.digest for model in self.models or ()])

    def _find(self, prefix: bytes) -> Model:
        for model in self.models or ():
            if model.digest.startswith(prefix):
                return model.load()
        return NamedModel(prefix.hex(), prefix.hex()).load()


def as_held(chunk: NDArray[Any]) -> NDArray[Any]:
    """The chunk if a block supports its dtype; otherwise its memory as flat elements."""
    held = _held(chunk.dtype)
    if held is chunk.dtype:
        return chunk
    return chunk.reshape(-1, order="A").view(held)


def _held(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype if a block supports it, or the dtype of the parts of its elements."""
    if dtype.str in DTYPES:
        return dtype
    if dtype.kind == "c" and dtype.itemsize in (8, 16):
        return np.dtype(f"{dtype.str[0]}f{dtype.itemsize // 2}")
    if dtype.kind in "mM":
        return np.dtype(f"{dtype.str[0]}i8")
    return np.dtype("u1")


def _named(model: OneModel, embed: bool) -> NamedModel:
    if isinstance(model, NamedModel):
        return model
    if isinstance(model, str) and model in bundled.names():
        return NamedModel.bundled(model)
    return NamedModel.from_model(register_model(model), embed)
