"""A model in an archive (docs/format.md, An embedded model): from the payload of an `M` section to
the model.
"""

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .codecs import Array, Categorical, Interval, Uniform
from .fields import Reader, require
from .message import LOW, Message
from .model import Model

DTYPES = ("<u1", "<i1", "<u2", "<i2", "<u4", "<i4")
PLAIN, TOKENS, SAME, DIFFERENCE = range(4)

Matrix = list[list[int]]


@dataclass
class Form:
    """The form in which a tensor is coded with tokens."""

    transposed: int
    predictors: list[tuple[int, int]]  # lag, weight
    row_levels: int
    column_levels: int
    first: int
    tokens: int


@dataclass
class Head:
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    method: int
    form: Form | None


def read_form(reader: Reader) -> Form:
    transposed, predictors = reader.byte(), reader.byte()
    require(transposed <= 1 and predictors <= 4, "transposed or not, at most four predictors")
    lags = [
        (reader.varint(), int.from_bytes(reader.take(2), "little", signed=True))
        for _ in range(predictors)
    ]
    form = Form(transposed, lags, *reader.take(4))
    require(all(lag >= 1 for lag, _ in lags), "a lag is at least 1")
    require(1 <= form.row_levels <= 64 and 1 <= form.column_levels <= 64, "1 to 64 levels")
    require(form.tokens >= 1 and form.first + form.tokens <= 121, "a token, and none beyond 120")
    return form


def read_head(reader: Reader) -> Head:
    name = reader.take(reader.varint()).decode()
    dtype = reader.byte()
    require(dtype < len(DTYPES), "a dtype of the list")
    dimensions = reader.byte()
    require(1 <= dimensions <= 4, "1 to 4 dimensions")
    shape = tuple(reader.varint() for _ in range(dimensions))
    require(min(shape) >= 1, "no dimension is empty")
    method = reader.byte()
    require(method in (PLAIN, TOKENS), "plain or tokens")
    form = read_form(reader) if method == TOKENS else None
    return Head(name, np.dtype(DTYPES[dtype]), shape, method, form)


def read_base(reader: Reader, bundled: Iterable[Model]) -> tuple[Model, str]:
    """The base and the description."""
    prefix = reader.take(16)
    bases = [model for model in bundled if model.identity[:16] == prefix]
    require(len(bases) == 1, "a base that is there")
    size, stream = reader.varint(), reader.take(reader.varint())
    require(size <= 2**20, "a description of at most 2^20 bytes")
    inflate = zlib.decompressobj(-15, zdict=bases[0].description.encode())
    text = inflate.decompress(stream, size + 1)
    require(len(text) == size and inflate.eof and not inflate.unused_data, "the whole stream")
    return bases[0], text.decode()


def read_method(reader: Reader, name: str, tensor: NDArray[Any]) -> Head:
    """Reads the method of a tensor that the base has too."""
    method = reader.byte()
    require(method <= DIFFERENCE, "plain, tokens, the base's, or a difference")
    form = read_form(reader) if method in (TOKENS, DIFFERENCE) else None
    return Head(name, tensor.dtype.newbyteorder("<"), tensor.shape, method, form)


def read_model(payload: bytes, bundled: Iterable[Model] = ()) -> Model:
    """bundled: the models that ship, of which one may be the base."""
    reader = Reader(payload)
    prefix = reader.take(16)
    description = reader.take(reader.varint()).decode()
    base: dict[str, NDArray[Any]] = {}
    if description:
        heads = [read_head(reader) for _ in range(reader.varint())]
        names = [head.name.encode() for head in heads]
        require(names == sorted(set(names)), "tensors by ascending name")
        elements = sum(math.prod(head.shape) for head in heads)
        most = 2**16 + 16 * len(payload)
        require(elements <= most, "no more elements than the payload may claim")
    else:
        model, description = read_base(reader, bundled)
        base = model.tensors
        heads = [read_method(reader, name, base[name]) for name in sorted(base, key=str.encode)]
    message = Message.from_bytes(payload[reader.at :])
    require(message.depth is None, "a finite tail")
    tensors = {}
    for head in heads:
        if head.method == SAME:
            tensors[head.name] = base[head.name]
            continue
        tensors[head.name] = pop_tensor(message, head)
        if head.method == DIFFERENCE:
            tensors[head.name] = add(tensors[head.name], base[head.name])
    require(message == Message([LOW]), "one head, 2^32, and nothing else is left")
    model = Model(description, tensors)
    require(model.identity[:16] == prefix, "the identity that the payload names")
    return model


