"""Put more items, or slices, behind an archive of an array (docs/format.md, container 4)."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from bitsback.archive.inputs.request import Input
from bitsback.archive.writing.continuing import Continued
from bitsback.archive.writing.generation import Generation
from bitsback.compress_options import CompressOptions
from bitsback.errors import InputError
from bitsback.format.array_part import ARRAY, ONE, ArrayPart
from bitsback.format.parts import JoinedArray


class LongerArray:
    """The array of an archive, with others behind it along its first axis."""

    def __init__(self, before: Continued) -> None:
        """Raises InputError if nothing can be put behind it."""
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
                f"{self.name}: comes back as an idx file, which is not changed; 'bitsback merge'"
                " makes an archive of a .npy file of this one and others"
            )
        _check_long(self.name, content.parts[0])

    def options(self, options: CompressOptions) -> CompressOptions:
        return options

    def extended(self, taken: Input) -> LongerArray:
        """The array with that of the input behind it. Raises InputError if it does not fit."""
        if taken.collection.kind is not None:
            raise InputError(f"{taken.name}: holds files, and {self.name} one array")
        (other,) = taken.collection.parts
        _check_long(taken.name, other)
        one = self.content.parts[0]
        for what, mine, its in (
            ("dtype", one.dtype.str, other.dtype.str),
            ("items of the shape", one.shape[1:], other.shape[1:]),
        ):
            if mine != its:
                raise InputError(
                    f"{taken.name}: has the {what} {its}, and {self.name} {mine}; arrays are"
                    " joined along their first axis"
                )
        parts = [part for part in (*self.content.parts, other) if part.entries]
        longer = copy(self)  # as a run that is made again starts with the same
        several = len(parts) > 1
        longer.content = JoinedArray(tuple(parts)) if several else replace(parts[0], features=0)
        return longer

    def begin(self) -> Generation:
        """Writes what describes the array."""
        archive = self.before.archive
        written = Generation(self.before.output, self.before.sections(), archive.blocks)
        written.add(self.content.pack())
        return written


def _check_long(name: str, part: ArrayPart) -> None:
    if not part.shape or (part.axes == ONE and not part.stack):
        raise InputError(
            f"{name}: its array is one picture, or one item, behind which no more can be put;"
            " compress such arrays together, along a first axis, or as files"
        )
