"""Tensors of integers, coded with the package's own codecs (docs/format.md, An embedded model).

Elements are predicted from earlier rows; a residual is a token, which a distribution codes, and
uncoded further bits. Rows and columns have levels, and elements with the same sum of levels, which
are about equally large, share a distribution.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs import Categorical, Uniform
from bitsback.errors import ArchiveError
from bitsback.wire import Cursor, varint

PLAIN, TOKENS = 0, 1

_PRECISION = 12
_EXACT = 8  # each magnitude below has a token; above there are four tokens per octave
_MOST_TOKENS = 121
_MOST_PREDICTORS = 4
MOST_PREDICTED_ROWS = 1 << 16
_MOST_LEVELS = 64

Codec = Uniform | Categorical
Step = tuple[Codec, NDArray[Any]]
"""A codec and its symbols, in the order of decoding."""
Pop = Callable[[Codec], NDArray[np.uint32]]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Predictor:
    """Elements of the row `lag` rows before count `weight` / 256."""

    lag: int
    weight: int


@dataclass(frozen=True)
class Form:
    """The coding of a tensor with tokens."""

    transposed: bool
    predictors: tuple[Predictor, ...]
    row_levels: int
    column_levels: int
    first_token: int
    tokens: int

    def pack(self) -> bytes:
        predictors = b"".join(
            varint(p.lag) + p.weight.to_bytes(2, "little", signed=True) for p in self.predictors
        )
        head = bytes([self.transposed, len(self.predictors)])
        return (
            head
            + predictors
            + bytes([self.row_levels, self.column_levels, self.first_token, self.tokens])
        )

    @classmethod
    def unpack(cls, cursor: Cursor) -> "Form":
        transposed, count = cursor.byte(), cursor.byte()
        if transposed > 1 or count > _MOST_PREDICTORS:
            raise ArchiveError("a tensor has a form that does not exist")
        predictors = tuple(
            Predictor(cursor.varint(), int.from_bytes(cursor.take(2), "little", signed=True))
            for _ in range(count)
        )
        form = cls(
            bool(transposed), predictors, cursor.byte(), cursor.byte(), cursor.byte(), cursor.byte()
        )
        if not (
            all(p.lag >= 1 for p in predictors)
            and 1 <= form.row_levels <= _MOST_LEVELS
            and 1 <= form.column_levels <= _MOST_LEVELS
            and 1 <= form.tokens <= _MOST_TOKENS - form.first_token
        ):
            raise ArchiveError("a tensor has a form that does not exist")
        return form


def matrix_shape(shape: tuple[int, ...], transposed: bool) -> tuple[int, int]:
    """Rows and columns of a tensor seen as a matrix."""
    rows = shape[0]
    columns = int(np.prod(shape[1:], dtype=np.int64))
    return (columns, rows) if transposed else (rows, columns)


def encode_plain(tensor: NDArray[Any]) -> list[Step]:
    octets = np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)
    return [(Uniform(256, octets.shape), octets)]


def decode_plain(pop: Pop, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    octets = pop(Uniform(256, (size,))).astype(np.uint8)
    return octets.view(dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def encode_tokens(
    tensor: NDArray[Any], lags: tuple[int, ...], transposed: bool, by: tuple[bool, bool]
) -> tuple[Form, list[Step]]:
    """The form and the steps for one choice: the lags of the predictors, whether the matrix is
    transposed, and whether rows and columns have levels.
    """
    matrix = tensor.reshape(matrix_shape(tensor.shape, False)).astype(np.int64)
    if transposed:
        matrix = matrix.T
    predictors = _fit(matrix, lags)
    rest = _wrap(matrix - _predict(matrix, predictors), tensor.dtype)
    magnitude = np.abs(rest)
    row_level = _levels(magnitude, 1) if by[0] else np.zeros(matrix.shape[0], np.int64)
    column_level = _levels(magnitude, 0) if by[1] else np.zeros(matrix.shape[1], np.int64)
    token, extra = _tokens(magnitude)
    first, last = int(token.min()), int(token.max())
    form = Form(
        transposed,
        predictors,
        int(row_level.max()) + 1,
        int(column_level.max()) + 1,
        first,
        last - first + 1,
    )
    steps: list[Step] = [
        (Uniform(form.row_levels, row_level.shape), row_level),
        (Uniform(form.column_levels, column_level.shape), column_level),
    ]
    for where in _classes(row_level, column_level):
        if form.tokens > 1:
            symbols = token[where] - first
            frequencies = _frequencies(np.bincount(symbols, minlength=form.tokens))
            steps.append((Uniform(1 << _PRECISION, (form.tokens - 1,)), frequencies[:-1] - 1))
            steps.append(
                (Categorical(frequencies.astype(np.uint32), _PRECISION, symbols.shape), symbols)
            )
    for value in range(first, last + 1):
        which = extra[token == value] if _extra_bits(value) else extra[:0]
        steps += [
            (Uniform(1 << bits, which.shape), (which >> low) % (1 << bits))
            for low, bits in _parts(value)
        ]
    negative = (rest < 0)[magnitude > 0].astype(np.uint32)
    steps.append((Uniform(2, negative.shape), negative))
    return form, steps


def decode_tokens(
    form: Form, pop: Pop, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    """The tensor. Raises ArchiveError for invalid popped values."""
    rows, columns = matrix_shape(shape, form.transposed)
    if form.predictors and rows > MOST_PREDICTED_ROWS:
        raise ArchiveError(
            f"a tensor of {rows} rows is predicted, and at most {MOST_PREDICTED_ROWS} can be"
        )
    row_level = pop(Uniform(form.row_levels, (rows,))).astype(np.int64)
    column_level = pop(Uniform(form.column_levels, (columns,))).astype(np.int64)
    token = np.full((rows, columns), form.first_token, np.uint8)
    for where in _classes(row_level, column_level):
        if form.tokens > 1:
            frequencies = np.empty(form.tokens, np.int64)
            frequencies[:-1] = pop(Uniform(1 << _PRECISION, (form.tokens - 1,))) + np.uint32(1)
            frequencies[-1] = (1 << _PRECISION) - frequencies[:-1].sum()
            if frequencies[-1] < 1:
                raise ArchiveError("a distribution over tokens is not one")
            count = int(np.count_nonzero(where))
            token[where] += pop(
                Categorical(frequencies.astype(np.uint32), _PRECISION, (count,))
            ).astype(np.uint8)
    rest = np.empty((rows, columns), np.int64)
    for value in range(form.first_token, form.first_token + form.tokens):
        which = token == value
        count = int(np.count_nonzero(which))
        magnitude = np.full(count, _smallest(value), np.int64)
        for low, bits in _parts(value):
            magnitude += pop(Uniform(1 << bits, (count,))).astype(np.int64) << low
        rest[which] = magnitude
    signed = rest > 0
    negative = pop(Uniform(2, (int(np.count_nonzero(signed)),))).astype(bool)
    rest[signed] = np.where(negative, -rest[signed], rest[signed])
    matrix = _undo_prediction(rest, form.predictors, dtype)
    return np.ascontiguousarray(matrix.T if form.transposed else matrix, dtype).reshape(shape)


def cost(steps: list[Step]) -> float:
    """The bits of the steps."""
    bits = 0.0
    for codec, symbols in steps:
        if isinstance(codec, Uniform):
            bits += symbols.size * float(np.log2(codec.n))
        else:
            counts = np.bincount(symbols, minlength=len(codec.frequencies))
            bits += float(counts @ (codec.precision - np.log2(codec.frequencies)))
    return bits


def _smallest(token: int) -> int:
    """The smallest magnitude that has this token."""
    if token < _EXACT:
        return token
    octave, quarter = divmod(token - _EXACT, 4)
    return (4 + quarter) << (octave + 1)


def _extra_bits(token: int) -> int:
    """The number of bits that distinguish the magnitudes with this token."""
    return max((token - _EXACT) // 4 + 1, 0)


def _parts(token: int) -> list[tuple[int, int]]:
    """The extra bits in parts that a uniform codec can hold: the lowest place of each, and its
    number of bits.
    """
    bits = _extra_bits(token)
    return [(low, min(16, bits - low)) for low in range(0, bits, 16)]


def _tokens(magnitude: Integers) -> tuple[Integers, Integers]:
    """The token of each magnitude, and its extra bits."""
    starts = np.array([_smallest(token) for token in range(_MOST_TOKENS)])
    token = np.searchsorted(starts, magnitude, "right") - 1
    return token, magnitude - starts[token]


def _classes(row_level: Integers, column_level: Integers) -> Iterator[NDArray[np.bool_]]:
    """The elements with each sum of levels, from the smallest."""
    level = row_level[:, np.newaxis] + column_level
    for value in range(int(level.max(initial=0)) + 1):
        where = level == value
        if where.any():
            yield where


def _levels(magnitude: Integers, axis: int) -> Integers:
    """Half octaves of the mean magnitude along an axis, the smallest 0, computed with integers, so
    that all machines agree.
    """
    mean = 256 * magnitude.sum(axis) // magnitude.shape[axis]
    level = np.array([(int(value) ** 2).bit_length() for value in mean])
    above: Integers = level - level.min()
    return np.minimum(above, _MOST_LEVELS - 1)


def _frequencies(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frequencies of sum 2^12 close to the counts, each at least 1."""
    total = 1 << _PRECISION
    frequencies = np.maximum((counts * (2 * total) // int(counts.sum()) + 1) // 2, 1)
    while (excess := int(frequencies.sum()) - total) != 0:
        largest = int(frequencies.argmax())
        frequencies[largest] -= min(excess, int(frequencies[largest]) // 2)
    return frequencies


def _wrap(values: Integers, dtype: np.dtype[Any]) -> Integers:
    """The values modulo 2^bits, from -2^(bits - 1) on."""
    half = 1 << (8 * dtype.itemsize - 1)
    wrapped: Integers = (values + half) % (2 * half) - half
    return wrapped


def _predict(matrix: Integers, predictors: tuple[Predictor, ...]) -> Integers:
    """The prediction of each row from the rows before: their weighted sum, rounded down; rows
    before the first are 0.
    """
    total = np.zeros_like(matrix)
    for predictor in predictors:
        total[predictor.lag :] += predictor.weight * matrix[: -predictor.lag]
    return total >> 8


def _undo_prediction(
    rest: Integers, predictors: tuple[Predictor, ...], dtype: np.dtype[Any]
) -> Integers:
    matrix = rest
    bits = 8 * dtype.itemsize
    low = 0 if dtype.kind == "u" else 1 << (bits - 1)
    if not predictors:
        return (matrix + low) % (1 << bits) - low
    for row in range(len(matrix)):
        total = np.zeros(matrix.shape[1], np.int64)
        for predictor in predictors:
            if row >= predictor.lag:
                total += predictor.weight * matrix[row - predictor.lag]
        matrix[row] = (matrix[row] + (total >> 8) + low) % (1 << bits) - low
    return matrix


def _fit(matrix: Integers, lags: tuple[int, ...]) -> tuple[Predictor, ...]:
    """The weights of least squares, solved exactly, so that all machines agree; none unless there
    is exactly one solution.
    """
    lags = tuple(lag for lag in lags if lag < len(matrix))
    if not lags:
        return ()
    start = max(lags)
    scaled = matrix >> max(
        int(np.abs(matrix).max()).bit_length() - 20, 0
    )  # no sum of products exceeds int64
    rows = [scaled[start - lag : len(scaled) - lag].reshape(-1) for lag in lags]
    rows.append(scaled[start:].reshape(-1))
    from fractions import Fraction  # here, so that a single item does not wait for the import

    # Gauss elimination of the normal equations.
    system = [[Fraction(int(a @ b)) for b in rows] for a in rows[:-1]]
    for pivot, line in enumerate(system):
        if line[pivot] == 0:
            return ()
        line[:] = [value / line[pivot] for value in line]
        for other in system:
            if other is not line:
                other[:] = [
                    value - other[pivot] * by for value, by in zip(other, line, strict=True)
                ]
    weights = [round(256 * line[-1]) for line in system]
    if max(map(abs, weights)) > 32767:
        return ()
    return tuple(Predictor(lag, weight) for lag, weight in zip(lags, weights, strict=True))