def add(difference: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    """Modulo the numbers of the dtype."""
    count, low = 256**old.dtype.itemsize, int(np.iinfo(old.dtype).min)
    sums = difference.astype(np.int64) + old.astype(np.int64)
    return ((sums - low) % count + low).astype(old.dtype)


def _pop(message: Message, distribution: Interval, count: int) -> list[int]:
    return Array([distribution] * count).pop(message)


def pop_tensor(message: Message, head: Head) -> NDArray[Any]:
    size = math.prod(head.shape)
    if head.form is None:
        data = bytes(_pop(message, Uniform(256), size * head.dtype.itemsize))
        return np.frombuffer(data, head.dtype).reshape(head.shape)
    rows, columns = head.shape[0], size // head.shape[0]
    if head.form.transposed:
        rows, columns = columns, rows
    require(not head.form.predictors or rows <= 2**16, "at most 2^16 rows are predicted")
    matrix = _pop_matrix(message, head.form, rows, columns)
    _undo_prediction(matrix, head.form.predictors, head.dtype)
    tensor = np.array(matrix, np.int64).astype(head.dtype)
    return (tensor.T if head.form.transposed else tensor).reshape(head.shape)


def _pop_matrix(message: Message, form: Form, rows: int, columns: int) -> Matrix:
    """Pops the differences between the elements and their predictions."""
    a = _pop(message, Uniform(form.row_levels), rows)
    b = _pop(message, Uniform(form.column_levels), columns)
    cells = [(i, j) for i in range(rows) for j in range(columns)]
    token = dict.fromkeys(cells, form.first)
    classes: dict[int, list[tuple[int, int]]] = {}
    for i, j in cells:
        classes.setdefault(a[i] + b[j], []).append((i, j))
    for k in sorted(classes):
        if form.tokens > 1:
            F = [1 + f for f in _pop(message, Uniform(2**12), form.tokens - 1)]  # noqa: N806
            F.append(2**12 - sum(F))
            require(F[-1] >= 1, "each token has a frequency")
            for cell, symbol in zip(
                classes[k], _pop(message, Categorical(F, 12), len(classes[k])), strict=True
            ):
                token[cell] = form.first + symbol
    magnitude = {}
    for t in range(form.first, form.first + form.tokens):
        which = [cell for cell in cells if token[cell] == t]
        x = max(0, (t - 8) // 4 + 1)
        extra = [0] * len(which)
        for low in range(0, x, 16):
            part = _pop(message, Uniform(2 ** min(16, x - low)), len(which))
            extra = [value + (more << low) for value, more in zip(extra, part, strict=True)]
        for cell, value in zip(which, extra, strict=True):
            magnitude[cell] = t if t < 8 else ((4 + t % 4) << x) + value
    signed = [cell for cell in cells if magnitude[cell] > 0]
    for cell, negative in zip(signed, _pop(message, Uniform(2), len(signed)), strict=True):
        magnitude[cell] *= -1 if negative else 1
    return [[magnitude[i, j] for j in range(columns)] for i in range(rows)]


def _undo_prediction(
    matrix: Matrix, predictors: list[tuple[int, int]], dtype: np.dtype[Any]
) -> None:
    """element[i, j] = (r[i, j] + (sum of weight * element[i - lag, j] >> 8)) mod 2^w, in the range
    of the dtype.
    """
    count, low = 256**dtype.itemsize, int(np.iinfo(dtype).min)
    for i, row in enumerate(matrix):
        for j, r in enumerate(row):
            total = sum(weight * matrix[i - lag][j] for lag, weight in predictors if lag <= i)
            row[j] = (r + (total >> 8) - low) % count + low
