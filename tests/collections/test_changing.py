"""Files are added to archives and removed from them, behind the footer and without coding anything
again.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

import bitsback
from bitsback.archive.arrays.part_source import PartSource
from bitsback.archive.files.block_numbers import block_numbers
from bitsback.archive.writing.continuing import continued
from bitsback.format.index import Index
from bitsback.format.layout import BLOCK, INDEX, Cursor
from bitsback.summary import Repaired
from bundled_models import spec_model
from folders import save
from reference import archive as spec
from reference.fields import ArchiveError as Refusal

from .conftest import Run, files, noise


def of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def there(path: Path, folder: Path, **options: bool) -> dict[str, bytes]:
    """The files of an archive, restored to a new folder."""
    bitsback.decompress(path, folder, **options)
    return of(folder)


def slope(number: int, shape: tuple[int, ...] = (20, 30)) -> np.ndarray:
    rows = np.add.outer(np.arange(shape[0]) * 3, np.arange(shape[1]) * number)
    return np.broadcast_to(rows.reshape(*rows.shape, *[1] * (len(shape) - 2)), shape).astype("u1")


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A folder of files of all kinds: pictures of several sizes and modes, in tiles, and others."""
    folder = tmp_path / "one"
    for number in range(6):
        save(slope(number), folder / "same" / f"{number}.pgm")
    save(slope(2, (40, 50, 3)), folder / "colour.ppm")
    save(noise("L", (9, 8)), folder / "noise.pgm")
    (folder / "a.txt").write_text("some words " * 30)
    (folder / "b.txt").write_text("others " * 30)
    (folder / "empty").touch()
    return folder


@pytest.fixture
def two(tmp_path: Path) -> Path:
    folder = tmp_path / "two"
    for number in range(2):
        save(slope(number + 9), folder / "more" / f"{number}.pgm")
    (folder / "c.txt").write_text("even more " * 30)
    os.utime(folder / "c.txt", ns=(0, 123_456_789_000))
    return folder


@pytest.fixture
def path(one: Path, tmp_path: Path) -> Path:
    bitsback.compress(one, tmp_path / "x.bb", model="fast", block=2, tile=16)
    return tmp_path / "x.bb"


def sections_of(data: bytes) -> list[tuple[bytes, int]]:
    """The kinds and the places of all sections, footers left out."""
    cursor, found = Cursor(data, 8), list[tuple[bytes, int]]()
    while cursor.at < len(data):
        found.append((data[cursor.at : cursor.at + 1], cursor.at))
        cursor.section()
        cursor.at += 12 * (found[-1][0] == INDEX)
    return found


