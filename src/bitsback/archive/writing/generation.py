"""Write a generation of an archive: its sections, its index and its footer (docs/format.md, The
file).
"""

from __future__ import annotations

from collections.abc import Iterable

from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import HEAD, Cursor
from bitsback.io.output import Output


class Generation:
    """Writes sections and blocks to an output, and remembers where they are. `finish` ends it."""

    def __init__(
        self, output: Output, sections: Iterable[Place] = (), blocks: Iterable[BlockInfo] = ()
    ) -> None:
        """sections, blocks: those of earlier generations that still count, if there are any."""
        self._output = output
        self._sections, self.blocks = list(sections), list(blocks)
        self._earlier = len(self.blocks)
        if not output.size:
            output.write(HEAD)

    @property
    def own_blocks(self) -> list[tuple[int, int]]:
        """For each block of this generation its number of tiles and the size of its section."""
        return [(block.items, block.size) for block in self.blocks[self._earlier :]]

    def add(self, sections: bytes) -> None:
        """Writes whole sections that are no blocks."""
        cursor = Cursor(sections)
        while cursor.at < len(sections):
            section = cursor.section()
            self._sections.append(Place(section[:1], self._output.size, len(section)))
            self._output.write(section)

    def add_block(self, section: bytes, first: int, items: int) -> None:
        """Writes a block. first, items: the number of its first tile, and of its tiles."""
        place = self._output.size
        self.blocks.append(BlockInfo(len(self.blocks), first, items, place, len(section)))
        self._output.write(section)

    def finish(self) -> None:
        """Writes the index and the footer, once everything else is where it stays."""
        index = Index(self._sections, self.blocks).pack()
        self._output.sync()
        self._output.write(index)
