"""Picture files among other bytes, such as in ZIP files, and lossless JPEG streams (docs/format.md,
A5.20).

Only formats that every decoder can restore are coded, without libtiff.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError, InputError
from bitsback.files import formats, volumes
from bitsback.files.bitmap import Frame
from bitsback.files.data_sets import DataSet, Shuffled
from bitsback.files.drawing import ContainerMetadata, PictureCodec, pack
from bitsback.files.gif import Gif
from bitsback.files.jpeg_samples import JpegSamples, take_samples
from bitsback.files.picture_files import file_of, unpack
from bitsback.files.pictures import reading_picture
from bitsback.files.png.png_metadata import Png
from bitsback.files.tiff.segments import BY_ZLIB, OWN
from bitsback.files.tiff.tiff_metadata import Tiff
from bitsback.format.modes import mode_of

_SMALLEST, _MOST = 1 << 9, 1 << 25
"""The least size of a file in bytes, and the greatest number of its elements."""


def split(data: bytes, data_set: DataSet | None = None) -> tuple[NDArray[Any], bytes] | None:
    """The pixels and the container metadata of a file; None if it is no such picture.

    data_set: the data are elements of it.
    """
    if data_set is not None:
        taken = data_set.split(data)
        return taken if file(*taken) == data else None
    start = data[: formats.START]
    form = formats.picture_format(start)
    codec: PictureCodec = volumes
    if form is formats.JPEG:
        return _split_jpeg(data)
    if form is not None and form.codec is not None:
        codec = form.codec()
    elif not formats.NPY.starts(start):
        return None
    if len(data) < _SMALLEST:
        return None
    with suppress(InputError), reading_picture("a file"):
        found = codec.split(io.BytesIO(data), True)
        if found is None or not found.exact or found.pixels.size > _MOST:
            return None
        metadata = unpack(found.metadata)
        return (found.pixels.whole(), pack(metadata)) if _is_possible(metadata) else None
    return None


def _split_jpeg(data: bytes) -> tuple[NDArray[Any], bytes] | None:
    taken = take_samples(data)
    if taken is None or taken.samples.size > _MOST:
        return None
    wide = taken.samples.max() > np.iinfo(np.uint8).max
    return taken.pixels(np.dtype(np.uint16 if wide else np.uint8)), pack(taken.metadata)


def file(pixels: NDArray[Any], metadata: bytes) -> bytes:
    """The bytes of a file. Raises ArchiveError."""
    mode = mode_of(pixels.dtype, pixels.shape)
    if mode is None or not pixels.size or not _is_possible(unpack(metadata)):
        raise ArchiveError("a picture among bytes has a format that is not valid there")
    return file_of(pixels, metadata)


def _is_possible(metadata: ContainerMetadata) -> bool:
    if isinstance(metadata, Png):
        return metadata.exact
    if isinstance(metadata, Tiff):
        known = (*OWN, *BY_ZLIB)
        return metadata.exact and all(page.compression in known for _, page in metadata.pages)
    return isinstance(metadata, Frame | Gif | JpegSamples | Shuffled)
