"""Embed a model in an archive: the payload of an `M` section takes a third to three quarters of the
model file's size, and a tenth if it holds differences to a bundled model.

docs/format.md, An embedded model, is normative.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError, MessageError, ModelError
from bitsback.message import Message
from bitsback.models import bundled, tensor_code
from bitsback.models.embed_difference import (
    DIFFERENCE,
    SAME,
    Find,
    pack_difference,
    plus,
    read_base,
    read_heads,
)
from bitsback.models.model import Model
from bitsback.models.tensor_choice import Head, empty_message, encode, message_of
from bitsback.models.tensor_code import PLAIN, TOKENS, Codec, Form, Pop, Step
from bitsback.wire import Cursor, varint

_PREFIX_SIZE = 16
_DTYPES = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4"))


def pack_model(model: Model, bases: Sequence[Model] | None = None) -> bytes:
    """The payload of an `M` section: the smallest of the one without a base and those with one of
    `bases`, by default the bundled models with tensors of the same names and shapes.

    Raises ModelError if the model cannot be embedded.
    """
    found = bundled.alike(model) if bases is None else bases
    differences = [pack_difference(model, base) for base in found]
    smallest = min([_pack_whole(model), *differences], key=len)
    return model.identity[:_PREFIX_SIZE] + smallest


def _pack_whole(model: Model) -> bytes:
    steps: list[Step] = []
    heads = []
    for name in sorted(model.tensors, key=str.encode):
        tensor = model.tensors[name]
        form, tensor_steps = encode(tensor, model)
        steps += tensor_steps
        shape = bytes([tensor.ndim]) + b"".join(map(varint, tensor.shape))
        method = bytes([PLAIN]) if form is None else bytes([TOKENS]) + form.pack()
        heads.append(_pack_text(name) + bytes([_DTYPES.index(tensor.dtype)]) + shape + method)
    payload = b"".join(
        [
            _pack_text(model.description),
            varint(len(heads)),
            *heads,
            message_of(steps),
        ]
    )
    elements = sum(tensor.size for tensor in model.tensors.values())
    if elements > _most_elements(_PREFIX_SIZE + len(payload)):
        raise ModelError(f"the model {model.name} is too regular to be embedded; use embed='never'")
    return payload


def unpack_model(payload: bytes | memoryview, find: Find = bundled.find) -> Model:
    """The model in the payload of an `M` section. Raises ArchiveError or ModelError if it is
    damaged, or if its base is missing.
    """
    cursor = Cursor(payload)
    prefix = cursor.take(_PREFIX_SIZE)
    description, base = read_description(cursor, find)
    heads = _read_heads(cursor) if base is None else read_heads(cursor, base)
    tensors: dict[str, NDArray[Any]] = {}
    try:
        message = Message.from_bytes(bytes(payload[cursor.at :]))

        def pop(codec: Codec) -> NDArray[np.uint32]:
            return codec.pop(message)

        for head in heads:
            old = None if base is None else base.tensors[head.name]
            tensors[head.name] = _decode(head, pop, old)
        if message != empty_message():
            raise ArchiveError("the tensors of a model leave something of its message over")
    except MessageError as error:
        raise ArchiveError(f"the message of a model: {error}") from None
    model = Model.build(description, tensors)
    if not model.identity.startswith(prefix):
        raise ArchiveError("a model is not the one that it claims to be")
    return model


def read_description(cursor: Cursor, find: Find = bundled.find) -> tuple[str, Model | None]:
    """The description of a model, which follows its identity, and its base, if it holds
    differences. Raises ArchiveError.
    """
    description = _take_text(cursor)
    if description:
        return description, None
    base, description = read_base(cursor, find)
    return description, base


def _read_heads(cursor: Cursor) -> list[Head]:
    heads = [_read_head(cursor) for _ in range(cursor.varint())]
    names = [head.name.encode() for head in heads]
    if names != sorted(set(names)):
        raise ArchiveError("the tensors of a model are not in order")
    elements = sum(int(np.prod(head.shape, dtype=object)) for head in heads)
    if elements > _most_elements(len(cursor.data)):
        raise ArchiveError(
            f"a model claims {elements} elements in {len(cursor.data)} bytes, more than any writer"
            " makes"
        )
    return heads


def _decode(head: Head, pop: Pop, old: NDArray[Any] | None) -> NDArray[Any]:
    """old: the tensor of the base, if there is one."""
    if head.method == SAME:
        assert old is not None
        return old
    if head.form is None:
        return tensor_code.decode_plain(pop, head.dtype, head.shape)
    tensor = tensor_code.decode_tokens(head.form, pop, head.dtype, head.shape)
    if head.method == DIFFERENCE:
        assert old is not None
        return plus(tensor, old)
    return tensor


def _most_elements(size: int) -> int:
    """The most elements in a payload of this many bytes, so that a few bytes cannot claim all
    memory.
    """
    return (1 << 16) + (size << 4)


def _read_head(cursor: Cursor) -> Head:
    name = _take_text(cursor)
    dtype, dimensions = cursor.byte(), cursor.byte()
    if dtype >= len(_DTYPES) or not 1 <= dimensions <= 4:
        raise ArchiveError("a tensor has an impossible dtype or number of dimensions")
    shape = tuple(cursor.varint() for _ in range(dimensions))
    method = cursor.byte()
    if method > TOKENS or 0 in shape:
        raise ArchiveError("a tensor is coded with a method that does not exist")
    form = Form.unpack(cursor) if method == TOKENS else None
    return Head(name, _DTYPES[dtype], shape, method, form)


def _pack_text(text: str) -> bytes:
    octets = text.encode()
    return varint(len(octets)) + octets


def _take_text(cursor: Cursor) -> str:
    try:
        return cursor.take(cursor.varint()).decode()
    except UnicodeDecodeError:
        raise ArchiveError("a text is not UTF-8") from None
