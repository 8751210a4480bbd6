"""Malicious archives of files are refused, with nothing written, in little memory."""

from __future__ import annotations

import io
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
import bitsback.pillow
from bitsback.archive.files.stacked import arrays_in
from bitsback.coding.block import RAW
from bitsback.format.array_part import ArrayPart
from bitsback.format.layout import BLOCK, COLLECTION, HEAD, NAMES, section
from bitsback.format.parts import ARRAYS, FOLDER, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.format.unnamed import pack_unnamed
from bitsback.wire import varint
from folders import save
from packing import index_of

from .conftest import files, noise, warnings_of

BYTE = np.dtype("|u1")


def picture_parts(*counts: int, shape: tuple[int, ...] = (2, 2)) -> FileCollection:
    return FileCollection(
        FOLDER, tuple(ArrayPart.of_items("|u1", shape, count) for count in counts)
    )


def block(first: int, items: int, shape: tuple[int, ...] = (2, 2)) -> bytes:
    """The payload of a block of zeros."""
    return (
        varint(first)
        + pack_runs([Run(items, BYTE, shape, None)])
        + bytes([RAW])
        + bytes(items * int(np.prod(shape)))
    )


def archive(collection: bytes, names: bytes, *blocks: tuple[int, bytes]) -> bytes:
    """An archive of blocks, given as the items that the index lists and the payload."""
    packed = b"".join(section(BLOCK, payload) for _, payload in blocks)
    data = HEAD + collection + packed + names
    return data + index_of(data, [items for items, _ in blocks])


def name(text: bytes, start: int = 0, end: int = 0) -> bytes:
    return varint(start) + varint(end) + varint(len(text)) + text


def one_run(count: int) -> bytes:
    return varint(1) + varint(0) + varint(count)


def refuse(data: bytes, folder: Path, match: str = ".") -> None:
    """Checks that every way to restore or read the archive refuses it, in little memory."""
    (folder / "x.bb").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(bitsback.ArchiveError, match=match):
        bitsback.decompress(folder / "x.bb", folder / "out")
    with (
        pytest.raises(bitsback.ArchiveError, match=match),
        bitsback.open(folder / "x.bb") as opened,
    ):
        np.asarray(opened[0])
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert files(folder) == ["x.bb"]


def test_the_fine_one_is_fine(tmp_path: Path) -> None:
    names = section(NAMES, one_run(2), name(b"a.png"), name(b"b", 0, 4))
    (tmp_path / "x.bb").write_bytes(archive(picture_parts(2).pack(), names, (2, block(0, 2))))
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert files(tmp_path / "out") == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (one_run(2) + name(b"a") + name(b"../b"), "malicious"),
        (one_run(2) + name(b"a") + name(b"/etc/b"), "malicious"),
        (one_run(2) + name(b"a/.") + name(b"./b", 2), "malicious"),
        (one_run(2) + name(b"a") + name(b"b/.."), "malicious"),
        (one_run(2) + name(b"a") + name(b""), "malicious"),
        (one_run(2) + name(b"a") + name(b"b\0"), "malicious"),
        (one_run(2) + name(b"a") + name(b"", 1), "same name"),
        (one_run(2) + name(b"a.jpg") + name(b"a.jpg.png"), "restored as|same"),
        (one_run(2) + name(b"a") + name(b"\xff"), "UTF-8"),
        (one_run(2) + name(b"a") + name(b"b", 2), "damaged"),
        (one_run(2) + name(b"a") + name(b"b", 1, 1), "damaged"),
        (one_run(2) + name(b"a") + name(b"b", 1 << 60), "damaged"),
        (one_run(2) + name(b"x" * 1025) + name(b"b"), "damaged"),
        (one_run(2) + name(b"a") + varint(0) + varint(0) + varint(1 << 60), "damaged"),
        (one_run(2) + name(b"a"), "cut short"),
        (one_run(2) + name(b"a") + name(b"b") + b"x", "follows"),
        (one_run(1) + name(b"a"), "does not list all"),
        (one_run(1 << 60) + name(b"a"), "does not list all"),
        (varint(2) + varint(0) + varint(2) + varint(0) + varint(1), "does not list all"),
        (varint(2) + varint(0) + varint(2) + varint(1) + varint(1), "damaged"),
        (varint(2) + varint(0) + varint(2) + varint(0) + varint(0), "damaged"),
        (varint(1 << 60), "cut short"),
        (b"", "cut short"),
    ],
)
def test_names(tmp_path: Path, names: bytes, match: str) -> None:
    data = archive(picture_parts(2).pack(), section(NAMES, names), (2, block(0, 2)))
    if "restored as" in match:
        (tmp_path / "x.bb").write_bytes(data)
        with pytest.raises(bitsback.ArchiveError, match=match):
            bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
        assert files(tmp_path) == ["x.bb"]
    else:
        refuse(data, tmp_path, match)


