"""Puts the files of a folder that are slices of one series, of DICOM, one after the other, and
tells which have frames.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from bitsback.errors import InputError
from bitsback.files import formats
from bitsback.files.dicom import Slice
from bitsback.files.file_lists import Listing
from bitsback.io.file_io import open_regular
from bitsback.io.names import ending_of
from bitsback.io.remote.url import Url

FEWEST = 4
"""Slices of a series that is a part of its own, and frames of a file that is no single picture."""


class Sort(NamedTuple):
    """Pictures that make a part of their own: they are slices of a series, or have frames."""

    name: str = ""
    """Empty for those of no such part."""
    frames: int = 1
    """Frames of each picture, one below the other."""


def in_series(listing: Listing) -> tuple[Listing, dict[str, Sort]]:
    """The listing with the slices of a series in the order of their places, at the place of the
    first of them; and for each DICOM file that is coded the sort of its pixels. Those of remote
    files are not looked for.
    """
    found: dict[str, Slice] = {}
    for name in listing.names if not isinstance(listing.root, Url) else ():
        if ending_of(name) in formats.PICTURES | formats.OTHER_PICTURES:
            continue
        with suppress(OSError, InputError), open_regular(listing.path(name), True) as file:
            if formats.told_by_content(file.read(formats.START)):
                dicom = Slice.read(file)
                if dicom is not None:
                    found[name] = dicom
    series: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for name, slice in found.items():
        if slice.series:
            series[slice.kind, slice.series].append(name)
    sorts = {
        name: Sort(f"frames {slice.kind}", slice.frames) if slice.frames >= FEWEST else Sort()
        for name, slice in found.items()
    }
    for number, slices in enumerate(series.values()):
        if len(slices) >= FEWEST:
            for name in slices:
                sorts[name] = Sort(f"series {number}", found[name].frames)
    names: list[str] = []
    for name in listing.names:
        if not sorts.get(name, Sort()).name.startswith("series"):
            names.append(name)
        elif slices := series[found[name].kind, found[name].series]:
            names += sorted(slices, key=lambda name: found[name].place)
            slices.clear()
    return replace(listing, names=names), sorts
