"""Make the previews of the pictures of a folder (docs/format.md, `v`)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, features

from bitsback.errors import InputError
from bitsback.format.previews import Previews
from bitsback.images.file_io import name_of
from bitsback.images.file_lists import Listing
from bitsback.images.formats import OTHER_PICTURES, PICTURES
from bitsback.images.names import ending_of
from bitsback.images.picture_files import opened
from bitsback.images.pictures import reading_picture
from bitsback.reading.indexed import thumbnail
from bitsback.work import ordered_map

_SHARE = 0.01
"""Of the bytes of an archive, for all previews together."""
_LEAST = 256
"""The bytes that a preview may take in any case."""
_SECTION = 100_000
_FORMS = ((128, 60), (128, 40), (96, 40), (64, 40), (48, 30), (32, 20))
"""Rows or columns at most, and quality, from the best on."""
_SMALL = _FORMS[0][0]
_MOST_PIXELS = 1 << 26


def previews(
    listing: Listing, names: Sequence[str], first: int, archive_bytes: int, threads: int
) -> Iterator[Previews]:
    """Previews of the pictures among these files, some at a time. first: the number of the first
    file. archive_bytes: those of the archive without previews.
    """
    pictures = sum(ending_of(name) in PICTURES for name in names)
    most = max(int(archive_bytes * _SHARE) // max(pictures, 1), _LEAST)
    together = max(_SECTION // most, 1)
    made: list[bytes] = []
    for number, preview in enumerate(
        ordered_map(lambda name: _preview(listing, name, most), names, threads), first + 1
    ):
        made.append(preview)
        if len(made) == together or number == first + len(names):
            if any(made):
                yield Previews(number - len(made), made)
            made = []


def _preview(listing: Listing, name: str, most: int) -> bytes:
    """The preview of a file in at most so many bytes; nothing for one that is small or no picture,
    or that cannot be read.
    """
    if ending_of(name) not in PICTURES | OTHER_PICTURES:
        return b""
    path = listing.path(name)
    try:
        with reading_picture(name_of(path)), opened(path, True) as image:
            image.draft(None, (_SMALL, _SMALL))
            if max(image.size) <= _SMALL or image.width * image.height > _MOST_PIXELS:
                return b""
            shown = image.convert("RGBA") if image.mode in ("P", "CMYK", "YCbCr") else image
            small = thumbnail(np.asarray(shown), _SMALL)
    except InputError:
        return b""
    grey = shown.mode in ("1", "L", "I", "F", "I;16", "I;16B")
    small = small.convert("L" if grey else "RGBA")
    for side, quality in _FORMS:
        small.thumbnail((side, side))
        data = _encoded(small, quality)
        if len(data) <= most:
            return data
    return b""


def _encoded(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    if features.check("webp"):
        image.save(file, "WEBP", quality=quality, method=4)
    else:
        image.convert("L" if image.mode == "L" else "RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()