def test_names_that_are_not_there(tmp_path: Path) -> None:
    refuse(
        archive(picture_parts(2).pack(), b"", (2, block(0, 2))),
        tmp_path,
        "names of its files are missing",
    )


def test_a_name_that_is_a_file_and_a_folder(tmp_path: Path) -> None:
    names = section(NAMES, one_run(2), name(b"a.png"), name(b"a.png/b.png"))
    (tmp_path / "x.bb").write_bytes(archive(picture_parts(2).pack(), names, (2, block(0, 2))))
    with pytest.raises(bitsback.ArchiveError, match=r"a\.png.*in a folder of that name"):
        bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert files(tmp_path) == ["x.bb"]


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        (varint(1 << 60), "too short"),
        (varint(0), "no files"),
        (varint(1) + ArrayPart.of_items("|u1", (2, 2), 0).pack_array(), "no pictures"),
        (varint(1) + ArrayPart.of_items("|u1", (0, 2), 2).pack_array(), "no pictures"),
        (varint(1) + ArrayPart.of_items(">f4", (2, 2), 2).pack_array(), "no pictures"),
        (varint(1) + ArrayPart.of_items("|u1", (2, 2, 257), 2).pack_array(), "no pictures"),
        (varint(1) + ArrayPart(BYTE, (2, 2, 2), 0).pack_array(), "no pictures|have 1 items"),
        (
            varint(1) + ArrayPart.of_items("|u1", (2, 2), 1 << 57).pack_array(),
            "have 144115188075855872 items",
        ),
        (varint(1) + ArrayPart.of_items("|u1", (2, 2), 1 << 62).pack_array(), "memory"),
        (varint(1) + ArrayPart.of_items("|u1", (1 << 58, 1), 2).pack_array(), "too many"),
        (varint(2) + 2 * ArrayPart.of_items("|u1", (2, 2), 1).pack_array(), "does not list all"),
        (varint(1) + ArrayPart.of_items("|u1", (2, 2, 3), 2).pack_array(), "dtype and shape"),
        (varint(1) + ArrayPart.of_items("|u1", (2, 2), 2).pack_array() + b"x", "follows"),
    ],
)
def test_parts(tmp_path: Path, parts: bytes, match: str) -> None:
    names = section(NAMES, one_run(2), name(b"a") + name(b"b"))
    (tmp_path / "x.bb").write_bytes(
        archive(section(COLLECTION, bytes([0, 1, FOLDER]), parts), names, (2, block(0, 2)))
    )
    with pytest.raises(bitsback.ArchiveError, match=match):
        bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert files(tmp_path) == ["x.bb"]


def test_a_block_of_two_parts(tmp_path: Path) -> None:
    names = section(
        NAMES, varint(2) + varint(0) + varint(1) + varint(1) + varint(1) + name(b"a") + name(b"b")
    )
    refuse(
        archive(picture_parts(1, 1).pack(), names, (2, block(0, 2))), tmp_path, "ends with item 0"
    )


def test_features_kinds_and_containers_that_are_not_known(tmp_path: Path) -> None:
    for start in (b"\x40\1\0", b"\0\1\2", b"\0\5"):
        refuse(
            archive(section(COLLECTION, start, picture_parts(2).pack()[5:-4]), b""),
            tmp_path,
            "newer bitsback",
        )


def test_an_array_that_no_idx_file_can_hold(tmp_path: Path) -> None:
    for container in (2, 3):
        array = ArrayPart(np.dtype("<f2"), (0, 2), 1, container)
        (tmp_path / "x.bb").write_bytes(HEAD + array.pack() + index_of(HEAD + array.pack(), []))
        with pytest.raises(bitsback.ArchiveError, match="cannot come from an idx file"):
            bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
        assert files(tmp_path) == ["x.bb"]


