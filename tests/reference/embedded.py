"""A model in an archive (docs/format.md, An embedded model): from the payload of an `M` section to
the model.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import decompress
from .fields import Reader, require
from .model import Model

DTYPES = ("<u1", "<i1", "<u2", "<i2", "<u4", "<i4")
ROWS, COLUMNS, PREDICTED, DIFFERENCE = range(4)


@dataclass
class Head:
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    method: int
    near: int = 0
    far: int = 0


def read_model(payload: bytes, bundled: Iterable[Model] = ()) -> Model:
    """bundled: the models that ship, of which one may be the base."""
    prefix = payload[:16]
    content = decompress(payload[16:], 1)
    require(len(content) <= 2**18 + 2**4 * len(payload), "no more content than it may have")
    reader = Reader(bytes(content))
    description = reader.take(reader.varint()).decode()
    base: dict[str, NDArray[Any]] = {}
    named = reader.take(reader.varint())
    if named:
        bases = [model for model in bundled if model.identity[:16] == named]
        require(len(bases) == 1, "a base that is there")
        base = bases[0].tensors
    heads = [read_head(reader) for _ in range(reader.varint())]
    names = [head.name.encode() for head in heads]
    require(names == sorted(set(names)), "tensors by ascending name")
    tensors = {head.name: read_tensor(reader, head, base) for head in heads}
    reader.done()
    model = Model(description, tensors)
    require(model.identity[:16] == prefix, "the identity that the payload names")
    return model


def read_head(reader: Reader) -> Head:
    name = reader.take(reader.varint()).decode()
    dtype = reader.byte()
    require(dtype < len(DTYPES), "a dtype of the list")
    dimensions = reader.byte()
    require(1 <= dimensions <= 4, "1 to 4 dimensions")
    shape = tuple(reader.varint() for _ in range(dimensions))
    require(min(shape) >= 1, "no dimension is empty")
    method = reader.byte()
    require(method <= DIFFERENCE, "a method of the list")
    distances = (reader.varint(), reader.varint()) if method == PREDICTED else ()
    return Head(name, np.dtype(DTYPES[dtype]), shape, method, *distances)


def read_tensor(reader: Reader, head: Head, base: dict[str, NDArray[Any]]) -> NDArray[Any]:
    size, width = math.prod(head.shape), head.dtype.itemsize
    planes = [reader.take(size) for _ in range(width)]
    values = [unfold(int.from_bytes(octets, "little")) for octets in zip(*planes, strict=True)]
    if head.method == COLUMNS:
        rows, columns = head.shape[0], size // head.shape[0]
        values = [values[j * rows + i] for i in range(rows) for j in range(columns)]
    elif head.method == PREDICTED:
        require(min(head.near, head.far) >= 1, "elements before this one")
        require(max(head.near, head.far) <= size, "elements of the tensor")
        for i in range(size):
            before = [values[i - d] if i >= d else 0 for d in (head.near, head.far)]
            values[i] = wrap(values[i] + sum(before) // 2, width)
    elif head.method == DIFFERENCE:
        require(head.name in base, "a tensor of the base")
        old = base[head.name]
        require(old.dtype == head.dtype and old.shape == head.shape, "a tensor that is alike")
        values = [value + int(other) for value, other in zip(values, old.flat, strict=True)]
    octets = b"".join((value % 256**width).to_bytes(width, "little") for value in values)
    return np.frombuffer(octets, head.dtype).reshape(head.shape)


def unfold(value: int) -> int:
    return value // 2 if value % 2 == 0 else -(value + 1) // 2


def wrap(value: int, width: int) -> int:
    """The signed number of `width` bytes that is equal modulo 2^(8 * width)."""
    count = 256**width
    return (value + count // 2) % count - count // 2
