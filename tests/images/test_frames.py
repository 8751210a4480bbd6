"""The program and the specification refuse frames that break a rule of docs/format.md, A6.1."""

from __future__ import annotations

import numpy as np
import pytest

from bitsback.files.picture_files import file_of
from broken_metadata import assert_both_refuse
from reference.container_metadata import restore

BAD: dict[str, tuple[str, int, bytes]] = {
    "of an unknown layout": ("|u1", 1, b"\1\x80\1\0\4"),
    "of colours of 4 bits": ("|u1", 3, b"\1\x10\1\0\4"),
    "of planes of 1 bit": ("|u1", 3, b"\1\x70\1\0\x0c"),
    "of two values and 4 bits": ("|b1", 1, b"\1\x10\1\0\4"),
    "of planes with the rows of one": ("|u1", 3, b"\1\x40\1\0\4"),
    "of too many rows": ("<u2", 1, b"\1\0\1\0\5"),
    "of two segments with too few rows": ("<i2", 1, b"\1\x08\2\0\1\0\2"),
    "of inverted floats": ("<f4", 1, b"\1\4\1\0\4"),
    "of inverted 32 bits": ("<u4", 1, b"\1\4\1\0\4"),
    "of signed bytes of 4 bits": ("|i1", 1, b"\1\x10\1\0\4"),
    "without the bytes of a gap": ("|u1", 1, b"\1\0\1\3\4ab"),
}
"""The dtype and the channels of four rows of pixels, and container metadata that is not theirs."""


@pytest.mark.parametrize("name", BAD)
def test_a_frame_that_breaks_a_rule_is_refused(name: str) -> None:
    dtype, channels, metadata = BAD[name]
    pixels = np.arange(72).astype(dtype).reshape(4, -1, channels)
    if channels == 1:
        pixels = pixels[..., 0]
    assert_both_refuse(pixels, metadata)


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
