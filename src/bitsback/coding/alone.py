"""One array as a block without an archive around it (docs/format.md, A block alone).

     8     4       4                3      5                                  32
    +-----+-------+-------+-------+------+--------+-----------+-------+------+-----+
    | BB  | flags | vers. | array | axes | method | value map | model | data | CRC |
    +-----+-------+-------+-------+------+--------+-----------+-------+------+-----+

A container of many blocks, such as a Zarr array, stores their common properties. The blocks leave
these out.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.coding import layouts
from bitsback.coding.block import (
    ADAPTIVE,
    DIGITS,
    INFLATED,
    MODEL,
    PREFIX_SIZE,
    RAW,
    Block,
    Digits,
    Method,
    check_map,
)
from bitsback.coding.block_coding import Coding
from bitsback.coding.block_reader import FindModel, decode_elements
from bitsback.errors import ArchiveError
from bitsback.format.array_part import check_shape
from bitsback.format.grid import Shape
from bitsback.format.layout import CRC_SIZE, VERSION, Cursor, pack_shape
from bitsback.format.runs import Run, pack_runs, pack_value_map, read_value_map

Buffer = bytes | bytearray | memoryview

MAGIC = 0xBB
_IMPLIED, _NUMBERED, _COLUMNS = 1, 2, 4
"""The flags of the header.

