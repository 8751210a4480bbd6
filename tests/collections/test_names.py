"""Names that are dangerous or cannot be restored are refused or cause a warning."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitsback
from bitsback.errors import ArchiveError
from bitsback.files.formats import restored_name
from bitsback.format.array_part import ArrayPart
from bitsback.format.layout import NAMES, open_section
from bitsback.format.members import pack_files, unpack_files
from bitsback.format.parts import ARRAYS, FOLDER, FileCollection
from bitsback.io.names import fault, first_clash, printable, windows_fault
from folders import save

from .conftest import files, noise, restored

GREY = ArrayPart.of_items("|u1", (2, 2), 1)


@pytest.mark.parametrize(
    "name",
    [
        "", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "./a", "a\0b", "x" * 1025,
        "é" * 513, "\udcff.png", ".bitsback-0123456789ab.tmp", "a/.bitsback-0123456789ab.tmp/moves",
    ],
)  # fmt: skip
def test_names_that_no_collection_has(name: str) -> None:
    assert fault(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        "a", "a/b.png", "...", "a..b", "ü/ñ.png", "a\\b", "C:x", "-rf", " ", "x" * 1024,
        ".bitsback-0123456789a.tmp", ".bitsback-0123456789ab.tmp~", ".bitsback-0123456789aé.tmp",
    ],
)  # fmt: skip
def test_names_that_are_fine(name: str) -> None:
    assert fault(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "CON", "nul.png", "a/Com1.tif", "LPT9", "aux .x", "a.", "b /c.png", "a:b", "..\\x.png",
        "C:\\x", 'a"', "a?", "\x07",
    ],
)  # fmt: skip
def test_names_that_windows_cannot_have(name: str) -> None:
    assert windows_fault(name) is not None


def test_names_that_windows_can_have() -> None:
    for name in ("a.png", "console.png", "a/.b", "COM10", "x~1", "ü.png"):
        assert windows_fault(name) is None


def test_twins() -> None:
    assert first_clash(["a.png", "b.png"]) is None
    assert first_clash(["a.png", "b.png", "A.PNG"]) == "A.PNG"
    assert first_clash(["u\u0308.png", "\xfc.png"]) == "\xfc.png"
    assert first_clash(["a/b.png", "A/B.png"]) == "A/B.png"


def test_what_a_terminal_would_act_on_is_not_printed() -> None:
    assert printable("a\x1b[31m\n\udcffü") == "a\\x1b[31m\\n\\udcffü"


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("a.png", "RGBA", ("a.png", "PNG")),
        ("a.TIFF", "I;16", ("a.TIFF", "TIFF")),
        ("a.pgm", "RGB", ("a.pgm.png", "PNG")),
        ("a.pgm", "I;16", ("a.pgm", "PPM")),
        ("a.jpg", "L", ("a.jpg.png", "PNG")),
        ("a", "1", ("a.png", "PNG")),
        ("x.png/a", "1", ("x.png/a.png", "PNG")),
        (".png", "1", (".png.png", "PNG")),
    ],
)
def test_under_which_name_a_picture_comes_back(
    name: str, mode: str, expected: tuple[str, str]
) -> None:
    assert restored_name(name, mode) == expected


names = st.lists(
    st.text("ab/.é", min_size=1, max_size=12).filter(lambda name: fault(name) is None), unique=True
)


@given(names, st.data())
def test_names_and_order_round_trip(names: list[str], data: st.DataObject) -> None:
    parts = [data.draw(st.integers(0, 2)) for _ in names]
    counts = [parts.count(part) for part in range(3)]
    collection = FileCollection(
        FOLDER, tuple(ArrayPart.of_items("|u1", (2, 2), count) for count in counts)
    )
    runs = [(part, 1) for part in parts]
    files = unpack_files(open_section(pack_files(FOLDER, runs, names), NAMES), collection)
    assert files.names == names
    assert list(files.parts_in_order()) == parts
    order = [number for part in files.by_part() for number in part]
    assert sorted(order) == list(range(len(names)))
    assert [parts[number] for number in order] == sorted(parts)
    assert [files.place(number) for number in order] == [
        (part, entry) for part, count in enumerate(counts) for entry in range(count)
    ]
    assert all(files.number(name) == number for number, name in enumerate(names))
    arrays = FileCollection(ARRAYS, (GREY,) * len(names))
    assert unpack_files(open_section(pack_files(ARRAYS, [], names), NAMES), arrays).names == names


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
class TestOnLinux:
    def test_a_name_that_is_not_in_utf8(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        save(noise("L"), tmp_path / "x.png")
        os.rename(tmp_path / "x.png", os.fsencode(tmp_path / "in") + b"/\xff.png")  # noqa: PTH104
        with pytest.raises(
            bitsback.InputError, match=r"\\udcff\.png: its name is not in UTF-8; rename it"
        ):
            bitsback.compress(tmp_path / "in", tmp_path / "a.bb")

    def test_names_that_other_systems_cannot_have_are_told_and_kept(self, tmp_path: Path) -> None:
        for name in ("12:30.png", "NUL.png", "a.png", "A.png", "back\\slash.png", "new\nline.png"):
            save(noise("L"), tmp_path / "in" / name)
        out, warned = restored(tmp_path / "in", tmp_path)
        assert files(out) == files(tmp_path / "in")
        assert len(warned) == 2
        assert "only in case" in warned[0]
        assert warned[1].startswith("4 of the names cannot be restored on Windows")


def test_every_file_comes_back_under_its_own_name(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.jpg.png", "b.gif.png"):
        save(noise("RGB"), tmp_path / "in" / name)
    out, _ = restored(tmp_path / "in", tmp_path)
    assert files(out) == ["a.jpg", "a.jpg.png", "b.gif.png"]


def test_a_file_twice_and_folders_in_a_list(tmp_path: Path) -> None:
    save(noise("L"), tmp_path / "a.png")
    with pytest.raises(bitsback.InputError, match=r"a\.png: is given twice"):
        bitsback.compress([tmp_path / "a.png", tmp_path / "." / "a.png"], tmp_path / "a.bb")
    with pytest.raises(bitsback.InputError, match="one folder, or files"):
        bitsback.compress([tmp_path / "a.png", tmp_path], tmp_path / "a.bb")
    with pytest.raises(bitsback.InputError, match="no files"):
        bitsback.compress([], tmp_path / "a.bb")


def test_a_names_section_never_has_bad_names() -> None:
    collection = FileCollection(FOLDER, (ArrayPart.of_items("|u1", (2, 2), 2),))
    for bad in ("../x", "/x", "a//b", "x\0", ".bitsback-0123456789ab.tmp/moves"):
        with pytest.raises(ArchiveError, match="malicious"):
            unpack_files(open_section(pack_files(FOLDER, [(0, 2)], ["ok", bad]), NAMES), collection)
    with pytest.raises(ArchiveError, match="same name"):
        unpack_files(open_section(pack_files(FOLDER, [(0, 2)], ["ok", "ok"]), NAMES), collection)
