"""Append items or slices to an archive of an array (docs/format.md, container 4)."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from bitsback.archive.inputs.request import Input
from bitsback.archive.writing.continuing import KEPT, Continued
from bitsback.archive.writing.generation import Generation
from bitsback.archive.writing.merge_content import check_extendable, check_joinable
from bitsback.compress_options import CompressOptions
from bitsback.errors import InputError
from bitsback.format.array_part import ARRAY
from bitsback.format.parts import JoinedArray


class LongerArray:
    """The array of an archive, with other arrays appended along its first axis."""

    def __init__(self, before: Continued) -> None:
        """Raises InputError if nothing can be appended to the archive."""
        self.before, archive = before, before.archive
        content = archive.array
        self.name, self.content = archive.name, content
        if archive.unordered:
            raise InputError(
                f"{self.name}: is a set (--unordered), whose items are coded together; compress"
                " them again"
            )
        if content.container != ARRAY:
            raise InputError(
                f"{self.name}: is restored as an idx file, which cannot be extended; 'bitsback"
                " merge' makes an archive of a .npy file of this one and others"
            )
        check_extendable(self.name, content.parts[0])

    def options(self, options: CompressOptions) -> CompressOptions:
        return options

    def extended(self, taken: Input) -> LongerArray:
        """The array with the input appended. Raises InputError if it does not fit."""
        if taken.collection.kind is not None:
            raise InputError(f"{taken.name}: contains files, and {self.name} one array")
        (other,) = taken.collection.parts
        check_joinable(taken.name, other, self.name, self.content.parts[0])
        parts = [part for part in (*self.content.parts, other) if part.entries]
        longer = copy(self)  # a second run starts with the unchanged array
        several = len(parts) > 1
        longer.content = JoinedArray(tuple(parts)) if several else replace(parts[0], features=0)
        return longer

    def begin(self) -> Generation:
        """Writes the section that describes the array."""
        archive = self.before.archive
        kept = archive.directory.places(*KEPT)
        written = Generation(self.before.output, kept, archive.blocks)
        written.add(self.content.pack())
        return written