def test_many_pictures_in_few_bytes(tmp_path: Path) -> None:
    for count in (1 << 20, 1 << 40, 1 << 60):
        collection = FileCollection(FOLDER, (ArrayPart.of_items("|b1", (1, 1), count),))
        payload = (
            varint(0)
            + pack_runs([Run(count, np.dtype(bool), (1, 1), (b"\0", b"\1"))])
            + b"\1"
            + bytes(50)
        )
        refuse(archive(collection.pack(), pack_unnamed(), (count, payload)), tmp_path)


def test_many_pictures_in_few_bytes_for_other_programs(tmp_path: Path) -> None:
    """They are opened, and nothing of them is listed."""
    count = 1 << 21
    collection = FileCollection(FOLDER, (ArrayPart.of_items("|b1", (1, 1), count),))
    run = Run(count, np.dtype(bool), (1, 1), (b"\0", b"\1"))
    payload = varint(0) + pack_runs([run]) + b"\1" + bytes(500)
    (tmp_path / "x.bb").write_bytes(archive(collection.pack(), pack_unnamed(), (count, payload)))
    tracemalloc.start()
    with bitsback.open(tmp_path / "x.bb") as opened:
        picture_parts = arrays_in(opened.reader)["pictures"]
        assert (picture_parts.shape, picture_parts.chunks) == (
            (count, 1, 1),
            ((count,), (1,), (1,)),
        )
        with pytest.raises(bitsback.ArchiveError):
            np.asarray(picture_parts[7])
    with pytest.raises(bitsback.ArchiveError):
        bitsback.pillow.BitsbackImageFile(tmp_path / "x.bb")
    with pytest.raises(bitsback.InputError, match="set without names"):
        bitsback.diff(tmp_path / "x.bb", tmp_path / "x.bb")
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


def test_arrays_without_elements_are_as_many_as_they_are(tmp_path: Path) -> None:
    collection = FileCollection(
        ARRAYS, (ArrayPart(BYTE, (1 << 58, 0), 1), ArrayPart(BYTE, (1 << 59, 0), 1))
    )
    blocks = [(1 << 58, block(0, 1 << 58, (0,))), (1 << 59, block(1 << 58, 1 << 59, (0,)))]
    names = section(NAMES, name(b"a"), name(b"b"))
    (tmp_path / "x.bb").write_bytes(archive(collection.pack(), names, *blocks))
    with bitsback.open(tmp_path / "x.bb") as opened:
        assert opened["b"].shape == (1 << 59, 0)
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["a"].shape == (1 << 58, 0)


def test_mutations_never_restore_anything_else(tmp_path: Path, digits: NDArray[np.bool_]) -> None:
    """A changed byte anywhere is an error or changes nothing, even with matching checksums."""
    for number in range(6):
        save(digits[number], tmp_path / "in" / f"{number}.png")
        save(noise("RGB", seed=number), tmp_path / "in" / "sub" / f"{number}.png")
    warnings_of(tmp_path / "in", tmp_path / "a.bb")
    data = (tmp_path / "a.bb").read_bytes()
    for place in random.Random(0).sample(range(len(data)), 150):
        mutated = bytearray(data)
        mutated[place] ^= 1 << place % 8
        with pytest.raises(bitsback.ArchiveError):
            bitsback.decompress(io.BytesIO(mutated), tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_mutated_names_with_a_checksum_that_matches(tmp_path: Path) -> None:
    """All restored files lie in the folder, and their number stays the same."""
    payload = one_run(3) + name(b"sub/a.png") + name(b"b", 4, 4) + name(b"c/d.tif", 4)
    start = picture_parts(3).pack()
    rng = random.Random(1)
    restored = 0
    for number in range(300):
        mutated = bytearray(payload)
        for _ in range(rng.randrange(1, 4)):
            mutated[rng.randrange(len(mutated))] = rng.choice(
                [rng.randrange(256), ord("."), ord("/"), 0, 1, 2, 255]
            )
        out = tmp_path / "deep" / "out"
        out.parent.mkdir(exist_ok=True)
        try:
            bitsback.decompress(
                io.BytesIO(archive(start, section(NAMES, mutated), (3, block(0, 3)))), out
            )
        except bitsback.BitsbackError:
            assert not out.exists(), number
            continue
        assert len(files(out)) == 3
        assert files(tmp_path) == [f"deep/out/{file}" for file in files(out)]
        out.rename(tmp_path / "deep" / "old")
        for path in sorted((tmp_path / "deep" / "old").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / "deep" / "old").rmdir()
        restored += 1
    assert 0 < restored < 300
