"""Puts the files of a folder that are slices of one series, of DICOM, one after the other."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace

from bitsback.errors import InputError
from bitsback.images import formats
from bitsback.images.dicom import series_of
from bitsback.images.file_io import open_regular
from bitsback.images.file_lists import Listing
from bitsback.images.names import ending_of
from bitsback.remote.url import Url

_FEWEST = 4
"""Slices of a series that is a part of its own."""


def in_series(listing: Listing) -> tuple[Listing, dict[str, str]]:
    """The listing with the slices of a series in the order of their places, at the place of the
    first of them; and for each DICOM file that is coded what its series is called here, empty if it
    has few slices. Those of remote files are not looked for.
    """
    found: dict[str, tuple[bytes, tuple[float, float]]] = {}
    for name in listing.names if not isinstance(listing.root, Url) else ():
        if ending_of(name) in formats.PICTURES | formats.OTHER_PICTURES:
            continue
        with suppress(OSError, InputError), open_regular(listing.path(name), True) as file:
            if formats.told_by_content(file.read(formats.START)):
                told = series_of(file)
                if told is not None:
                    found[name] = told
    series: dict[bytes, list[str]] = defaultdict(list)
    for name, (key, _) in found.items():
        if key:
            series[key].append(name)
    called = dict.fromkeys(found, "")
    for number, slices in enumerate(series.values()):
        if len(slices) >= _FEWEST:
            called |= dict.fromkeys(slices, f"series {number}")
    names: list[str] = []
    for name in listing.names:
        if not called.get(name):
            names.append(name)
        elif series[found[name][0]]:
            slices = series[found[name][0]]
            names += sorted(slices, key=lambda slice: found[slice][1])
            slices.clear()
    return replace(listing, names=names), called
