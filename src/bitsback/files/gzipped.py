"""The codec of volumes and pictures in a gzip container, such as `.nii.gz`.

The file in the container is uncompressed. A file is restored byte for byte.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from bitsback.files import bitmap, dicom, volumes
from bitsback.files.bands import Bands
from bitsback.files.drawing import PictureCodec, Split
from bitsback.files.packed import Packed, Streams, around
from bitsback.io.file_io import FileContent, same_bytes
from bitsback.wire import Cursor

_BITMAP, _DICOM = (b"BM", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), b"DICM"


def _inside(file: BinaryIO, coded: bool) -> tuple[PictureCodec, io.BytesIO, Streams] | None:
    """The codec of the file in the container, that file, and the streams.

    coded: whether the tokens of the streams are needed.
    """
    found = Streams.find(FileContent(file), coded)
    if found is None:
        return None
    plaintext, streams = found
    codec: PictureCodec = volumes
    if plaintext[128:132] == _DICOM:
        codec = dicom
    elif plaintext.startswith(_BITMAP):
        codec = bitmap
    return codec, io.BytesIO(plaintext), streams


def samples(file: BinaryIO) -> Bands | None:
    found = _inside(file, False)
    return None if found is None else found[0].samples(found[1])


def split(file: BinaryIO, exact: bool) -> Split | None:
    found = _inside(file, True)
    inner = None if found is None else found[0].split(found[1], True)
    return None if found is None or inner is None else around(inner, found[2])


def refusal(file: BinaryIO) -> str:
    found = _inside(file, False)
    return "deflate that is damaged, or too large" if found is None else found[0].refusal(found[1])


def unpack(cursor: Cursor, kind: int) -> Packed:
    return Packed.unpack(cursor)


same = same_bytes
