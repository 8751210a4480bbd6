"""The undamaged files of a damaged archive are restored, and the others are named."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.format.index import BlockInfo
from bitsback.format.layout import MODEL, NAMES
from folders import save
from in_memory import pack

from .conftest import Run, files, noise

BLOCK = 3
packed = partial(pack, model="fast", tile=16, block=BLOCK)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Pictures of two modes, one that is cut into tiles, and files that are stored verbatim."""
    root = tmp_path / "in"
    for number in range(8):
        save(noise("L", seed=number), root / f"{number}.png")
        save(noise("RGB", seed=number), root / "colour" / f"{number}.bmp")
    save(np.add.outer(np.arange(70), np.arange(90)).astype(np.uint8), root / "large.pgm")
    for number in range(4):
        (root / f"{number}.csv").write_bytes(np.random.default_rng(number).bytes(1000 * number))
    return root


def blocks(data: bytes) -> list[BlockInfo]:
    with bitsback.open(data) as archive:
        return archive.reader.blocks


def damaged(data: bytes, block: BlockInfo) -> bytes:
    """The archive with one byte of a block changed."""
    at = block.offset + block.size // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def check_rescue(data: bytes, root: Path, out: Path) -> bitsback.summary.Restored:
    """Checks that every file is either restored unchanged or named."""
    summary = bitsback.decompress(data, out, keep_going=True)
    there = files(out)
    assert sorted([*there, *summary.lost]) == files(root)
    for name in there:
        if name.endswith(".png"):
            assert np.array_equal(np.asarray(Image.open(out / name)), Image.open(root / name))
        else:
            assert (out / name).read_bytes() == (root / name).read_bytes()
        assert (out / name).stat().st_mtime_ns == (root / name).stat().st_mtime_ns
    assert summary.shape == (len(there),)
    return summary


def test_each_block_damaged(mixed: Path, tmp_path: Path) -> None:
    data = packed(mixed)
    lost = set[str]()
    for block in blocks(data):
        broken = damaged(data, block)
        with pytest.raises(bitsback.ArchiveError, match=f"block {block.number} "):
            bitsback.decompress(broken, tmp_path / "none")
        summary = check_rescue(broken, mixed, tmp_path / f"out{block.number}")
        assert summary.lost and len(summary.problems) >= 1
        with bitsback.open(broken) as archive:
            problems = archive.verify()
            assert archive.lost(problems) == list(summary.lost)
            (_, error), *_ = problems
            assert summary.lost[0] in str(error), "verify names files"
        lost.update(summary.lost)
    assert lost == {name for name in files(mixed) if name != "0.csv"}, "one is empty"


def test_every_cut(mixed: Path, tmp_path: Path) -> None:
    """The names stand before the blocks, and with them what the files beside their pixels have."""
    data = packed(mixed)
    found = blocks(data)
    before = -1
    for number, block in enumerate(found[2:]):
        cut = data[: block.offset + 5]
        summary = check_rescue(cut, mixed, tmp_path / f"out{number}")
        assert summary.shape[0] >= before, "the more there is, the more comes back"
        before = summary.shape[0]
    assert before >= len(files(mixed)) - 4


def test_names_stand_before_the_blocks(mixed: Path) -> None:
    data = packed(mixed)
    with bitsback.open(data) as archive:
        kinds = [place.kind for place in archive.reader.directory.sections]
        assert kinds == [NAMES, b"F", b"E", b"H"]
        *before, digests = (place.offset for place in archive.reader.directory.sections)
        assert before == sorted(before) and before[-1] < archive.reader.blocks[0].offset < digests


def test_nothing_whole_is_an_error(tmp_path: Path) -> None:
    save(noise("L"), tmp_path / "in" / "a.png")
    data = packed(tmp_path / "in")
    for block in blocks(data):
        data = damaged(data, block)
    with pytest.raises(bitsback.ArchiveError, match="none of its files is undamaged"):
        bitsback.decompress(data, tmp_path / "out", keep_going=True)
    assert not (tmp_path / "out").exists()


def test_an_archive_without_damage(mixed: Path, tmp_path: Path) -> None:
    summary = check_rescue(packed(mixed), mixed, tmp_path / "out")
    assert summary.lost == summary.problems == ()


def test_lost_names(tmp_path: Path) -> None:
    """Pictures get numbers as names, in archive order, and have only their pixels."""
    for number in range(5):
        save(noise("L", seed=number), tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "a.csv").write_bytes(b"some text")
    broken = with_lost_names(packed(tmp_path / "in"))
    summary = bitsback.decompress(broken, tmp_path / "out", keep_going=True)
    assert any("checksum" in problem for problem in summary.problems)
    assert summary.lost == ("all 1 that are stored verbatim or copies, since their names are lost",)
    assert files(tmp_path / "out") == [f"{number}.png" for number in range(5)]
    for number in range(5):
        image = Image.open(tmp_path / "out" / f"{number}.png")
        assert np.array_equal(image, noise("L", seed=number))


