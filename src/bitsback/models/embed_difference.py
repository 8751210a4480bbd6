"""Code a model by its differences to a bundled one with tensors of the same names and shapes
(docs/format.md, An embedded model).
"""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.models.model import Model
from bitsback.models.tensor_choice import Head, bits_of, encode, message_of
from bitsback.models.tensor_code import PLAIN, TOKENS, Form, Step
from bitsback.wire import Cursor, varint

SAME, DIFFERENCE = 2, 3
"""Methods, besides PLAIN and TOKENS."""

_PREFIX_SIZE = 16
_RAW_DEFLATE = -15
_MOST_DESCRIPTION = 1 << 20  # bytes

Find = Callable[[bytes], Model | None]
"""A bundled model by the first 16 bytes of its identity."""


def pack_difference(model: Model, base: Model) -> bytes:
    """The payload of an `M` section after the identity."""
    steps: list[Step] = []
    methods = []
    for name in sorted(base.tensors, key=str.encode):
        old, new = base.tensors[name], model.tensors[name]
        if np.array_equal(old, new):
            methods.append(bytes([SAME]))
            continue
        of_tensor, of_difference = encode(new, model), encode(minus(new, old), model, True)
        differs = of_difference[0] is not None and bits_of(of_difference) < bits_of(of_tensor)
        form, tensor_steps = of_difference if differs else of_tensor
        method = PLAIN if form is None else DIFFERENCE if differs else TOKENS
        methods.append(bytes([method]) + (b"" if form is None else form.pack()))
        steps += tensor_steps
    text = model.description.encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE, 9, zdict=base.description.encode())
    stream = packer.compress(text) + packer.flush()
    return b"".join(
        [
            varint(0),
            base.identity[:_PREFIX_SIZE],
            varint(len(text)),
            varint(len(stream)),
            stream,
            *methods,
            message_of(steps),
        ]
    )


def read_base(cursor: Cursor, find: Find) -> tuple[Model, str]:
    """The base, and the description. Raises ArchiveError if the base is missing, or the description
    is damaged.
    """
    prefix = cursor.take(_PREFIX_SIZE)
    base = find(prefix)
    if base is None:
        raise ArchiveError(
            f"it is told by how it differs from the model {prefix.hex()}, which does not ship with"
            " this bitsback: a newer one is needed"
        )
    size, stream = cursor.varint(), cursor.take(cursor.varint())
    if size > _MOST_DESCRIPTION:
        raise ArchiveError("the description of a model is too long")
    unpacker = zlib.decompressobj(_RAW_DEFLATE, zdict=base.description.encode())
    try:
        octets = unpacker.decompress(stream, size + 1)
        text = octets.decode()
    except (zlib.error, UnicodeDecodeError):
        raise ArchiveError("the description of a model is damaged") from None
    if len(octets) != size or not unpacker.eof or unpacker.unused_data:
        raise ArchiveError("the description of a model is damaged")
    return base, text


def read_heads(cursor: Cursor, base: Model) -> list[Head]:
    """The heads of the base's tensors, in order."""
    heads = []
    for name in sorted(base.tensors, key=str.encode):
        method, tensor = cursor.byte(), base.tensors[name]
        if method > DIFFERENCE:
            raise ArchiveError("a tensor is coded with a method that does not exist")
        form = Form.unpack(cursor) if method in (TOKENS, DIFFERENCE) else None
        heads.append(Head(name, tensor.dtype, tensor.shape, method, form))
    return heads


def minus(new: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    """Modulo the numbers of the dtype."""
    difference: NDArray[Any] = (new.astype(np.int64) - old).astype(new.dtype)
    return difference


def plus(difference: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    new: NDArray[Any] = (difference.astype(np.int64) + old).astype(old.dtype)
    return new
