"""Malicious blocks alone, with valid checksums."""

from __future__ import annotations

import pytest

import bitsback
from bitsback import _core
from bitsback.coding.block import MODEL

from .golden.make import BLOCKS, FOLDER


def signed(body: bytes) -> bytes:
    return body + _core.crc32c(body).to_bytes(4, "little")


@pytest.mark.parametrize("name", BLOCKS)
def test_a_changed_byte_never_gives_another_error(name: str) -> None:
    """A changed byte in a chain is always an error; without a digest, it may also give another
    array.
    """
    body = (FOLDER / f"{name}.block").read_bytes()[:-4]
    places = [*range(min(len(body), 24)), *range(24, len(body), 29)]
    for at in places:
        for change in (1, 0x80):
            changed = bytearray(body)
            changed[at] ^= change
            try:
                bitsback.decode(signed(bytes(changed)))
            except (bitsback.ArchiveError, bitsback.ModelError):
                continue
            assert at < 24 or name in ("floats", "noise", "number"), (at, change)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xbb\x07|u1\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", "larger than any"),
        (b"\xbb\x07|u1\x01\x80\x80\x80\x80\x10\x00\x00", "more than a block can have"),
        (b"\xbb\x07|u1\x21" + b"\x01" * 33 + b"\x00\x00", "33 dimensions are more than the 32"),
        (b"\xbb\x07|u1\x01\x01\x40\x00!", "its items have 2 axes, more than its array"),
        (b"\xbb\x07|u1\x06" + b"\x01" * 6 + b"\xa0\x00!", "its items have 5 axes"),
        (b"\xbb\x07|u1\x02\x01\x00\x03\x00!!!!", "no elements, and a method to code them"),
        (b"\xbb\x07|u1\x01\x01\x00\x01\x03\x04!", "a value map that its method does not use"),
        (b"\xbb\x07|u1\x01\x01\x07\x00!", "are not bytes, so they cannot contain streams"),
        (b"\xbb\x07|u1\x01\x01\x04\x00!", "the method 4: it needs a newer"),
        (
            b"\xbb\x07|u1\x01\x01\x05\x00\x00\x00\x01\x08\x00\x00\x01!",
            "its digits do not fit elements",
        ),
        (b"\xbb\x07|u1\x01\x01\x00\x05!", "a value map that its method does not use"),
        (b"\xbb\x07|u1\x01\x01\x00\x06!", "it lists values of uint8"),
        (b"\xbb\x07|u1\x01\x01\x00\x07!", "a value map of the kind 7"),
        (b"\xbb\x07|u1\x01\x01\x00\x04!", "its value map refers to a run without one"),
        (b"\xbb\x07|O8\x01\x01\x00\x00!", "dtype '|O8' is none"),
        (b"\xbb\x87|u1\x01\x01\x00\x00!", "flags are 8, which this bitsback does not know"),
        (b"\xbb\x17\x00\x00!", "it leaves out its dtype and shape"),
        (b"\xbb\x27|u1\x01\x01\x02\x00\x07!", "model number 7 of its array, and that names 0"),
        (b"\x89bb\r\n\x1a\n", "these bytes are not one, or its first byte is damaged"),
    ],
)
def test_what_no_writer_makes_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(bitsback.ArchiveError, match=message):
        bitsback.decode(signed(body))


@pytest.mark.parametrize(
    ("name", "levels"), [("mnist-binary", b"\x02\x00\x01"), ("universal", b"\x00")]
)
def test_few_bytes_cannot_claim_much(name: str, levels: bytes) -> None:
    prefix = bitsback.load_model(name).identity[:16]
    shape = b"\x03\x80\x80\x40\x1c\x1c"
    body = b"\xbb\x07|u1" + shape + bytes([2 << 5 | MODEL]) + levels + prefix + b"\x01\x01"
    with pytest.raises(bitsback.ArchiveError, match="it claims"):
        bitsback.decode(signed(body))