def with_lost_names(data: bytes) -> bytes:
    with bitsback.open(data) as archive:
        (place,) = (place for place in archive.reader.directory.sections if place.kind == NAMES)
    return data[: place.offset + 8] + b"\xff" + data[place.offset + 9 :]


def test_lost_names_of_verbatim_files_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abcdef":
        (tmp_path / "in" / name).write_bytes(b"some text")
    broken = with_lost_names(packed(tmp_path / "in"))
    with pytest.raises(bitsback.ArchiveError, match="none of its files is undamaged"):
        bitsback.decompress(broken, tmp_path / "out", keep_going=True)


def test_a_set_that_is_cut_off(tmp_path: Path) -> None:
    """A set stores its names or classes at the end."""
    for number in range(9):
        save(noise("L", seed=number), tmp_path / "in" / f"{number}.png")
    data = pack(tmp_path / "in", block=BLOCK, unordered=True, keep_names=True)
    cut = data[: blocks(data)[2].offset + 3]
    summary = bitsback.decompress(cut, tmp_path / "out", keep_going=True)
    assert summary.lost == ("6:9",)
    assert files(tmp_path / "out") == [f"{number}.png" for number in range(6)]
    expected = {noise("L", seed=number).tobytes() for number in range(9)}
    for name in files(tmp_path / "out"):
        assert np.asarray(Image.open(tmp_path / "out" / name)).tobytes() in expected


def test_a_lost_model(tmp_path: Path) -> None:
    """The names before the model are read although the length of its section is damaged."""
    model = bitsback.load_model("mnist")
    for number in range(3):
        save(np.full((28, 28), number, np.uint8), tmp_path / "in" / f"{number}.png")
    file = io.BytesIO()
    bitsback.compress(tmp_path / "in", file, model=model, embed="always", block=1)
    data = bytearray(file.getvalue())
    with bitsback.open(bytes(data)) as archive:
        places = [place for place in archive.reader.directory.sections if place.kind == MODEL]
    for place in places:
        data[place.offset + 1] ^= 64
    summary = bitsback.decompress(bytes(data), tmp_path / "out", keep_going=True)
    assert files(tmp_path / "out") == ["0.png", "1.png", "2.png"], "the model ships"
    assert summary.lost == ()


def test_arrays_of_an_npz_file(tmp_path: Path) -> None:
    arrays = {"x": np.arange(2000).reshape(10, 200), "y": np.arange(10), "one": np.float64(3)}
    np.savez(tmp_path / "some.npz", **arrays)
    data = pack(tmp_path / "some.npz", block=4)
    second = next(block for block in blocks(data) if block.first == 3)
    broken = damaged(damaged(data, second), blocks(data)[-1])
    summary = bitsback.decompress(broken, tmp_path / "out.npz", keep_going=True)
    assert summary.lost == ("x[3:6]", "one") and summary.shape == (2,)
    with np.load(tmp_path / "out.npz") as found:
        assert found.files == ["x", "y"]
        assert np.array_equal(found["x"], np.delete(arrays["x"], slice(3, 6), axis=0))
        assert np.array_equal(found["y"], arrays["y"])
    summary = bitsback.decompress(broken, tmp_path / "full.npz", keep_going=True, fill=-1)
    assert summary.lost == ("x[3:6]", "one")
    with np.load(tmp_path / "full.npz") as found:
        assert np.all(found["x"][3:6] == -1) and found["x"].dtype == arrays["x"].dtype
        assert np.array_equal(found["x"][6:], arrays["x"][6:]) and found["one"] == -1


def test_the_commands(mixed: Path, tmp_path: Path, run: Run) -> None:
    data = packed(mixed)
    broken = damaged(data, blocks(data)[-1])
    Path("x.bb").write_bytes(broken)
    with bitsback.open(broken) as archive:
        lost = archive.lost(archive.verify())
    verified = run("verify", "x.bb")
    assert verified.exit_code == 2 and verified.stdout.splitlines() == lost
    assert lost[0] in verified.stderr
    assert json.loads(run("verify", "x.bb", "--json").stdout)["lost"] == lost
    assert run("decompress", "x.bb", "-o", "none").exit_code == 2
    assert not Path("none").exists()
    result = run("decompress", "x.bb", "-o", "out", "--keep-going")
    assert result.exit_code == 2 and result.stdout.splitlines() == lost
    assert "checksum" in result.stderr and "the lost items are listed" in result.stderr
    assert sorted([*files(Path("out")), *lost]) == files(mixed)
    Path("whole.bb").write_bytes(data)
    assert run("decompress", "whole.bb", "-o", "all", "--keep-going").exit_code == 0
    for wrong in (
        ["--fill", "0"],
        ["--keep-going", "--rm"],
        ["--keep-going", "-o", "-"],
        ["--keep-going", "--fill", "0"],
    ):
        assert run("decompress", "x.bb", "-f", *wrong).exit_code == 2
