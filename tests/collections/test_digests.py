"""Digests bind the names of files to their content, through every change of an archive."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.archive.files import verifying
from bitsback.format.digests import Digests, Group, joined
from bitsback.format.layout import HASHES
from folders import save
from in_memory import pack
from packing import swapped
from reference import archive as spec
from reference.fields import ArchiveError as Refused

from .conftest import Run, files, noise

WRONG = "another content than its name had"
packed = partial(pack, model="fast")


def slope(number: int, shape: tuple[int, int] = (30, 40)) -> NDArray[np.uint8]:
    rows, columns = map(np.arange, shape)
    return (np.add.outer(rows, columns) * (number + 1) % 200).astype(np.uint8)


@pytest.fixture
def turns(tmp_path: Path) -> Path:
    """Pictures of one shape in two parts, whose names interleave, and other files."""
    root = tmp_path / "in"
    for number, name in enumerate(("0.png", "1.gif", "2.png", "3.gif")):
        save(slope(number), root / name)
    for number in range(3):
        (root / f"{number}.txt").write_bytes(b"text %d " % number * 30)
    return root


@pytest.mark.parametrize("pair", [("0.png", "2.png"), ("0.txt", "1.txt")])
def test_exchanged_names_are_found(turns: Path, tmp_path: Path, pair: tuple[str, str]) -> None:
    data = packed(turns)
    wrong = swapped(data, *pair)
    with pytest.raises(bitsback.ArchiveError, match=WRONG):
        bitsback.decompress(wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with bitsback.open(wrong) as archive:
        ((block, error),) = archive.verify()
        assert block is None and WRONG in str(error)
    with pytest.raises(Refused, match="digest of a group"):
        spec.decode_files(wrong)
    spec.decode_files(data)


def test_exchanged_metadata_is_found(turns: Path) -> None:
    """Pictures of the same pixels, with other container metadata."""
    for number in range(2):
        Image.fromarray(slope(0)).save(turns / f"{number}.bmp", dpi=(number + 1, 1))
    data = packed(turns)
    with bitsback.open(swapped(data, "0.bmp", "1.bmp")) as archive:
        assert [WRONG in str(error) for _, error in archive.verify()] == [True]


def test_verify_reports_what_no_block_tells(turns: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while files are made from undamaged blocks is not lost."""

    def fail(*_: Any) -> int:
        raise bitsback.ArchiveError("a file that cannot be made")

    with bitsback.open(packed(turns)) as archive:
        assert archive.verify() == []
        monkeypatch.setattr(verifying, "hand_over", fail)
        ((block, error),) = archive.verify()
        assert block is None and "cannot be made" in str(error)


def test_their_cost() -> None:
    """A digest for each 40,000 bytes, and no more, however small the files are."""
    from bitsback.format.digests import FileSums

    sums = FileSums()
    for number in range(10_000):
        sums.add_file()
        sums.add(number, number, 784)
    small, large = sums.groups(30_000), sums.groups(1_000_000)
    assert [group.files for group in small] == [10_000]
    assert 20 <= len(large) <= 25 and sum(group.files for group in large) == 10_000
    assert len(Digests(large).pack()) <= 1_000


def test_sums_of_groups() -> None:
    one = Digests([Group(2, b"\1" + bytes(31)), Group(1, b"")], [b"", bytes(32), b""])
    assert joined([(None, 2), (None, 1)]) is None
    both = joined([(one, 3), (None, 2)])
    assert both is not None
    assert [group.files for group in both.groups] == [2, 1, 2]
    assert both.files == [b"", bytes(32), b"", b"", b""]
    left = one.without({0, 2}, ["", "b", ""], lambda numbers: {0: 3, 2: 0})
    assert left.groups[0].digest == (2**256 - 2).to_bytes(32, "little")
    assert left.groups[1] == Group(1, bytes(32)), "no file is left in it"
    unknown = one.without({0}, ["", "b", "c"], lambda numbers: {})
    assert unknown.groups[0] == Group(2, b"")


