"""Archives with parity are mended where bytes have changed, as the specification says."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
import zfec
from click.testing import CliRunner

import bitsback
from bitsback.cli.main import bitsback as command
from bitsback.format.layout import PARITY
from bitsback.format.parity import Window, share_of, windows_for
from bitsback.summary import Repaired
from in_memory import Pipe
from reference import archive as spec
from reference import parity

NOISE = np.random.default_rng(0).integers(0, 256, (90, 30, 20), np.uint8)
SECTOR = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An archive of some 54 kB, with parity."""
    bitsback.compress(NOISE, tmp_path / "x.bb", model="fast", block=10, parity=10)
    return tmp_path / "x.bb"


def test_an_archive_with_parity_is_read_as_before(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    bitsback.compress(NOISE, tmp_path / "without.bb", model="fast", block=10)
    assert data.startswith((tmp_path / "without.bb").read_bytes())
    for source in (path, Pipe(data)):
        assert (bitsback.decompress(source) == NOISE).all()
    assert (spec.decode(data) == NOISE).all()
    with bitsback.open(path) as archive:
        assert archive.verify() == []
    size = bitsback.add_parity(path, 20)
    assert path.stat().st_size == len(data) + size
    with bitsback.open(path) as archive:
        parts = [place for place in archive.reader.directory.sections if place.kind == PARITY]
        assert all(place.offset > len(data) for place in parts)
    assert (bitsback.decompress(Pipe(path.read_bytes())) == NOISE).all()


def test_parity_is_that_of_the_specification(tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    bitsback.compress(NOISE[:10], path, model="fast", parity=30)
    data = path.read_bytes()
    sections = [parity.read_parity(s.payload) for s in spec.read_sections(data) if s.kind == "p"]
    sums, *rows, again = sections
    assert sums == again and [row.part for row in rows] == [*range(1, sums.rows + 1)]
    parity.check_sums(sums, data, [row.content for row in rows])
    shards = parity.shards_of(sums, data)
    columns = len(shards) // sums.groups
    random = Random(0)
    for row in rows[:2]:
        group, at = random.randrange(sums.groups), random.randrange(sums.size)
        known = {column: shards[column * sums.groups + group][at] for column in range(columns)}
        number = columns + row.part - 1
        assert parity.value(known, number) == row.content[group * sums.size + at]


@pytest.mark.parametrize("shape", [(3, 2), (40, 5), (128, 128)])
def test_parity_is_that_of_zfec(shape: tuple[int, int]) -> None:
    known, rows = shape
    data = np.random.default_rng(1).bytes(known * 16)
    window = Window(0, len(data), 16, 1, rows)
    made = window.parity(lambda at, size: data[at : at + size])
    shards = [data[at : at + 16] for at in range(0, len(data), 16)]
    encoder = zfec.Encoder(known, known + rows)
    assert encoder.encode(shards, [*range(known, known + rows)]) == [row.tobytes() for row in made]


def test_damaged_sectors_and_lost_ends(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    other = tmp_path / "y.bb"

    def mended(damaged: bytes) -> Repaired:
        path.write_bytes(damaged)
        done = bitsback.repair(path, other, force=True)
        assert other.read_bytes() == data and bool(done) == (damaged != data)
        return done

    assert mended(data) == Repaired()
    parity_at = data.index(b"bb\x1a\n") + 4
    for at in range(0, len(data), 2500):
        zeros = bytes(len(data[at : at + SECTOR]))
        done = mended(data[:at] + zeros + data[at + SECTOR :])
        assert bool(done.shards) == (at < parity_at)
        assert (done.parity == "renewed") == (at + SECTOR > parity_at)
    random = Random(0)
    for _ in range(5):
        scratched = bytearray(data)
        for at in random.sample(range(len(data)), 4):
            scratched[at] ^= random.randint(1, 255)
        mended(bytes(scratched))
    assert mended(data[:-1]) == Repaired(footer=True)
    assert mended(data[: -SECTOR - 100]) == Repaired(parity="renewed")
    assert mended(data + b"more").tail == 4
    path.write_bytes(data[: SECTOR * 2] + bytes(SECTOR * 4) + data[SECTOR * 6 :])
    with pytest.raises(bitsback.ArchiveError, match=r"more than its parity.*--keep-going"):
        bitsback.repair(path)
    bitsback.compress(NOISE, path, model="fast", block=10, force=True)
    data = path.read_bytes()
    for at in (9, 5000):  # in `C`, and in a block
        path.write_bytes(data[:at] + b"??" + data[at + 2 :])
        with pytest.raises(bitsback.ArchiveError, match="no parity"):
            bitsback.repair(path)
    path.write_bytes(data + b"C")
    assert bitsback.repair(path).tail == 1 and path.read_bytes() == data
    (tmp_path / "none.bb").write_bytes(bytes(SECTOR))
    with pytest.raises(bitsback.ArchiveError, match="no bitsback archive"):
        bitsback.repair(tmp_path / "none.bb")


def test_lost_parity_is_told(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    with bitsback.open(path) as archive:
        sums, *rows, _ = [
            place for place in archive.reader.directory.sections if place.kind == PARITY
        ]
    bitsback.add(path, NOISE[:5], model="fast")
    damaged = bytearray(path.read_bytes())
    for row in rows:
        damaged[row.offset + 90] ^= 1
    path.write_bytes(damaged)
    run = CliRunner()
    assert "its parity is damaged" in run.invoke(command, ["repair", str(path)]).stderr
    path.write_bytes(data[: sums.end + 1])
    told = run.invoke(command, ["repair", str(path)]).stderr
    assert "its parity was made anew" in told or "its parity is lost" in told
    assert "no bytes" not in told
    assert (bitsback.decompress(path) == NOISE).all()


def test_several_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitsback.format.parity._WINDOW", 20_000)
    path = tmp_path / "x.bb"
    bitsback.compress(NOISE, path, model="fast", block=10, parity=30)
    data = path.read_bytes()
    assert (bitsback.decompress(path) == NOISE).all()
    for places in (
        (0, 21_000, 45_000),
        (19_000,),
        (50_000,),
        (len(data) - 3000,),
        (len(data) - 9,),
    ):
        damaged = bytearray(data)
        for at in places:
            damaged[at : at + 3000] = bytes(len(damaged[at : at + 3000]))
        path.write_bytes(damaged)
        bitsback.repair(path)
        assert path.read_bytes() == data


def test_what_is_added_behind_parity_gets_parity_too(path: Path) -> None:
    with bitsback.open(path) as archive:
        before = archive.info()
    bitsback.add(path, NOISE[:5], model="fast")
    with bitsback.open(path) as archive:
        after = archive.info()
    assert after["parity"] == pytest.approx(before["parity"], abs=1)
    assert before["parity_end"] < after["parity_end"] < after["bytes"]
    data, whole = path.read_bytes(), np.concatenate([NOISE, NOISE[:5]])
    with bitsback.open(path) as archive:
        parity_at = next(
            place.offset for place in archive.reader.directory.sections if place.kind == PARITY
        )
        last = archive.reader.blocks[-1].offset
    path.write_bytes(data[:9000] + bytes(SECTOR) + data[9000 + SECTOR :])
    assert bitsback.repair(path).shards > 0 and path.read_bytes() == data
    path.write_bytes(data[: parity_at + 50] + b"?" + data[parity_at + 51 :])
    assert bitsback.repair(path) == Repaired(parity="renewed") and path.read_bytes() == data
    assert (bitsback.decompress(path) == whole).all()
    path.write_bytes(data[:-20] + b"??" + data[-18:])
    assert bitsback.repair(path).parity == "renewed" and path.read_bytes() == data
    path.write_bytes(data[: last + 9] + b"??" + data[last + 11 :])
    assert bitsback.repair(path).shards > 0 and path.read_bytes() == data
    bitsback.add_parity(path, 10)
    with bitsback.open(path) as archive:
        assert len(archive.reader.parity) == 1, "older parity is not used any more"


def test_an_archive_that_holds_another_one(path: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path.rename(tmp_path / "in" / "x.bb")
    whole = tmp_path / "whole.bb"
    bitsback.compress(tmp_path / "in", whole, parity=5)
    data = whole.read_bytes()
    whole.write_bytes(data[:9000] + bytes(1000) + data[10000:])
    assert bitsback.repair(whole).shards > 0
    assert whole.read_bytes() == data


def test_the_commands(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:9000] + bytes(100) + data[9100:])
    run = CliRunner()
    failed = run.invoke(command, ["verify", "x.bb"])
    assert failed.exit_code == 2 and "x.bb: has parity; try 'bitsback repair'" in failed.stderr
    mended = run.invoke(command, ["repair", "x.bb"])
    assert mended.exit_code == 0 and "1 shard mended" in mended.stderr
    assert path.read_bytes() == data
    assert "no bytes had changed" in run.invoke(command, ["repair", "x.bb"]).stderr
    Path("y.bb").write_bytes(b"no archive" * 10)
    assert run.invoke(command, ["repair", "y.bb"]).stderr.startswith("bitsback: error: y.bb: ")
    added = run.invoke(command, ["add", "x.bb", "--parity", "3"])
    assert added.exit_code == 0 and "of parity added" in added.stderr
    assert run.invoke(command, ["add", "x.bb"]).exit_code == 2


def test_an_archive_that_embeds_its_models_keeps_its_parity(path: Path, tmp_path: Path) -> None:
    bitsback.embed(path, tmp_path / "y.bb")
    with bitsback.open(tmp_path / "y.bb") as archive:
        assert archive.info()["parity"] == pytest.approx(10, abs=1)
        assert archive.verify() == []


def test_the_share_of_parity_is_bounded() -> None:
    assert share_of([]) == 0
    assert share_of([Window(0, 10, 4, 1, 10**9)]) == 100


def test_windows_have_the_asked_size() -> None:
    for length in (20_000, 1_000_000, 50_000_000, 300_000_000):
        for percent in (1, 5, 50, 100):
            windows = windows_for(length, percent)
            assert sum(window.length for window in windows) == length
            size = sum(window.rows * window.groups * window.size for window in windows)
            assert percent / 100 * length * 0.99 <= size
            assert size <= max(percent / 100 * length * 1.3, 0.3 * length * (length < 100_000))
            assert all(window.columns + window.rows <= 256 for window in windows)