def test_added_and_removed_files(path: Path, one: Path, two: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    summary = bitsback.add(path, two, model="fast")
    assert path.read_bytes().startswith(before)
    assert (summary.files, summary.bytes_out) == (3, path.stat().st_size - len(before))
    whole = of(one) | of(two)
    assert there(path, tmp_path / "all") == whole
    assert (tmp_path / "all" / "c.txt").stat().st_mtime_ns == 123_456_789_000
    gone = ["same/2.pgm", "a.txt", "more/1.pgm", "colour.ppm", "empty"]
    assert bitsback.remove(path, gone) == gone
    left = {name: data for name, data in whole.items() if name not in gone}
    assert there(path, tmp_path / "left") == left
    with bitsback.open(path) as archive:
        assert archive.verify() == []
        assert sorted(archive.names) == sorted(left) and len(archive) == len(left)
        assert "a.txt" not in archive and archive.info()["removed"] == len(gone)
        for name, number in zip(archive.names, range(len(archive)), strict=True):
            picture = name.endswith(("pgm", "ppm"))
            data = np.asarray(archive[number]).tobytes() if picture else archive[name].read()
            assert left[name].endswith(data)
    found = spec.decode_files(path.read_bytes(), [spec_model("mnist")])
    assert [file.name for file in found] == [*archive.names]
    with pytest.raises(bitsback.InputError, match=r"there is no file 'a\.txt'"):
        bitsback.remove(path, ["a.txt"])


def test_a_merged_archive_has_only_the_needed_blocks(path: Path, two: Path, tmp_path: Path) -> None:
    bitsback.add(path, two, model="fast")
    with bitsback.open(path) as archive:
        pictures = [name for name in archive.names if name.startswith("same")]
        blocks = len(archive.reader.blocks)
    bitsback.remove(path, pictures)
    whole = there(path, tmp_path / "whole")
    other = tmp_path / "other.bb"
    bitsback.compress([two / "c.txt"], other, model="fast")
    bitsback.remove(path, ["c.txt"])
    bitsback.merge([path, other], tmp_path / "merged.bb")
    assert there(tmp_path / "merged.bb", tmp_path / "merged") == whole
    data = (tmp_path / "merged.bb").read_bytes()
    kinds = [kind for kind, _ in sections_of(data)]
    assert kinds.count(INDEX) == 1 and kinds.count(BLOCK) < blocks
    assert len(data) < path.stat().st_size
    assert len(spec.decode_files(data)) == len(whole)
    assert bitsback.open(data).verify() == []
    bitsback.embed(path, tmp_path / "embedded.bb")
    del whole["c.txt"]
    assert there(tmp_path / "embedded.bb", tmp_path / "again") == whole


def test_a_stack_of_which_slices_are_removed(tmp_path: Path) -> None:
    for number in range(8):
        save(slope(number) + np.uint8(number), tmp_path / "in" / f"{number}.png")
    path = tmp_path / "x.bb"
    bitsback.compress(tmp_path / "in", path, model="fast", stack=True, tile=16, block=1)
    bitsback.remove(path, [f"{number}.png" for number in (0, 1, 2, 3, 4, 6)])
    with bitsback.open(path) as archive:
        assert archive.names == ["5.png", "7.png"] and archive.verify() == []
        assert (np.asarray(archive["5.png"]) == slope(5) + np.uint8(5)).all()
    bitsback.decompress(path, tmp_path / "out")
    assert files(tmp_path / "out") == ["5.png", "7.png"]
    assert [file.name for file in spec.decode_files(path.read_bytes())] == ["5.png", "7.png"]


def test_loaders_find_the_blocks_of_files_that_are_left(path: Path, two: Path) -> None:
    bitsback.add(path, two, model="fast")
    bitsback.remove(path, ["same/0.pgm", "same/3.pgm", "b.txt"])
    with bitsback.open(path) as archive:
        for number, block in enumerate(block_numbers(archive.reader)):
            source = archive.reader.file_source(number)
            if isinstance(source, PartSource):
                assert next(source.blocks()).number == block


def test_a_file_replaces_another(path: Path, two: Path, tmp_path: Path) -> None:
    (two / "a.txt").write_text("new")
    before = path.read_bytes()
    with pytest.raises(bitsback.InputError, match=r"has a file a\.txt already.*--replace"):
        bitsback.add(path, two, model="fast")
    assert path.read_bytes() == before
    bitsback.add(path, two, replace=True, model="fast")
    assert there(path, tmp_path / "out")["a.txt"] == b"new"
    with bitsback.open(path) as archive:
        assert archive.names.count("a.txt") == 1 and archive.verify() == []


def test_an_addition_that_is_cut_off_anywhere(path: Path, two: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    whole = there(path, tmp_path / "whole")
    bitsback.add(path, two, model="fast")
    after = path.read_bytes()
    places = [at for _, at in sections_of(after) if at >= len(before)]
    middles = [at + 5 for at in places]
    for end in sorted({len(before) + 1, *places, *middles, len(after) - 13} - {len(before)}):
        path.write_bytes(after[:end])
        with bitsback.open(path) as archive:
            assert "were not" not in str(archive.problems)
            assert f"{end - len(before)} bytes of an addition" in str(archive.problems[0])
            assert {n: content(archive, n) for n in archive.names} == {
                n: content(bitsback.open(before), n) for n in whole
            }
            assert "bitsback repair" in str(archive.verify()[0][1])
        with pytest.raises(bitsback.ArchiveError, match="not finished"):
            bitsback.decompress(path, tmp_path / "none")
        with pytest.warns(bitsback.InputWarning, match=r"followed its end were moved to .*tail-1$"):
            bitsback.add(path, two, model="fast")
        assert path.read_bytes() == after
        tail = path.with_name("x.bb.tail-1")
        assert tail.read_bytes() == after[len(before) : end]
        tail.unlink()


def test_what_is_whole_of_a_cut_addition_comes_back(path: Path, two: Path, tmp_path: Path) -> None:
    before, old = path.read_bytes(), there(path, tmp_path / "old")
    bitsback.add(path, two, model="fast")
    after, new = path.read_bytes(), of(two)
    found = []
    for number, (kind, at) in enumerate(sections_of(after)):
        for end in (at, at + 9):
            if end <= len(before):
                continue
            path.write_bytes(after[:end])
            out = tmp_path / f"out{number}-{end}"
            summary = bitsback.decompress(path, out, keep_going=True)
            restored = of(out)
            assert old.items() <= restored.items() <= (old | new).items()
            assert summary.problems
            if set(summary.lost) <= set(new):
                assert {*summary.lost} == {*new} - {*restored}
            else:  # before the names
                assert restored == old and "bytes behind its end were to add" in summary.lost[0]
            found.append(len(restored) - len(old))
            assert kind != INDEX or restored == old | new
    assert {*found} == {0, 1, 3}, found


def test_the_commands_tell_of_a_cut_addition(run: Run, path: Path, two: Path) -> None:
    run("add", path, two, "--fast")
    data = path.read_bytes()
    path.write_bytes(data[:-13])
    refused = run("decompress", path, "-o", "out")
    assert refused.exit_code == 2 and "'decompress --keep-going' restores" in refused.stderr
    rescued = run("decompress", path, "-o", "out", "--keep-going")
    assert (
        rescued.exit_code == 2 and not rescued.stdout and of(Path("out")).items() > of(two).items()
    )
    removed = run("remove", path, "a.txt")
    assert removed.exit_code == 0 and "x.bb.tail-1" in removed.stderr
    path.write_bytes(data[:-13])
    repaired = run("repair", path)
    assert "its index was written again" in repaired.stderr and path.read_bytes() == data
    last = data.rindex(b"bb\x1a\n", 0, -12) + 4
    path.write_bytes(data[: last + 60])
    run("verify", path)
    assert run("verify", path).stdout == "what the 60 bytes behind its end were to add\n"


def test_an_addition_behind_one_whose_index_is_lost(path: Path, two: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    bitsback.add(path, two / "more", model="fast")
    middle = len(path.read_bytes())
    bitsback.add(path, [two / "c.txt"], model="fast")
    data = bytearray(path.read_bytes())
    data[middle - 14] ^= 1
    for end, names in (
        (len(data) - 13, {"0.pgm", "1.pgm", "c.txt"}),
        (middle + 30, {"0.pgm", "1.pgm"}),
    ):
        path.write_bytes(data[:end])
        out = tmp_path / f"out{end}"
        summary = bitsback.decompress(path, out, keep_going=True)
        assert names == {*files(out)} - {*bitsback.open(before).names}
        assert bool(summary.lost) == (end < len(data) - 13)


def test_a_cut_addition_loses_no_older_version(path: Path, two: Path, tmp_path: Path) -> None:
    before, old = path.read_bytes(), there(path, tmp_path / "old")
    (two / "a.txt").write_bytes(os.urandom(3000))
    (two / "b.txt").write_text("new")
    bitsback.add(path, two, model="fast", replace=True)
    after, new = path.read_bytes(), of(two)
    ends = [at for _, at in sections_of(after) if at > len(before)]
    for number, end in enumerate(ends):
        path.write_bytes(after[:end])
        out = tmp_path / f"out{number}"
        summary = bitsback.decompress(path, out, keep_going=True)
        restored = of(out)
        for name, data in restored.items():
            assert data in (old.get(name), new.get(name))
        assert restored.keys() >= old.keys() and restored.items() >= {
            item for item in old.items() if item[0] not in new
        }
        kept = [name for name in ("a.txt", "b.txt") if restored[name] == old[name]]
        said = " ".join((*summary.problems, *summary.lost))
        assert "bytes behind its end" in said or all(
            f"{name}: of the file" in said for name in kept
        )
    assert restored == old | new
    assert (tmp_path / "out0" / "a.txt").stat().st_mtime_ns == (
        tmp_path / "old" / "a.txt"
    ).stat().st_mtime_ns
    path.write_bytes(after[:end])
    assert bitsback.repair(path).index and path.read_bytes() == after


def test_a_cut_removal_removes_nothing(path: Path, tmp_path: Path) -> None:
    before, old = path.read_bytes(), there(path, tmp_path / "old")
    bitsback.remove(path, ["a.txt", "same/2.pgm"])
    after = path.read_bytes()
    for end in range(len(before) + 1, len(after) - 12, 40):
        path.write_bytes(after[:end])
        bitsback.decompress(path, tmp_path / f"{end}", keep_going=True)
        assert of(tmp_path / f"{end}") == old


def test_a_cut_addition_is_completed(path: Path, two: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    bitsback.add(path, two, model="fast")
    after = path.read_bytes()
    index = next(at for kind, at in reversed(sections_of(after)) if kind == INDEX)
    for end in (index, index + 1, index + 5, len(after) - 13, len(after) - 20):
        path.write_bytes(after[:end])
        done = bitsback.repair(path)
        assert done == Repaired(index=True, footer=True) and done
        assert path.read_bytes() == after
    path.write_bytes(after[: index - 1])
    done = bitsback.repair(path)
    tail = path.with_name("x.bb.tail-1")
    assert done == Repaired(tail=index - 1 - len(before), tail_file=str(tail))
    assert path.read_bytes() == before and tail.read_bytes() == after[len(before) : index - 1]
    path.write_bytes(after[: index - 1])
    other = tmp_path / "other.bb"
    assert bitsback.repair(path, other).tail_file is None
    assert other.read_bytes() == before and path.read_bytes() == after[: index - 1]
    assert bitsback.repair(path).tail_file == str(path.with_name("x.bb.tail-2"))


def test_an_archive_without_its_index_is_completed(path: Path, two: Path) -> None:
    bitsback.remove(path, ["same/2.pgm"])
    bitsback.add(path, two, model="fast")
    bitsback.remove(path, ["a.txt"])
    data = path.read_bytes()
    first, *_, last = [at for kind, at in sections_of(data) if kind == INDEX]
    damaged = bytearray(data)
    damaged[last + 4] ^= 1
    for broken, whole in (
        (bytes(damaged), data),
        (data[: len(data) - 13], data),
        (data[: first + 3], None),
        (data[:first], None),
    ):
        path.write_bytes(broken)
        assert bitsback.repair(path) == Repaired(index=True, footer=True)
        assert whole is None or path.read_bytes() == whole
        with bitsback.open(path) as archive:
            assert archive.verify() == []


def test_bytes_behind_the_end(path: Path, run: Run) -> None:
    before = path.read_bytes()
    for junk in (b"junk", bytes(5000), before[-12:], b"C", b"junk" + before[-12:]):
        path.write_bytes(before + junk)
        with bitsback.open(path) as archive:
            assert f"{len(junk)} bytes" in str(archive.problems[0])
        result = run("repair", path)
        tail = path.with_name("x.bb.tail-1")
        moved = "1 byte" if len(junk) == 1 else f"{len(junk):,} bytes"
        assert f"{moved} that followed its end moved to {tail}" in result.stderr
        assert "no bytes" not in result.stderr
        assert path.read_bytes() == before and tail.read_bytes() == junk
        tail.unlink()


def test_only_the_footer_is_damaged(path: Path, one: Path, two: Path, tmp_path: Path) -> None:
    bitsback.add(path, two, model="fast")
    data, whole = path.read_bytes(), of(one) | of(two)
    for damaged in (data[:-12], data[:-1], data[:-2] + b"??", data[:-12] + bytes(12)):
        path.write_bytes(damaged)
        with bitsback.open(path) as archive:
            assert "its last bytes are cut off" in str(archive.problems[0])
            assert sorted(archive.names) == sorted(whole)
        with pytest.raises(bitsback.ArchiveError, match="its last bytes"):
            bitsback.add(path, two, model="fast")
        assert bitsback.repair(path) == Repaired(footer=True)
        assert path.read_bytes() == data
    path.write_bytes(data[:-1])
    assert there(path, tmp_path / "rescued", keep_going=True) == whole


def test_the_index_of_a_later_generation_is_damaged(path: Path, two: Path, tmp_path: Path) -> None:
    bitsback.add(path, two, model="fast")
    bitsback.remove(path, ["a.txt"])
    whole, data = there(path, tmp_path / "whole"), path.read_bytes()
    path.write_bytes(data[:-14] + bytes([data[-14] ^ 1]) + data[-13:])
    with bitsback.open(path) as archive:
        assert "cut off or damaged" in str(archive.problems[0])
    assert there(path, tmp_path / "rescued", keep_going=True) == whole


def content(archive: bitsback.Archive, name: str) -> bytes:
    view = archive[name]
    return view.read() if hasattr(view, "read") else np.asarray(view).tobytes()


def test_an_interrupted_addition_leaves_nothing(path: Path, two: Path) -> None:
    before = path.read_bytes()

    def interrupt(done: int, total: int) -> None:
        if path.stat().st_size > len(before):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bitsback.add(path, two, model="fast", progress=interrupt)
    assert path.read_bytes() == before
    path.write_bytes(before + b"C\5hello")
    (two / "a.txt").touch()
    with (
        pytest.warns(bitsback.InputWarning, match="7 bytes that followed"),
        pytest.raises(bitsback.InputError),
    ):
        bitsback.add(path, two, model="fast")
    assert path.read_bytes() == before


def test_hashes_and_labels_go_on(one: Path, two: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    bitsback.compress(one / "same", path, model="fast", hashes="sha256")
    bitsback.add(path, two, model="fast")
    bitsback.remove(path, ["0.pgm", "c.txt"])
    with bitsback.open(path) as archive:
        assert archive.hashes is not None and set(archive.hashes) == {*archive.names}
        assert archive.verify() == []
    classes = tmp_path / "in"
    for number in range(4):
        save(slope(number), classes / "ab"[number % 2] / f"{number}.png")
    bitsback.compress(classes, path, model="fast", labels="folders", force=True)
    bitsback.remove(path, ["a/0.png"])
    save(slope(7), tmp_path / "and" / "c" / "7.png")
    bitsback.add(path, tmp_path / "and", model="fast")
    with bitsback.open(path) as archive:
        assert archive.labels is not None and archive.labels.tolist() == [0, 1, 1, 2]
        assert archive.classes == ["a", "b", "c"]
        assert spec.decode_labels(path.read_bytes()) == ["a", "b", "b", "c"]


def test_what_cannot_be_changed(path: Path, one: Path, two: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.bb"
    bitsback.compress(np.arange(9), other)
    with pytest.raises(bitsback.InputError, match="was not made from a folder"):
        bitsback.remove(other, ["a"])
    for keep_names in (False, True):
        bitsback.compress(
            one, other, unordered=True, keep_names=keep_names, model="fast", force=True
        )
        with pytest.raises(bitsback.InputError, match="is a set of pictures"):
            bitsback.add(other, two)
    with bitsback.open(path) as archive:
        names = list(archive.names)
    with pytest.raises(bitsback.InputError, match="no file would be left"):
        bitsback.remove(path, names)
    (two / "empty").mkdir()
    (two / "empty" / "x").touch()
    before = path.read_bytes()
    with pytest.raises(bitsback.InputError, match=r"would be restored as the file"):
        bitsback.add(path, two, model="fast")
    with pytest.raises(bitsback.InputError, match="only files can be added"):
        bitsback.add(path, np.arange(9))
    with pytest.raises(bitsback.InputError, match="unordered"):
        bitsback.add(path, two, unordered=True)
    with pytest.raises(bitsback.InputError, match="at a URL cannot be changed"):
        bitsback.remove("https://example.org/x.bb", ["a"])
    damaged = bytearray(before)
    damaged[-20] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(bitsback.ArchiveError, match="cut off or damaged"):
        bitsback.add(path, two)
    assert path.read_bytes() == damaged


def test_the_commands(run: Run, path: Path, two: Path) -> None:
    added = run("add", path, two, "--fast", "--quiet")
    assert added.exit_code == 0 and not added.stderr
    assert run("add", path, two / "c.txt").exit_code == 2
    assert run("add", path, two / "c.txt", "--replace", "--json").exit_code == 0
    removed = run("remove", path, "same", "*.ppm")
    assert removed.exit_code == 0 and "7 files removed" in removed.stderr
    listed = run("list", path).stdout.split()
    assert sorted(listed) == sorted(
        ["a.txt", "b.txt", "empty", "noise.pgm", "more/0.pgm", "more/1.pgm", "c.txt"]
    )
    assert "7 files, 7 names, 8 removed" in run("info", path).stdout
    failed = run("remove", path, "b.tx")
    assert failed.exit_code == 2 and "did you mean 'b.txt'" in failed.stderr


def test_two_processes_cannot_change_an_archive_at_once(path: Path) -> None:
    with continued(path), pytest.raises(bitsback.InputError, match="by another process"):
        bitsback.remove(path, ["a.txt"])
    assert bitsback.remove(path, ["a.txt"]) == ["a.txt"]


@pytest.mark.filterwarnings("ignore::bitsback.InputWarning")
def test_an_archive_at_a_url(path: Path, two: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    bitsback.add(path, two, model="fast")
    bitsback.remove(path, ["a.txt"])
    fsspec.filesystem("memory").pipe("/some/x.bb", path.read_bytes())
    with bitsback.open("memory://some/x.bb") as there, bitsback.open(path) as here:
        assert there.names == here.names and there.verify() == []
        assert content(there, "more/1.pgm") == content(here, "more/1.pgm")
    fsspec.filesystem("memory").rm("/some/x.bb")


def test_a_block_that_a_file_needs_is_missed(path: Path, tmp_path: Path) -> None:
    bitsback.remove(path, ["a.txt"])
    with bitsback.open(path) as archive:
        index = archive.reader.directory.index
    assert index is not None
    data = path.read_bytes()
    end = -12 - int.from_bytes(data[-12:-4], "little")
    for number in range(len(index.blocks)):
        left = [block for block in index.blocks if block.number != number]
        forged = data[:end] + Index(index.sections, left).pack()
        opened = bitsback.open(io.BytesIO(forged))
        assert any("is in no block" in str(error) for _, error in opened.verify())
        with pytest.raises(bitsback.ArchiveError, match="is in no block"):
            bitsback.decompress(io.BytesIO(forged), tmp_path / "out")
        with pytest.raises(Refusal):
            spec.decode_files(forged)
