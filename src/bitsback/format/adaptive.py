"""The method adaptive (docs/format.md, `B`, a block).

It codes records with few values, such as labels, by the frequencies of earlier values.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import raw_deflate
from bitsback.codecs import Adaptive
from bitsback.errors import ArchiveError, MessageError
from bitsback.format.layout import Cursor
from bitsback.message import Message
from bitsback.wire import varint

MOST_COLUMNS = 16
_MOST = 1 << 24  # limit of values times elements of a column
_START = Message([1 << 32])


def pack(records: NDArray[Any]) -> bytes | None:
    """The bytes of records [n, columns], n >= 1; None if they have too many columns or values."""
    bits = records.view(f"<u{records.itemsize}")
    tables = [np.unique(column, return_inverse=True) for column in bits.T]
    if not 1 <= len(tables) <= MOST_COLUMNS or any(
        len(values) + len(records) > _MOST for values, _ in tables
    ):
        return None
    message = _START.copy()
    for values, symbols in reversed(tables):
        Adaptive(len(values), symbols.shape).push(message, symbols)
    stream = raw_deflate.compress(b"".join(values.tobytes() for values, _ in tables), memory=8)
    counts = [len(values) for values, _ in tables]
    head = b"".join(map(varint, [len(tables), *counts, len(stream)]))
    return head + stream + message.to_bytes()


def unpack(data: memoryview, elements: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The elements, flat. elements: their number. Raises ArchiveError."""
    cursor = Cursor(data)
    columns = cursor.varint()
    if not 1 <= columns <= MOST_COLUMNS or elements % columns:
        raise ArchiveError(f"its {elements} elements are not records of {columns}")
    records = elements // columns
    counts = [cursor.varint() for _ in range(columns)]
    if any(not 1 <= count <= records or count + records > _MOST for count in counts):
        raise ArchiveError(f"its {records} records have other values than they can have")
    bits = np.dtype(f"<u{dtype.itemsize}")
    stream = cursor.take(cursor.varint())
    content = raw_deflate.decompress_exactly(stream, sum(counts) * bits.itemsize)
    if content is None:
        raise ArchiveError("the values of its records are damaged")
    values = np.split(np.frombuffer(content, bits), np.cumsum(counts)[:-1])
    if any((table[1:] <= table[:-1]).any() for table in values):
        raise ArchiveError("the values of its records are not in order")
    try:
        message = Message.from_bytes(bytes(data[cursor.at :]))
        if message.depth is not None:
            raise ArchiveError("its message is not finite")
        found = [table[Adaptive(len(table), (records,)).pop(message)] for table in values]
    except MessageError as error:
        raise ArchiveError(str(error)) from None
    if message != _START:
        raise ArchiveError("its message does not end as it began")
    return np.stack(found, axis=1).reshape(-1).view(dtype)
