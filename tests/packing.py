"""The index of archives that tests put together from sections."""

from collections.abc import Iterable

from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import BLOCK, HEAD, Cursor


def index_of(archive: bytes, counts: Iterable[int]) -> bytes:
    """The `I` section and the footer of an archive of one generation that is whole but for them.
    counts: the number of tiles that each block is said to have.
    """
    cursor, left, tile = Cursor(archive, len(HEAD)), iter(counts), 0
    sections, blocks = list[Place](), list[BlockInfo]()
    while cursor.at < len(archive):
        at, section = cursor.at, cursor.section()
        if section[:1] == BLOCK:
            count = next(left)
            blocks.append(BlockInfo(len(blocks), tile, count, at, len(section)))
            tile += count
        else:
            sections.append(Place(section[:1], at, len(section)))
    return Index(sections, blocks).pack()
