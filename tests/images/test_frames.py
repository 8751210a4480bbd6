"""The program and the specification make the same rows of docs/format.md, A6.1, in all layouts."""

from __future__ import annotations

import numpy as np
import pytest

from bitsback.files.picture_files import file_of
from images.rows import Forged, Rows
from reference.container_metadata import restore


def _forged(dtype: str, channels: int, metadata: bytes) -> Forged:
    """channels: of four rows of pixels that the metadata do not describe."""
    pixels = np.arange(72).astype(dtype).reshape(4, -1, channels)
    return Forged(metadata, pixels[..., 0] if channels == 1 else pixels)


ROWS = Rows(
    "bin",
    forged={
        "an unknown layout": _forged("|u1", 1, b"\1\x80\1\0\4"),
        "colours of 4 bits": _forged("|u1", 3, b"\1\x10\1\0\4"),
        "planes of 1 bit": _forged("|u1", 3, b"\1\x70\1\0\x0c"),
        "two values and 4 bits": _forged("|b1", 1, b"\1\x10\1\0\4"),
        "planes with the rows of one": _forged("|u1", 3, b"\1\x40\1\0\4"),
        "too many rows": _forged("<u2", 1, b"\1\0\1\0\5"),
        "two segments with too few rows": _forged("<i2", 1, b"\1\x08\2\0\1\0\2"),
        "inverted floats": _forged("<f4", 1, b"\1\4\1\0\4"),
        "inverted 32 bits": _forged("<u4", 1, b"\1\4\1\0\4"),
        "signed bytes of 4 bits": _forged("|i1", 1, b"\1\x10\1\0\4"),
        "no bytes of a gap": _forged("|u1", 1, b"\1\0\1\3\4ab"),
    },
)


@pytest.mark.parametrize(
    "kind", ["|u1", "<u2", "<i2", "|i1", "<f4", "<i8", "colours", "deep colours"]
)
def test_the_specification_makes_the_same_file(kind: str) -> None:
    colours = (np.arange(60) * 7919).astype("<u2").reshape(4, 5, 3)
    colours = colours.astype("|u1") if kind in ("|u1", "colours") else colours
    pixels = colours if "colours" in kind else colours[..., 0].astype(kind)
    for layout in range(128):
        few = pixels
        if layout & 48:
            if kind != "|u1":
                continue
            few = pixels & np.uint8((1 << (8 >> (layout >> 4 & 3))) - 1)
        if layout & 64 and few.ndim == 2:
            continue
        if layout & 4 and few.dtype.itemsize > 2:
            continue
        planes = 3 if layout & 64 else 1
        metadata = bytes([1, layout, 2, 2, 3, 1, 4 * planes - 3]) + b"some bytes"
        assert file_of(few, metadata) == restore(few, metadata)
