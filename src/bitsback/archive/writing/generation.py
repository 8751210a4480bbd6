"""Write a generation of an archive: sections, index and footer (docs/format.md, The file)."""

from __future__ import annotations

from collections.abc import Iterable

from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import HEAD, Cursor
from bitsback.io.output import Output


class Generation:
    """Writes sections and blocks to an output, and records their places. `finish` ends it."""

    def __init__(
        self, output: Output, sections: Iterable[Place] = (), blocks: Iterable[BlockInfo] = ()
    ) -> None:
        """sections, blocks: the valid ones of earlier generations."""
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
        """Writes complete sections other than blocks."""
        cursor = Cursor(sections)
        while cursor.at < len(sections):
            section = cursor.section()
            self._sections.append(Place(section[:1], self._output.size, len(section)))
            self._output.write(section)

    def add_block(self, section: bytes, first: int, items: int) -> None:
        """Writes a block. first: the number of its first tile. items: the number of its tiles."""
        place = self._output.size
        self.blocks.append(BlockInfo(len(self.blocks), first, items, place, len(section)))
        self._output.write(section)

    def finish(self) -> None:
        """Writes the index and the footer, after everything else was written to the disk."""
        index = Index(self._sections, self.blocks).pack()
        self._output.sync()
        self._output.write(index)
