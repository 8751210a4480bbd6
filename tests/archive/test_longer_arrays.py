"""More items are put behind archives of arrays, without coding those before them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.format.layout import MODEL
from in_memory import Pipe
from reference import archive as spec

SMOOTH = np.add.outer(np.arange(9), np.add.outer(np.arange(20) * 2, np.arange(25))).astype("u1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    bitsback.compress(SMOOTH[:4], tmp_path / "x.bb", model="fast", stack=False, block=2)
    return tmp_path / "x.bb"


def test_items_and_slices(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    np.save(tmp_path / "more.npy", SMOOTH[4:7])
    summary = bitsback.add(path, tmp_path / "more.npy", model="fast", stack=True, tile=16)
    assert path.read_bytes().startswith(before)
    assert summary.bytes_out == path.stat().st_size - len(before)
    bitsback.add(path, SMOOTH[7:], model="fast", stack=False, parity=10)
    assert (bitsback.decompress(path) == SMOOTH).all()
    assert (spec.decode(path.read_bytes()) == SMOOTH).all()
    with bitsback.open(path) as archive:
        assert archive.verify() == [] and archive.shape == SMOOTH.shape
        assert (archive[3:8, 5] == SMOOTH[3:8, 5]).all()
    with pytest.raises(bitsback.ArchiveError, match="continued with other content; save it"):
        bitsback.decompress(Pipe(path.read_bytes()))
    merged = tmp_path / "merged.bb"
    bitsback.merge([path], merged)
    assert (bitsback.decompress(Pipe(merged.read_bytes())) == SMOOTH).all()
    damaged = path.read_bytes()[: len(before) + 40]
    path.write_bytes(damaged)
    bitsback.decompress(path, tmp_path / "out.npy", keep_going=True)
    assert (np.load(tmp_path / "out.npy") == SMOOTH[:4]).all()
    assert bitsback.repair(path).tail == 40 and path.read_bytes() == before


def test_what_is_whole_of_a_cut_addition_comes_back(path: Path, tmp_path: Path) -> None:
    bitsback.add(path, SMOOTH[4:], model="fast", stack=False, block=2)
    data, out = path.read_bytes(), tmp_path / "out.npy"
    with bitsback.open(path) as archive:
        (one, at), (two, last) = [
            (block.first, block.offset) for block in archive.reader.blocks[-2:]
        ]
    path.write_bytes(data[:-13])
    summary = bitsback.decompress(path, out, keep_going=True)
    assert (np.load(out) == SMOOTH).all() and summary.problems and not summary.lost
    assert bitsback.repair(path).index and path.read_bytes() == data
    path.write_bytes(data[:last])
    summary = bitsback.decompress(path, out, keep_going=True, force=True)
    assert (np.load(out) == SMOOTH[:two]).all() and summary.lost == (f"{two}:9",)
    path.write_bytes(data[: at + 9])
    bitsback.decompress(path, out, keep_going=True, fill=7, force=True)
    assert (np.load(out)[:one] == SMOOTH[:one]).all() and (np.load(out)[one:] == 7).all()


def test_a_model_in_the_archive_is_used_again(
    tiny: bitsback.Model, dots: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "x.bb"
    bitsback.compress(dots[:20], path, model=tiny)
    bitsback.add(path, dots[20:], model=tiny)
    with bitsback.open(path) as archive:
        assert [place.kind for place in archive.reader.directory.sections] == [MODEL]
        assert archive.info()["models"][0]["blocks"] == 2
        assert (np.asarray(archive) == dots).all()
    bitsback.compress(dots[:0], path, force=True)
    bitsback.add(path, dots)
    assert (bitsback.decompress(path) == dots).all()


def test_what_does_not_fit(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    for more, why in (
        (SMOOTH.astype("u2"), "dtype"),
        (SMOOTH[:, :5], "items of the shape"),
        (SMOOTH[0], "one picture"),
        (np.array(7, "u1"), "one picture or one item"),
    ):
        with pytest.raises(bitsback.InputError, match=why):
            bitsback.add(path, more)
    np.savez(tmp_path / "x.npz", a=SMOOTH)
    with pytest.raises(bitsback.InputError, match="contains files"):
        bitsback.add(path, tmp_path / "x.npz")
    assert path.read_bytes() == before
    other = tmp_path / "other.bb"
    bitsback.compress(SMOOTH[0], other)
    with pytest.raises(bitsback.InputError, match="one picture"):
        bitsback.add(other, SMOOTH)
    bitsback.compress(SMOOTH, other, unordered=True, force=True)
    with pytest.raises(bitsback.InputError, match="is a set"):
        bitsback.add(other, SMOOTH)
    bitsback.compress(tmp_path / "x.npz", other, force=True)
    with pytest.raises(bitsback.InputError, match="not made from a folder"):
        bitsback.add(other, SMOOTH)
