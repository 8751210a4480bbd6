"""Bands of a page of a TIFF file that Pillow shows just as its samples are."""

from __future__ import annotations

from typing import Any, BinaryIO

from PIL import Image

from bitsback.images.bands.bands import Read
from bitsback.images.file_io import Reader
from bitsback.images.modes import MODES, array_of
from bitsback.images.tiff.structure import PageReader, pages_of

_ORIENTATION, _EXTRA_SAMPLES = 274, 338
_ASSOCIATED = 1


def shown_bands(image: Image.Image) -> Read | None:
    """Of the current frame of an open file; None if Pillow turns it, or takes its alpha or its
    palette into account, or it cannot be read so.
    """
    tags: Any = getattr(image, "tag_v2", {})
    extra = tags.get(_EXTRA_SAMPLES, ())
    if tags.get(_ORIENTATION, 1) != 1 or _ASSOCIATED in (extra if isinstance(extra, tuple) else ()):
        return None
    file: BinaryIO = getattr(image, "fp")  # noqa: B009 - as not all images have one
    pages, number = pages_of(file), image.tell()
    page = pages[number] if number < len(pages) else None
    mode = "I;16" if image.mode.startswith("I") else image.mode
    if page is None or page.palette or mode not in MODES:
        return None
    if (page.layout.dtype, page.layout.shape) != array_of(mode, image.size):
        return None
    return PageReader(Reader(file), page).bands
