"""Convert one array to bytes and back, without an archive around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback.coding import alone
from bitsback.errors import InputError, ModelError
from bitsback.format.grid import Shape
from bitsback.format.layout import DTYPES, MAX_BLOCK_BYTES
from bitsback.models import Model
from bitsback.models.known import ADVICE, find, register_model
from bitsback.models.model import Choice
from bitsback.models.named import NamedModel
from bitsback.planner.arrays import AUTO, Axes, auto_models, check_axes, choose_coding, codable


def encode(array: ArrayLike | alone.Buffer, *, model: Choice = AUTO, axes: Axes = AUTO) -> bytes:
    """Encodes one array as bytes.

    `bitsback.decode` restores the array with its dtype, byte order, shape and order in memory. This
    suits small arrays among other data, such as in a database or a message. For many items an
    archive takes fewer bytes, gives access to each item, and cuts large items into tiles.

    array: of bool, integers of 8 to 64 bits, or floats of 16 to 64 bits, at most 2^31 bytes. Or
        bytes, which become an array of uint8.
    model: "auto" for the best bundled model in a trial, the name of a bundled model, the path of a
        model file, or a model. The bytes only name the model, so `decode` needs it too.
    axes: the meaning of the last axes. An image has "yx", and with channels "yxc". A stack of
        slices, each similar to the one before, has "zyx" or "zyxc". A trial decides for "auto". The
        axes before these count items.

    Raises InputError if the array cannot be used, ModelError if the model cannot be used.

    >>> import numpy as np
    >>> import bitsback
    >>> y, x = np.mgrid[:64, :64]
    >>> image = (x + y).astype(np.uint8)
    >>> data = bitsback.encode(image)
    >>> bool(len(data) < 200 and (bitsback.decode(data) == image).all())
    True
    """
    taken = _as_array(array)
    if taken.dtype.str not in DTYPES:
        raise InputError(
            f"bitsback cannot store the dtype {taken.dtype}: it stores bool, integers of 8 to 64"
            " bits and floats of 16 to 64 bits; view or convert the array first"
        )
    check_axes(axes, taken.shape)
    if isinstance(model, str) and model == AUTO:
        models = auto_models(taken.dtype, taken.shape)
    else:
        given = register_model(model)
        models = [NamedModel.from_model(given)]
        if not codable(given, taken.dtype, taken.shape, axes):
            raise InputError(
                f"the model {given.name} codes {given.items_in_words}, and the array has the shape"
                f" {taken.shape} and the dtype {taken.dtype}; take another model, or leave the"
                " choice to 'auto'"
            )
    return encode_array(taken, models, axes, alone.NOTHING)


def decode(data: alone.Buffer, *, model: Choice | None = None) -> NDArray[Any]:
    """The array from which `bitsback.encode` made these bytes.

    model: the model that the bytes name, if it is neither bundled nor registered
    (`bitsback.register_model`). Raises ArchiveError if the bytes are damaged, were not made by
    `encode`, or need a newer bitsback. Raises ModelError if the model is missing.

    >>> import numpy as np
    >>> array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    >>> bool((decode(encode(array)) == array).all())
    True
    """
    if model is not None and model != AUTO:
        register_model(model)
    return alone.unpack(data, alone.NOTHING, _find)


def encode_array(
    array: NDArray[Any], models: Sequence[NamedModel], axes: str, known: alone.KnownProperties
) -> bytes:
    """Encodes an array of a supported dtype, with one of these models or without one.

    known: properties that the bytes leave out. Raises InputError if the array is too large,
    ModelError if a needed model is missing.
    """
    check_size(array.dtype, array.shape)
    columns = array.flags.f_contiguous and not array.flags.c_contiguous
    ordered = np.asarray(array, order="C")
    count, coding = choose_coding(ordered, models, axes)
    return alone.pack(array.dtype, array.shape, count, coding, columns and not known.array, known)


def check_size(dtype: np.dtype[Any], shape: Shape) -> None:
    """Raises InputError for arrays that are larger than a block can be."""
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BLOCK_BYTES:
        raise InputError(
            f"an array, or a chunk, of the shape {shape} has {size} bytes, and one block has at"
            f" most {MAX_BLOCK_BYTES}: make it smaller"
        )


def _find(prefix: bytes) -> Model:
    model = find(prefix)
    if model is None:
        raise ModelError(
            f"these bytes were coded with the model {prefix.hex()}, which does not ship with this"
            f" bitsback: give it (model=FILE), or {ADVICE}"
        )
    return model


def _as_array(array: ArrayLike | alone.Buffer) -> NDArray[Any]:
    if isinstance(array, bytes | bytearray):
        return np.frombuffer(array, np.uint8)
    return np.asarray(array)
