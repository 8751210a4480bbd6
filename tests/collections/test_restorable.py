"""Everything that is compressed can be restored; `compress`, `verify` and `decompress` refuse the
same things.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import bitsback
from bitsback.format.layout import NAMES, section
from folders import save

from .conftest import files, noise, pixels, warnings_of
from .test_hostile import archive, block, name, one_run, picture_parts


def test_the_longest_names_come_back(tmp_path: Path) -> None:
    for long in ("n" * 251 + ".jpg", "m" * 251 + ".png"):
        save(noise("L"), tmp_path / "in" / long)
    warnings_of(tmp_path / "in", tmp_path / "a.bb")
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert files(tmp_path / "out") == ["m" * 251 + ".png", "n" * 251 + ".jpg"]


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (name(b"a.jpg") + name(b"a.jpg.png/b.png"), "in a folder of that name"),
        (name(b"x" * 252 + b".jpg") + name(b"b.png"), "255"),
        (name(b"a.jpg") + name(b"a.jpg.png"), "and so would"),
        (name(b"../a.jpg") + name(b"b.png"), "malicious"),
    ],
)
def test_verify_refuses_names_that_decompress_refuses(
    tmp_path: Path, names: bytes, match: str
) -> None:
    data = archive(picture_parts(2).pack(), section(NAMES, one_run(2) + names), (2, block(0, 2)))
    ((_, problem),) = bitsback.open(io.BytesIO(data)).verify()
    with pytest.raises(bitsback.ArchiveError, match=match) as caught:
        bitsback.decompress(io.BytesIO(data), tmp_path / "out")
    assert str(caught.value) == str(problem)
    assert files(tmp_path) == []


def test_pictures_that_cannot_all_be_restored_can_be_taken_one_by_one(tmp_path: Path) -> None:
    names = one_run(2) + name(b"a.jpg") + name(b"a.jpg.png/b.png")
    data = archive(picture_parts(2).pack(), section(NAMES, names), (2, block(0, 2)))
    with bitsback.open(io.BytesIO(data)) as opened:
        for number in range(2):
            opened.extract(number, tmp_path / str(number))
    assert files(tmp_path) == ["0/a.jpg.png", "1/a.jpg.png/b.png"]
    assert pixels(tmp_path / "0" / "a.jpg.png")[0] == "L"


def test_more_dimensions_than_an_archive_holds() -> None:
    with pytest.raises(bitsback.InputError, match="33 dimensions"):
        bitsback.compress(np.zeros((1,) * 33, np.uint8), io.BytesIO())
    out = io.BytesIO()
    bitsback.compress(np.zeros((1,) * 32, np.uint8), out)
    out.seek(0)
    assert bitsback.decompress(out).shape == (1,) * 32


def test_many_long_names_that_are_much_alike(tmp_path: Path) -> None:
    """The writer shares no more prefixes than the reader accepts, and all names come back."""
    from bitsback.format.layout import open_section
    from bitsback.format.members import pack_files, unpack_files
    from bitsback.format.parts import FOLDER

    deep = "/".join(["folder" * 20] * 8)
    expected = [f"{deep}/{number:05}.png" for number in range(3000)]
    data = pack_files(FOLDER, [(0, 3000)], expected)
    assert unpack_files(open_section(data, NAMES), picture_parts(3000)).names == expected


def test_names_that_claim_far_more_than_their_bytes() -> None:
    names = (
        one_run(9000)
        + name(b"x" * 1000)
        + b"".join(name(b"%04d" % number, 996) for number in range(8999))
    )
    data = archive(picture_parts(9000).pack(), section(NAMES, names), (9000, block(0, 9000)))
    with pytest.raises(bitsback.ArchiveError, match="longer than any writer"):
        _ = bitsback.open(io.BytesIO(data)).names