Dtype and shape are left out; the model is a number; the array comes back in Fortran order.
"""
_METHOD_BITS = 5
MOST_AXES = 4
"""The largest number of axes of an item."""
MOST_MODELS = 256


@dataclass(frozen=True)
class KnownProperties:
    """The properties that a reader of a block alone already knows."""

    array: tuple[np.dtype[Any], Shape] | None = None
    """The dtype, in the byte order of the stored bytes, and the shape."""
    models: Sequence[bytes] = ()
    """The identities of the models that may code it."""


NOTHING = KnownProperties()


def pack(
    dtype: np.dtype[Any],
    shape: Shape,
    axes: int,
    coding: Coding,
    columns: bool,
    known: KnownProperties,
) -> bytes:
    """The bytes of a block alone.

    dtype, shape: of the array. axes: the number of last axes that form an item. columns: the array
    comes back in Fortran order. known: properties to leave out.
    """
    prefix = coding.prefix
    numbers = [identity[:PREFIX_SIZE] for identity in known.models]
    array = dtype.str.encode() + pack_shape(shape)
    form = bytes([axes << _METHOD_BITS | coding.method.pack()]) + pack_value_map(coding.value_map)
    number = prefix in numbers
    flags = _COLUMNS * columns | _NUMBERED * number | _IMPLIED * (known.array is not None)
    description = b"" if known.array is not None else array
    model = bytes([numbers.index(prefix)]) if number else prefix
    body = b"".join([_head(flags), description, form, model, *coding.data])
    whole: list[bytes | memoryview] = [_head(_COLUMNS * columns), array, form, prefix]
    return body + _checksum(whole + list(coding.data))


def unpack(data: Buffer, known: KnownProperties, find_model: FindModel) -> NDArray[Any]:
    """The array of a block alone, writable.

    Raises ArchiveError for any damage before it allocates memory for the array, and the errors of
    `find_model`.
    """
    view = memoryview(data).cast("B") if len(data) else memoryview(b"")
    end = max(len(view) - CRC_SIZE, 0)
    with _named():
        return _unpack(view[:end], bytes(view[end:]), known, find_model)


def stored_dtype_and_shape(data: bytes) -> tuple[np.dtype[Any], Shape]:
    """The dtype and the shape in the header of a block alone. The rest is not checked.

    Raises ArchiveError if the header cannot be read.
    """
    cursor = Cursor(data)
    with _named():
        flags = _read_head(cursor)
        return _read_array(cursor, NOTHING if flags & _IMPLIED else None)[:2]


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except ArchiveError as error:
        raise ArchiveError(f"a block of bitsback: {error}") from None


def _unpack(
    body: memoryview, checksum: bytes, known: KnownProperties, find_model: FindModel
) -> NDArray[Any]:
    cursor = Cursor(body)
    flags = _read_head(cursor)
    dtype, shape, array = _read_array(cursor, known if flags & _IMPLIED else None)
    start = cursor.at
    axes, byte = divmod(cursor.byte(), 1 << _METHOD_BITS)
    method = Method.read(byte)
    number = method.number
    if number == ADAPTIVE or number > INFLATED or method.layout > layouts.STACKS:
        raise ArchiveError(f"it has the method {byte}: it needs a newer bitsback")
    value_map = read_value_map(cursor, dtype)
    form = body[start : cursor.at]
    model = _read_model(cursor, flags, known) if method.number == MODEL else b""
    whole: list[bytes | memoryview] = [_head(flags & _COLUMNS), array, form, model]
    whole.append(body[cursor.at :])
    if _checksum(whole) != checksum:
        raise ArchiveError(
            "its checksum does not match: it is damaged, or its array has another dtype, shape or"
            " model than it was written with"
        )
    if axes > min(MOST_AXES, len(shape)):
        raise ArchiveError(f"its items have {axes} axes, more than its array")
    check_map(method, value_map)
    if method.number != RAW and 0 in shape:
        raise ArchiveError("it has no elements, and a method to code them")
    lead = len(shape) - axes
    run = Run(math.prod(shape[:lead]), dtype, shape[lead:], value_map)
    digits = Digits.read(cursor, dtype) if method.number == DIGITS else None
    block = Block(0, [run], pack_runs([run]), method, model or None, body[cursor.at :], digits)
    found = decode_elements(block, dtype, find_model, run.items).reshape(shape)
    if flags & _COLUMNS:
        return found.copy(order="F")
    return found if found.flags.writeable else found.copy()


def _head(flags: int) -> bytes:
    return bytes([MAGIC, flags << 4 | VERSION])


def _checksum(whole: Sequence[bytes | memoryview]) -> bytes:
    """The CRC-32 of a block with all properties, those that were left out included."""
    return _core.crc32c(b"".join(whole)).to_bytes(CRC_SIZE, "little")


def _read_head(cursor: Cursor) -> int:
    if cursor.byte() != MAGIC:
        raise ArchiveError("these bytes are not one, or its first byte is damaged")
    flags, version = divmod(cursor.byte(), 16)
    if version < VERSION:
        raise ArchiveError(
            f"an older bitsback wrote it (format {version}), before the format was settled: decode"
            " it with that one, and encode it again"
        )
    if version > VERSION or flags > _IMPLIED | _NUMBERED | _COLUMNS:
        raise ArchiveError(
            f"its version is {version} and its flags are {flags}, which this bitsback does not"
            " know: update bitsback"
        )
    return flags


def _read_array(
    cursor: Cursor, known: KnownProperties | None
) -> tuple[np.dtype[Any], Shape, bytes]:
    """The dtype, the shape, and the bytes of the field with both. known: the values for a block
    that leaves them out.
    """
    if known is None:
        start = cursor.at
        dtype, shape = cursor.dtype(), cursor.shape()
        check_shape(dtype, shape)
        return dtype, shape, bytes(cursor.data[start : cursor.at])
    if known.array is None:
        raise ArchiveError(
            "it leaves out its dtype and shape, since it is a chunk of a larger array; read it"
            " through that array"
        )
    dtype, shape = known.array
    return dtype, shape, dtype.str.encode() + pack_shape(shape)


def _read_model(cursor: Cursor, flags: int, known: KnownProperties) -> bytes:
    """The first 16 bytes of the identity of the block's model."""
    if not flags & _NUMBERED:
        return cursor.take(PREFIX_SIZE)
    number = cursor.byte()
    if number >= len(known.models):
        raise ArchiveError(
            f"it was coded with model number {number} of its array, and that names"
            f" {len(known.models)} models"
        )
    return known.models[number][:PREFIX_SIZE]