def test_they_follow_every_change(turns: Path, tmp_path: Path) -> None:
    path, more = tmp_path / "x.bb", tmp_path / "more"
    path.write_bytes(packed(turns))
    save(slope(7), more / "0.png")
    (more / "0.txt").write_bytes(b"another text")
    bitsback.add(path, more, replace=True)
    bitsback.remove(path, ["1.gif", "1.txt"])
    bitsback.merge([path], tmp_path / "y.bb")
    for place in (path, tmp_path / "y.bb"):
        with bitsback.open(place) as archive:
            assert archive.verify() == []
            assert archive.reader.digests is not None
            assert all(group.digest for group in archive.reader.digests.groups)
        spec.decode_files(place.read_bytes())
    with bitsback.open(swapped((tmp_path / "y.bb").read_bytes(), "0.png", "2.png")) as archive:
        assert any(WRONG in str(error) for _, error in archive.verify())


def test_a_damaged_file_can_be_removed(turns: Path, tmp_path: Path) -> None:
    """Its group has no digest any more, since the sum of its files is unknown."""
    path = tmp_path / "x.bb"
    data = bytearray(packed(turns, block=1))
    with bitsback.open(bytes(data)) as archive:
        block, *_ = archive.reader.blocks_of([archive.names.index("1.gif")])
    data[block.offset + block.size - 6] ^= 1
    path.write_bytes(data)
    with bitsback.open(path) as archive:
        assert len(archive.verify()) == 1
    bitsback.remove(path, ["1.gif"])
    with bitsback.open(path) as archive:
        assert archive.verify() == [] and archive.reader.digests is not None
        assert [group.digest for group in archive.reader.digests.groups] == [b""]


def _dicom(array: NDArray[Any], path: Path) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[path.name])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    found.SOPClassUID = meta.MediaStorageSOPClassUID
    found.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    found.Rows, found.Columns = array.shape
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated = found.BitsStored = 8
    found.HighBit, found.PixelRepresentation = 7, 0
    found.PixelData = array.tobytes()
    found.save_as(path, enforce_file_format=True)


def _palette(array: NDArray[Any], path: Path) -> None:
    image = Image.fromarray(array)
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(path)


KINDS: dict[str, tuple[str, Callable[[NDArray[Any], Path], None]]] = {
    "grey": ("png", save), "palette": ("png", _palette), "gif": ("gif", save),
    "tiff": ("tif", save), "bmp": ("bmp", save), "dicom": ("dcm", _dicom),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["pixels", "exact"])
@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, repeat=2)))
def test_merged_files_of_two_kinds(tmp_path: Path, kinds: tuple[str, str], mode: Any) -> None:
    """Their parts may be joined only if the order of names stays that of items."""
    root = tmp_path / "in"
    root.mkdir()
    for number in range(5):
        ending, write = KINDS[kinds[number % 2]]
        write(slope(number), root / f"{number}.{ending}")
    path = tmp_path / "x.bb"
    path.write_bytes(packed(root, files=mode))
    bitsback.merge([path], tmp_path / "merged.bb")
    with bitsback.open(path) as archive:
        before = {name: archive.open(name).getvalue() for name in archive.names}
    with bitsback.open(tmp_path / "merged.bb") as archive:
        assert {name: archive.open(name).getvalue() for name in archive.names} == before
    gone = sorted(before)[1]
    bitsback.remove(path, [gone])
    bitsback.merge([path], tmp_path / "less.bb")
    with bitsback.open(tmp_path / "less.bb") as archive:
        less = {name: content for name, content in before.items() if name != gone}
        assert {name: archive.open(name).getvalue() for name in archive.names} == less


def test_merge_verifies(turns: Path, tmp_path: Path, run: Run) -> None:
    """An archive that a wrong program wrote is not merged into one that looks right."""
    path = tmp_path / "x.bb"
    path.write_bytes(swapped(packed(turns), "0.png", "2.png"))
    refused = run("merge", path, "-o", "y.bb")
    assert refused.exit_code == 2 and WRONG in refused.stderr
    assert "nothing was written" in refused.stderr and "y.bb" not in files(tmp_path)
    assert run("merge", path, "-o", "y.bb", "--no-verify").exit_code == 0
    save(noise("L"), tmp_path / "z" / "z.png")
    assert run("compress", "z", "-o", "z.bb").exit_code == 0
    assert run("merge", "z.bb", "-o", "w.bb").exit_code == 0
    with bitsback.open(tmp_path / "w.bb") as archive:
        assert archive.verify() == [] and any(
            p.kind == HASHES for p in archive.reader.directory.sections
        )
