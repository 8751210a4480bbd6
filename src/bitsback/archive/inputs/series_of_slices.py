"""Find the DICOM files of a folder that are slices of one series, or have frames.

The slices of a series become neighbours in the listing.
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
"""The least number of slices of a separate series, and of frames of a file with frames."""


class Sort(NamedTuple):
    """A sort of pictures that form a separate part: slices of a series, or pictures with frames."""

    name: str = ""
    """The name of the sort; empty for all other pictures."""
    frames: int = 1
    """The number of frames of each picture, which are stacked vertically."""


def in_series(listing: Listing) -> tuple[Listing, dict[str, Sort]]:
    """The listing with the slices of each series in spatial order, and the sorts of DICOM files.

    The slices are listed in the place of the first one. Remote files are not examined.
    """
    found: dict[str, Slice] = {}
    for name in listing.names if not isinstance(listing.root, Url) else ():
        if ending_of(name) in formats.PICTURES | formats.OTHER_PICTURES:
            continue
        with suppress(OSError, InputError), open_regular(listing.path(name), True) as file:
            if formats.is_picture_by_content(file.read(formats.START)):
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
