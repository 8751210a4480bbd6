"""A block alone (docs/format.md), from its bytes to its array."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .archive import crc32c
from .blocks import (
    ADAPTIVE,
    DIGITS,
    INFLATED,
    MODEL,
    RAW,
    STACKS,
    Run,
    decode_data,
    decode_digits,
    decode_files,
    read_value_map,
)
from .fields import Reader, check_size, require

IMPLIED, NUMBERED, COLUMNS = 1, 2, 4


def pack_varint(value: int) -> bytes:
    low, rest = value % 128, value // 128
    return bytes([low | 128]) + pack_varint(rest) if rest else bytes([low])


def pack_shape(shape: Sequence[int]) -> bytes:
    return bytes([len(shape)]) + b"".join(map(pack_varint, shape))


def decode(
    data: bytes,
    models: Sequence[Any] = (),
    dtype: str | None = None,
    shape: tuple[int, ...] | None = None,
) -> NDArray[Any]:
    """models: those that it may name, in the order of their numbers. dtype, shape: of the array, if
    the block leaves them out.
    """
    require(len(data) >= 4, "a CRC32C at the end")
    reader = Reader(data[:-4])
    require(reader.byte() == 0xBB, "the first byte of a block alone")
    head = reader.byte()
    version, flags = head % 16, head // 16
    require(version == 7, "version 7")
    require(flags <= 7, "no flag that this reader does not understand")
    whole = bytes([0xBB, 16 * (flags & COLUMNS) + version])
    if flags & IMPLIED:
        require(dtype is not None and shape is not None, "dtype and shape are known")
        kind = np.dtype(dtype)
    else:
        kind, shape = reader.dtype(), reader.shape()
    check_size(kind, shape)
    whole += kind.str.encode() + pack_shape(shape)
    start = reader.at
    form = reader.byte()
    axes, layout, method = form // 32, form // 8 % 4, form % 8
    require(method != ADAPTIVE, "a method of a block alone")
    require(method == MODEL or layout == 0, "a method that has layouts")
    require(layout <= STACKS, "a layout of the list")
    map_kind = reader.byte()
    values = read_value_map(reader, kind, map_kind)
    map_field = reader.data[start + 1 : reader.at]
    whole += bytes([form]) + map_field
    model = None
    if method == MODEL:
        if flags & NUMBERED:
            number = reader.byte()
            require(number < len(models), "the number of a model of the array")
            model = models[number]
        else:
            name = reader.take(16)
            found = [model for model in models if model.identity[:16] == name]
            require(len(found) == 1, "a model that is there")
            (model,) = found
        whole += model.identity[:16]
    whole += reader.data[reader.at :]
    require(crc32c(whole) == int.from_bytes(data[-4:], "little"), "the CRC32C of a block alone")
    require(axes <= min(4, len(shape)), "items of at most four axes")
    require(method == RAW or 0 not in shape, "an array without elements is raw")
    lead = len(shape) - axes
    count, item = math.prod(shape[:lead]), shape[lead:]
    run = Run(count, kind, item, map_kind, values)
    runs_field = b"\1" + pack_varint(count) + kind.str.encode() + pack_shape(item) + map_field
    rest = reader.data[reader.at :]
    named = {one.identity[:16]: one for one in models}
    if method == DIGITS:
        content = decode_digits(rest, [run], named)
    elif method == INFLATED:
        content = decode_files(rest, [run], named)
    else:
        content = decode_data(rest, method, [run], runs_field, model, layout)
    array = np.frombuffer(content, kind).reshape(shape)
    return np.asfortranarray(array) if flags & COLUMNS else array
