"""The archive: arrays compressed into independent blocks, any item of which can be had alone
(docs/format.md).
"""

from bitsback.archive.array_bytes import decode, encode
from bitsback.archive.directory import BlockInfo
from bitsback.archive.extractor import decompress
from bitsback.archive.merging import merge
from bitsback.archive.reader import Archive, open
from bitsback.archive.summary import Compressed, Restored, Summary
from bitsback.archive.view import View
from bitsback.archive.writer import compress

__all__ = [
    "Archive",
    "BlockInfo",
    "Compressed",
    "Restored",
    "Summary",
    "View",
    "compress",
    "decode",
    "decompress",
    "encode",
    "merge",
    "open",
]
