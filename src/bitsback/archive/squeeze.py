"""What no model codes, by general compressors of the standard library (docs/format.md, the method
squeezed).
"""

import lzma
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.pieces import Pieces
from bitsback.errors import ArchiveError

Coder = Literal["deflate", "lzma"]

_CODERS: tuple[Coder, ...] = ("deflate", "lzma")
PLAIN, SHUFFLED, BITS = 0, 1, 2
"""What is compressed: the bytes as they are, those of one significance together, or one bit an
element.
"""

_HEAD = 3  # bytes: coder, form, distance
_DICTIONARY = 1 << 23
_SMALLEST_DICTIONARY = 1 << 12
_RAW_DEFLATE = -15
_SAMPLE = 1 << 13  # elements of each of three pieces
_HOPELESS = 0.98  # of a sample, whose compression is then not tried on all

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class _Way:
    """How content is made more regular: its form, and the distance of the bytes that are taken off,
    0 for none.
    """

    form: int
    distance: int

    def apply(self, content: Bytes, itemsize: int) -> Bytes:
        if self.form == SHUFFLED:
            content = np.ascontiguousarray(content.reshape(-1, itemsize).T).reshape(-1)
        if self.distance:
            differences = content.copy()
            differences[self.distance :] -= content[: -self.distance]
            content = differences
        return content

    def undo(self, content: Bytes, itemsize: int) -> Bytes:
        if self.distance:
            padded = np.zeros(-(-content.size // self.distance) * self.distance, np.uint8)
            padded[: content.size] = content
            columns = padded.reshape(-1, self.distance)
            content = np.cumsum(columns, 0, np.uint8).reshape(-1)[: content.size]
        if self.form == SHUFFLED:
            content = np.ascontiguousarray(content.reshape(itemsize, -1).T).reshape(-1)
        return content


def squeeze(pieces: Pieces, bits: Bytes | None, coder: Coder) -> bytes | None:
    """The data of a block, by one of some ways that is best for a sample; None if that says that
    nothing is gained.

    bits: one for each element, of which there are some, if they have two values.
    """
    if bits is not None:
        return bytes([_CODERS.index(coder), BITS, 0]) + _compress(bits.data, coder)
    elements = pieces.elements
    sample = _sample(elements)
    sizes = {
        way: len(zlib.compress(way.apply(sample, elements.itemsize).data, 1))
        for way in _ways(pieces)
    }
    way = min(sizes, key=lambda way: sizes[way])
    if sizes[way] > _HOPELESS * sample.size:
        return None
    head = bytes([_CODERS.index(coder), way.form, way.distance])
    return head + _compress(way.apply(elements.view(np.uint8), elements.itemsize).data, coder)


def is_bits(data: memoryview) -> bool:
    """Whether the content is one bit an element. Raises ArchiveError unless the data begin as they
    must.
    """
    if len(data) < _HEAD or data[0] >= len(_CODERS) or data[1] > BITS:
        raise ArchiveError("its compression is none that there is: it needs a newer bitsback")
    return data[1] == BITS


def unsqueeze(data: memoryview, size: int, itemsize: int) -> Bytes:
    """The content, of `size` bytes. Raises ArchiveError."""
    way = _Way(data[1], data[2])
    content = np.frombuffer(_decompress(data[_HEAD:], _CODERS[data[0]], size), np.uint8)
    return way.undo(content, itemsize)


def _ways(pieces: Pieces) -> Iterator[_Way]:
    shape, itemsize = pieces.shapes[0][1], pieces.dtype.itemsize
    channels = shape[-1] if len(shape) > 2 and shape[-1] <= 4 else 1
    yield _Way(PLAIN, 0)
    yield _Way(PLAIN, channels * itemsize)
    row = math.prod(shape[1:]) * itemsize
    if channels * itemsize < row < 256:
        yield _Way(PLAIN, row)
    if itemsize > 1:
        yield _Way(SHUFFLED, 0)
        yield _Way(SHUFFLED, channels)


def _sample(elements: NDArray[Any]) -> Bytes:
    """The bytes of some elements from the beginning, the middle and the end."""
    if elements.size <= 3 * _SAMPLE:
        return elements.view(np.uint8)
    middle = (elements.size - _SAMPLE) // 2
    parts = [elements[:_SAMPLE], elements[middle : middle + _SAMPLE], elements[-_SAMPLE:]]
    return np.concatenate(parts, dtype=elements.dtype).view(np.uint8)


def _compress(content: memoryview, coder: Coder) -> bytes:
    if coder == "deflate":
        packer = zlib.compressobj(6, zlib.DEFLATED, _RAW_DEFLATE, 9)
        return packer.compress(content) + packer.flush()
    dictionary = min(max(1 << len(content).bit_length(), _SMALLEST_DICTIONARY), _DICTIONARY)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "pb": 0, "dict_size": dictionary}]
    return lzma.compress(content, lzma.FORMAT_RAW, filters=filters)


def _decompress(data: memoryview, coder: Coder, size: int) -> bytes:
    """What the stream holds, which must be `size` bytes. No more of it is ever in memory."""
    try:
        if coder == "deflate":
            inflater = zlib.decompressobj(_RAW_DEFLATE)
            content = inflater.decompress(data, size + 1)
            whole = inflater.eof and not inflater.unused_data
        else:
            filters = [{"id": lzma.FILTER_LZMA2, "dict_size": _DICTIONARY}]
            unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
            content = unpacker.decompress(data, size + 1)
            whole = unpacker.eof and not unpacker.unused_data
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise ArchiveError(f"its compressed bytes are damaged: {error}") from None
    if len(content) != size or not whole:
        raise ArchiveError(f"its compressed bytes do not hold just the {size} that it should have")
    return content
