"""Make the previews of the pictures of a folder (docs/format.md, `v`)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from bitsback.archive.arrays.indexed import thumbnail
from bitsback.errors import InputError
from bitsback.files.dicom import middle_frame
from bitsback.files.file_lists import Listing
from bitsback.files.formats import OTHER_PICTURES, PICTURES, START, is_picture_by_content
from bitsback.files.picture_files import opened
from bitsback.files.pictures import reading_picture
from bitsback.format.members import Files
from bitsback.format.previews import Previews
from bitsback.io.file_io import name_of, open_regular
from bitsback.io.names import ending_of
from bitsback.io.remote.url import Url
from bitsback.work import ordered_map

_SHARE = 0.01
"""The share of all previews in the bytes of an archive."""
_LEAST = 256
"""The bytes that each preview may always take."""
_SECTION = 100_000
_FORMS = ((128, 60), (128, 40), (96, 40), (64, 40), (48, 30), (32, 20))
"""Pairs (greatest number of rows or columns, quality), the best first."""
_SMALL = _FORMS[0][0]
_MOST_PIXELS = 1 << 26


def previews(
    listing: Listing, files: Files, first: int, archive_bytes: int, threads: int
) -> Iterator[Previews]:
    """Previews of the pictures among these files, in groups. Copies have none.

    first: the number of the first file. archive_bytes: the bytes of the archive without previews.
    """
    names = files.names
    wanted = {name for number, name in enumerate(names) if number not in files.row_originals}
    dicom = {name for name in wanted if _is_dicom(listing, name)}
    pictures = len(dicom) + sum(ending_of(name) in PICTURES for name in wanted)
    most = max(int(archive_bytes * _SHARE) // max(pictures, 1), _LEAST)
    together = max(_SECTION // most, 1)
    made: list[bytes] = []

    def preview_of(name: str) -> bytes:
        return _preview(listing, name, name in dicom, most) if name in wanted else b""

    for number, preview in enumerate(ordered_map(preview_of, names, threads), first + 1):
        made.append(preview)
        if len(made) == together or number == first + len(names):
            if any(made):
                yield Previews(number - len(made), made)
            made = []


def _preview(listing: Listing, name: str, is_dicom: bool, most: int) -> bytes:
    """The preview of a file, in at most `most` bytes.

    Empty for a small picture, and for a file that is no picture or cannot be read.
    """
    try:
        if ending_of(name) in PICTURES | OTHER_PICTURES:
            shown = _shown(listing.path(name))
        elif is_dicom:
            with open_regular(listing.path(name), True) as file:
                shown = middle_frame(file, _MOST_PIXELS)
        else:
            return b""
    except (InputError, OSError):
        return b""
    if shown is None or max(shown.shape[:2]) <= _SMALL:
        return b""
    small = thumbnail(shown, _SMALL).convert("L" if shown.ndim == 2 else "RGBA")
    for side, quality in _FORMS:
        small.thumbnail((side, side))
        data = _encoded(small, quality)
        if len(data) <= most:
            return data
    return b""


def _is_dicom(listing: Listing, name: str) -> bool:
    """Whether a file is a DICOM file by its content. Remote files are not read."""
    path = listing.path(name)
    if isinstance(path, Url) or ending_of(name) in PICTURES | OTHER_PICTURES:
        return False
    with suppress(OSError), open_regular(path, False) as file:
        return is_picture_by_content(file.read(START))
    return False


def _shown(path: Path | Url) -> NDArray[Any] | None:
    """A picture as Pillow shows it; None if it is small, or too large. Raises InputError."""
    with reading_picture(name_of(path)), opened(path, True) as image:
        image.draft(None, (_SMALL, _SMALL))
        if max(image.size) <= _SMALL or image.width * image.height > _MOST_PIXELS:
            return None
        shown = image.convert("RGBA") if image.mode in ("P", "CMYK", "YCbCr") else image
        return np.asarray(shown)


def _encoded(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    if features.check("webp"):
        image.save(file, "WEBP", quality=quality, method=4)
    else:
        image.convert("L" if image.mode == "L" else "RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()
