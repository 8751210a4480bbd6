"""Raw LZMA2 streams (docs/format.md, The method fallback)."""

import lzma

from bitsback.errors import ArchiveError

_DICTIONARY = 1 << 23
_SMALLEST_DICTIONARY = 1 << 12


def compress(content: bytes | memoryview, **options: int) -> bytes:
    """A stream of the content. options: further options of LZMA's filter.

    The defaults are preset 6, and a dictionary as large as the content, up to 8 MiB.
    """
    dictionary = min(max(1 << len(content).bit_length(), _SMALLEST_DICTIONARY), _DICTIONARY)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": dictionary, **options}]
    return lzma.compress(content, lzma.FORMAT_RAW, filters=filters)


def decompress(data: bytes | memoryview, limit: int) -> tuple[bytes, bool]:
    """The first `limit` bytes of the content, and whether stream and data end there.

    No more bytes are decoded. Raises ArchiveError.
    """
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": _DICTIONARY}]
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    try:
        content = unpacker.decompress(data, limit)
    except lzma.LZMAError as error:
        raise ArchiveError(f"its compressed bytes are damaged: {error}") from None
    return content, unpacker.eof and not unpacker.unused_data
