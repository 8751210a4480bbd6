"""Embed a model in an archive, as the payload of an `M` section (docs/format.md, An embedded
model).

The payload takes a third to three quarters of the model file. It takes a tenth if it has
differences to a bundled model, which is then its base.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import lzma2
from bitsback.errors import ArchiveError, ModelError
from bitsback.models import bundled
from bitsback.models.file import Tensors
from bitsback.models.model import Model
from bitsback.wire import Cursor, varint

_PREFIX_SIZE = 16
_DTYPES = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4"))
_ROWS, _COLUMNS, _PREDICTED, _DIFFERENCE = range(4)
"""The methods of tensors."""

Find = Callable[[bytes], Model | None]
"""Finds a bundled model by the first 16 bytes of its identity."""


@dataclass(frozen=True)
class _Head:
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    method: int
    distances: tuple[int, ...] = ()
    """With the method _PREDICTED: the distances of the two elements that predict one."""

    def pack(self) -> bytes:
        fields = [bytes([_DTYPES.index(self.dtype), len(self.shape)]), *map(varint, self.shape)]
        fields += [bytes([self.method]), *map(varint, self.distances)]
        return _pack_octets(self.name.encode()) + b"".join(fields)


def pack_model(model: Model, bases: Sequence[Model] | None = None) -> bytes:
    """The smallest payload of an `M` section for the model, with or without a base.

    bases: the models to try as bases; by default the bundled models with tensors of the same names
    and shapes. Raises ModelError if the model cannot be embedded.
    """
    found = bundled.alike(model) if bases is None else bases
    contents = [_content(model, base) for base in (None, *found)]
    content, stream = min(
        ((content, _compress(content)) for content in contents), key=lambda pair: len(pair[1])
    )
    payload = model.identity[:_PREFIX_SIZE] + stream
    if len(content) > _most_content(len(payload)):
        raise ModelError(f"the model {model.name} is too regular to be embedded; use embed='never'")
    return payload


def unpack_model(payload: bytes | memoryview, find: Find = bundled.find) -> Model:
    """The model in the payload of an `M` section.

    Raises ArchiveError or ModelError if it is damaged, or if its base is missing.
    """
    content, whole = lzma2.decompress(payload[_PREFIX_SIZE:], _most_content(len(payload)) + 1)
    if not whole:
        raise ArchiveError("a model is cut short, or states more bytes than any writer makes")
    cursor = Cursor(content)
    description = _take_text(cursor)
    base = _read_base(cursor, find)
    heads = [_read_head(cursor) for _ in range(cursor.varint())]
    names = [head.name.encode() for head in heads]
    if names != sorted(set(names)):
        raise ArchiveError("the tensors of a model are not in order")
    tensors = {head.name: _read_tensor(cursor, head, base) for head in heads}
    cursor.done()
    model = Model.build(description, tensors)
    if not model.identity.startswith(bytes(payload[:_PREFIX_SIZE])):
        raise ArchiveError("a model does not have the identity that it states")
    return model


def read_description(start: bytes) -> str:
    """The description of a model, from the first bytes of the payload. Raises ArchiveError."""
    content, _ = lzma2.decompress(start[_PREFIX_SIZE:], _most_content(len(start)))
    return _take_text(Cursor(content))


def _content(model: Model, base: Model | None) -> bytes:
    heads, planes = [], []
    for name in sorted(model.tensors, key=str.encode):
        coded = ((head, _planes(values)) for head, values in _codings(name, model, base))
        head, data = min(coded, key=lambda pair: len(_compress(pair[1])))
        heads.append(head.pack())
        planes.append(data)
    prefix = b"" if base is None else base.identity[:_PREFIX_SIZE]
    texts = _pack_octets(model.description.encode()) + _pack_octets(prefix)
    return b"".join([texts, varint(len(heads)), *heads, *planes])


def _codings(name: str, model: Model, base: Model | None) -> Iterator[tuple[_Head, NDArray[Any]]]:
    """The codings of a tensor to try: a head, and the values that it leaves to compress."""
    tensor = model.tensors[name]
    start = name, tensor.dtype, tensor.shape
    matrix = tensor.reshape(len(tensor), -1)
    yield _Head(*start, _ROWS), tensor
    if tensor.ndim > 1:
        yield _Head(*start, _COLUMNS), matrix.T
    if model.size and model.pixels in matrix.shape:  # the weights of neighbours are similar
        step = matrix.shape[1] if len(matrix) == model.pixels else 1
        distances = step, step * model.size[1]
        yield _Head(*start, _PREDICTED, distances), tensor - _predict(tensor, *distances)
    if base is not None:
        yield _Head(*start, _DIFFERENCE), tensor - base.tensors[name]


def _predict(tensor: NDArray[Any], near: int, far: int) -> NDArray[Any]:
    """The residuals: each element minus the mean, rounded down, of the two at these distances."""
    values = _signed(tensor.reshape(-1)).astype(np.int64)
    sums = np.zeros_like(values)
    for distance in (near, far):
        sums[distance:] += values[:-distance]
    return (sums >> 1).astype(tensor.dtype).reshape(tensor.shape)


def _unpredict(values: NDArray[Any], near: int, far: int) -> NDArray[Any]:
    """Adds to each element the mean of those before it, which `_predict` subtracted."""
    half = 1 << 8 * values.itemsize - 1
    before = max(near, far)
    line = [0] * before + values.tolist()
    for i in range(before, len(line)):
        mean = line[i - near] + line[i - far] >> 1
        line[i] = (line[i] + mean + half) % (2 * half) - half
    return np.array(line[before:], values.dtype)


def _planes(values: NDArray[Any]) -> bytes:
    """The lowest bytes of all values, then their second bytes, and so on.

    Each value is folded first, so that its sign is the lowest bit.
    """
    size = values.itemsize
    signed = _signed(np.ascontiguousarray(values).reshape(-1))
    folded = ((signed << 1) ^ (signed >> 8 * size - 1)).astype(f"<i{size}")
    return folded.view(np.uint8).reshape(-1, size).T.tobytes()


def _read_tensor(cursor: Cursor, head: _Head, base: Tensors) -> NDArray[Any]:
    size = head.dtype.itemsize
    planes = np.frombuffer(cursor.take(prod(head.shape) * size), np.uint8).reshape(size, -1)
    folded = planes.T.copy().view(f"<u{size}").astype(f"u{size}").reshape(-1)
    values = _signed((folded >> 1) ^ -(folded & 1))
    if head.method == _PREDICTED:
        if not all(1 <= distance <= values.size for distance in head.distances):
            raise ArchiveError("a tensor is predicted from elements outside it")
        values = _unpredict(values, *head.distances)
    tensor = values.view(head.dtype)
    if head.method == _COLUMNS:
        tensor = tensor.reshape(-1, head.shape[0]).T
    tensor = np.ascontiguousarray(tensor).reshape(head.shape)
    if head.method == _DIFFERENCE:
        old = base.get(head.name)
        if old is None or (old.dtype, old.shape) != (head.dtype, head.shape):
            raise ArchiveError("a tensor is a difference to a tensor that its base lacks")
        tensor = tensor + old
    return tensor


def _read_head(cursor: Cursor) -> _Head:
    name = _take_text(cursor)
    dtype, dimensions = cursor.byte(), cursor.byte()
    if dtype >= len(_DTYPES) or not 1 <= dimensions <= 4:
        raise ArchiveError("a tensor has an impossible dtype or number of dimensions")
    shape = cursor.varints(dimensions)
    method = cursor.byte()
    if method > _DIFFERENCE or 0 in shape:
        raise ArchiveError("a tensor is coded with a method that does not exist")
    distances = (cursor.varint(), cursor.varint()) if method == _PREDICTED else ()
    return _Head(name, _DTYPES[dtype], shape, method, distances)


def _read_base(cursor: Cursor, find: Find) -> Tensors:
    """The tensors of the base; none without a base. Raises ArchiveError if it is missing."""
    prefix = cursor.take(cursor.varint())
    if not prefix:
        return {}
    base = find(prefix) if len(prefix) == _PREFIX_SIZE else None
    if base is None:
        raise ArchiveError(
            f"it is stored as differences to the model {prefix.hex()}, which does not ship with"
            " this bitsback: a newer one is needed"
        )
    return dict(base.tensors)


def _signed(values: NDArray[Any]) -> NDArray[Any]:
    return values.view(f"i{values.itemsize}")


def _compress(content: bytes) -> bytes:
    return lzma2.compress(content, lc=0)  # neighbouring weights hardly depend on each other


def _most_content(size: int) -> int:
    """The greatest size of the content that readers accept in a payload of `size` bytes.

    The limit keeps a few bytes from requesting all memory.
    """
    return (1 << 18) + (size << 4)


def _pack_octets(octets: bytes) -> bytes:
    return varint(len(octets)) + octets


def _take_text(cursor: Cursor) -> str:
    try:
        return cursor.take(cursor.varint()).decode()
    except UnicodeDecodeError:
        raise ArchiveError("a text is not UTF-8") from None
