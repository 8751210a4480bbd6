"""Merging archives keeps their content, and decodes nothing unless it verifies the result."""

from __future__ import annotations

import io
import itertools
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import bitsback
from bitsback.archive.arrays.stored import Stored
from bitsback.archive.files.block_numbers import block_numbers
from bitsback.coding import block_reader
from bitsback.io.open_folder import OpenFolder
from bitsback.io.output import Output
from bundled_models import spec_models
from folders import contents_of, save
from plane_models import only_one_shape
from reference import archive as spec
from reference.model import Model as SpecModel
from waiting import exit_code, forked

from .conftest import Run, files, noise, pixels, warnings_of


@pytest.fixture
def undecoded(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Makes decoding a block an error until undone."""
    monkeypatch.setattr(block_reader, "decode", None)
    return monkeypatch


def shard(folder: Path, content: Any, **options: Any) -> Path:
    """An archive of this data in the folder."""
    path = folder / f"{len(list(folder.glob('*.bb')))}.bb"
    warnings_of(content, path, **{"model": "fast", **options})
    return path


@given(
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=5),
    block=st.integers(1, 4),
    dtype=st.sampled_from(["|u1", "<i8", ">f4", "|b1"]),
    shape=st.sampled_from([(2, 5), (2, 1, 2, 3)]),  # others may be pictures
)
@settings(max_examples=25)
def test_the_array_is_that_of_all(
    lengths: list[int], block: int, dtype: str, shape: tuple[int, ...]
) -> None:
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 9, (length, *shape)).astype(dtype) for length in lengths]
    for number, array in enumerate(arrays):
        bitsback.compress(array, f"memory://{number}.bb", block=block, model="fast", stack=False)
    urls = [f"memory://{number}.bb" for number in range(len(arrays))]
    summary = bitsback.merge(urls, "memory://all.bb")
    whole = np.concatenate(arrays)
    with bitsback.open("memory://all.bb") as archive:
        assert archive.verify() == []
        assert (archive.shape, archive.dtype.str, len(archive.reader.blocks)) == (
            whole.shape,
            dtype,
            summary.blocks,
        )
    assert np.array_equal(bitsback.decompress("memory://all.bb"), whole)
    assert np.array_equal(spec.decode(memory.cat("/all.bb")), whole)
    assert summary.bytes_out == memory.size("/all.bb")


def test_blocks_of_models_are_copied(
    tmp_path: Path, digits: NDArray[np.bool_], undecoded: pytest.MonkeyPatch
) -> None:
    parts = [(digits[:20], 7, "mnist-binary"), (digits[20:25], 9, "mnist-binary-paper")]
    paths = [shard(tmp_path, array, block=block, model=model) for array, block, model in parts]
    bitsback.merge([*paths, paths[0]], tmp_path / "all.bb", verify=False)
    undecoded.undo()
    data = (tmp_path / "all.bb").read_bytes()
    expected = np.concatenate([digits[:25], digits[:20]])
    with bitsback.open(tmp_path / "all.bb") as archive:
        assert [block.items for block in archive.reader.blocks] == [6, 7, 7, 5, 6, 7, 7]
        assert archive.info()["methods"]["model"] == 7
        assert np.array_equal(archive[:], expected)
    models = [
        SpecModel.from_bytes(bitsback.load_model(name).to_bytes())
        for name in ("mnist-binary", "mnist-binary-paper")
    ]
    assert np.array_equal(spec.decode(data, models), expected)


def test_a_model_is_in_it_once(tmp_path: Path, digits: NDArray[np.bool_]) -> None:
    paths = [
        shard(tmp_path, digits[:9], model=model, embed="always")
        for model in ("mnist-binary", "mnist-binary-paper", "mnist-binary")
    ]
    sizes = []
    for path in paths:
        with bitsback.open(path) as archive:
            sizes.append(archive.info()["model_bytes"])
    bitsback.merge(paths, tmp_path / "all.bb")
    with bitsback.open(tmp_path / "all.bb") as archive:
        assert archive.info()["model_bytes"] == sizes[0] + sizes[1]
        assert archive.verify() == []
        assert np.array_equal(archive[:], np.concatenate([digits[:9]] * 3))


def test_folders_become_one(tmp_path: Path, undecoded: pytest.MonkeyPatch) -> None:
    only_one_shape(undecoded)  # pictures that a model codes have parts of their own
    kinds = list(itertools.product(["L", "RGB", "1", "I;16"], [(7, 5), (40, 30)], range(2)))
    paths = []
    for number in range(3):
        for place, (mode, size, again) in enumerate(kinds[number * 3 :]):
            array = noise(mode, size, seed=place)
            save(array, tmp_path / str(number) / f"{place % 2}" / f"{number}-{place}-{again}.png")
        paths.append(shard(tmp_path, tmp_path / str(number), block=2, tile=16, files="pixels"))
    summary = bitsback.merge(paths, tmp_path / "all.bb", verify=False)
    undecoded.undo()
    bitsback.decompress(tmp_path / "all.bb", tmp_path / "restored")
    expected = [name for number in range(3) for name in files(tmp_path / str(number))]
    assert files(tmp_path / "restored") == sorted(expected)
    assert summary.files == len(expected)
    for name in expected:
        mode, array = pixels(tmp_path / "restored" / name)
        assert (mode, array.tobytes()) == (
            pixels(tmp_path / name.split("/")[1][0] / name)[0],
            pixels(tmp_path / name.split("/")[1][0] / name)[1].tobytes(),
        )
    with bitsback.open(tmp_path / "all.bb") as archive:
        assert archive.names == expected, "one archive after the other"
        assert archive.verify() == []
        assert len(archive.info()["parts"]) == 4, "parts that are alike become one"
    assert len(spec.decode_files((tmp_path / "all.bb").read_bytes())) == len(expected)


def test_every_byte_of_folders_comes_back(tmp_path: Path, undecoded: pytest.MonkeyPatch) -> None:
    """Metadata, files that are stored verbatim, and times come back, also if some folders lack a
    kind.
    """
    undecoded.undo()
    contents = (("png", "jpg", "txt"), ("jpg",), ("png",), ("txt", "empty"), ("png", "bmp", "tif"))
    paths = []
    for number, kinds in enumerate(contents):
        folder = tmp_path / str(number) / f"of {number}"
        folder.mkdir(parents=True)
        for seed, kind in enumerate(kinds * 2):
            file = folder / f"{number}-{seed}.{kind}"
            text = f"{number} and {seed} " * (kind != "empty")
            if kind in ("txt", "empty"):
                file.write_text(text)
            else:
                about = PngInfo()
                about.add_text("Title", text)
                array = ramp(40 + number, 30, 3 * (seed % 2))
                Image.fromarray(array).save(file, pnginfo=about)
            os.utime(file, ns=(0, 10**18 + number * 10**9 + seed))
        paths.append(shard(tmp_path, folder.parent, block=2, tile=32))
    undecoded.setattr(block_reader, "decode", None)
    bitsback.merge([*paths[:2], *paths[2:]], tmp_path / "all.bb", verify=False)
    undecoded.undo()
    bitsback.merge(paths[:2], tmp_path / "two")
    bitsback.merge([tmp_path / "two", *paths[2:]], tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "all.bb").read_bytes()
    bitsback.decompress(tmp_path / "all.bb", tmp_path / "out")
    originals = {
        str(file.relative_to(tmp_path / file.relative_to(tmp_path).parts[0])): file
        for number in range(len(contents))
        for file in (tmp_path / str(number)).rglob("*.*")
    }
    assert files(tmp_path / "out") == sorted(originals)
    for name, file in originals.items():
        restored = tmp_path / "out" / name
        assert restored.read_bytes() == file.read_bytes()
        assert restored.stat().st_mtime_ns == file.stat().st_mtime_ns
    with bitsback.open(tmp_path / "all.bb") as archive:
        assert archive.verify() == []
        held = [name for name in archive.names if isinstance(archive[name], Stored)]
        assert any(name.endswith(".png") for name in {*archive.names} - {*held})
        assert any(name.endswith(".jpg") for name in held)
    found = spec.decode_files((tmp_path / "all.bb").read_bytes())
    assert [file.name for file in found] == archive.names
    for file in found:
        assert file.time == originals[file.name].stat().st_mtime_ns


def ramp(rows: int, columns: int, channels: int) -> NDArray[np.uint8]:
    plane = np.add.outer(np.arange(rows) * 3, np.arange(columns) * 2).astype(np.uint8)
    return np.stack([plane + n for n in range(channels)], -1) if channels else plane


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False


STACKS: list[tuple[int, dict[str, Any]]] = [
    (4, {}),
    (1, {}),
    (40, {"tile": 64, "block": 3}),
    (3, {"stack": False}),
    (2, {"stack": False}),
    (7, {}),
]
"""The number of slices, and the options of compression."""


@pytest.fixture
def stacks(tmp_path: Path) -> tuple[list[Path], NDArray[np.int16]]:
    """Archives of slices, of which some are stacks, cut in several ways, and the array of all."""
    depth = sum(count for count, _ in STACKS)
    steps = np.add.outer(np.arange(depth) * 2, np.add.outer(np.arange(90) ** 2, np.arange(70)))
    whole, paths, start = (steps % 1000).astype(np.int16), [], 0
    for count, options in STACKS:
        paths.append(shard(tmp_path, whole[start : start + count], **{"stack": True, **options}))
        start += count
    return paths, whole


def test_stacks_become_one_array(
    tmp_path: Path, stacks: tuple[list[Path], NDArray[np.int16]], undecoded: pytest.MonkeyPatch
) -> None:
    paths, whole = stacks
    summary = bitsback.merge(paths, tmp_path / "all", verify=False)
    undecoded.undo()
    assert summary.shape == whole.shape
    assert np.array_equal(bitsback.decompress(tmp_path / "all"), whole)
    assert np.array_equal(bitsback.decompress(Unseekable((tmp_path / "all").read_bytes())), whole)
    assert np.array_equal(spec.decode((tmp_path / "all").read_bytes()), whole)
    with bitsback.open(tmp_path / "all") as archive:
        assert (archive.shape, archive.dtype, archive.nbytes) == (
            whole.shape,
            whole.dtype,
            whole.nbytes,
        )
        assert archive.verify() == []
        assert sum(archive.chunks[0]) == len(whole) and archive.chunks[1:] == ((90,), (70,))
        assert np.array_equal(np.stack(list(archive)), whole)
        assert archive.info()["joined"] == 5, "items are one part with those before them"
        numbers = block_numbers(archive.reader)
        assert [*numbers[:6]] == [0, 0, 0, 0, 1, 2] and numbers[-1] == len(
            archive.reader.blocks
        ) - 1
    bitsback.merge([tmp_path / "all", paths[0]], tmp_path / "more")
    assert np.array_equal(
        bitsback.decompress(tmp_path / "more"), np.concatenate([whole, whole[:4]])
    )


@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_array_in_parts_is_indexed_like_any_other(
    tmp_path: Path, stacks: tuple[list[Path], NDArray[np.int16]], data: st.DataObject
) -> None:
    paths, whole = stacks
    bitsback.merge(paths, tmp_path / "all", force=True)
    places = st.integers(-len(whole), len(whole) - 1)
    key = data.draw(
        st.tuples(st.one_of(places, st.slices(len(whole)), st.lists(places)), st.slices(90))
    )
    with bitsback.open(tmp_path / "all") as archive:
        found = archive[key]
        assert found.dtype == whole.dtype and np.array_equal(found, whole[key])


def test_an_array_in_parts_is_compared_before_it_is_removed(
    run: Run, tmp_path: Path, stacks: tuple[list[Path], NDArray[np.int16]]
) -> None:
    paths, whole = stacks
    bitsback.merge(paths, tmp_path / "all.bb")
    result = run("decompress", "all.bb", "--rm")
    assert result.exit_code == 0, result.output
    assert np.array_equal(np.load("all.npy"), whole) and not Path("all.bb").exists()


def test_arrays_with_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "1.npz", a=np.arange(5), b=np.eye(3))
    np.savez(tmp_path / "2.npz", c=np.float32(4))
    paths = [shard(tmp_path, tmp_path / name) for name in ("1.npz", "2.npz")]
    bitsback.merge(paths, tmp_path / "npz")
    with bitsback.open(tmp_path / "npz") as archive:
        assert archive.names == ["a", "b", "c"] and archive["c"][...] == 4
        assert archive.verify() == []


ITEMS = np.arange(60.0).reshape(5, 3, 4)


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        (ITEMS.astype("f4"), {}, r"1\.bb: has the dtype <f4, and .*0\.bb <f8"),
        (ITEMS.astype(">f8"), {}, "has the dtype >f8"),
        (ITEMS[:, :2], {}, r"has the items of the shape \(2, 4\)"),
        ("a folder", {}, "contains files, and .* one array"),
    ],
)
def test_what_cannot_be_joined(
    tmp_path: Path, other: Any, options: dict[str, Any], message: str
) -> None:
    if isinstance(other, str):
        save(noise("L"), tmp_path / other / "x.png")
        other = tmp_path / other
    paths = [shard(tmp_path, ITEMS, stack=False), shard(tmp_path, other, **options)]
    with pytest.raises(bitsback.InputError, match=message):
        bitsback.merge(paths, tmp_path / "all.bb")
    assert not (tmp_path / "all.bb").exists()


def test_pictures_cannot_be_joined_and_other_tiles_can(tmp_path: Path) -> None:
    pictures = [shard(tmp_path, noise("L", (64, 64), seed)) for seed in range(2)]
    with pytest.raises(bitsback.InputError, match=r"0\.bb: its array is one picture"):
        bitsback.merge(pictures, tmp_path / "all.bb")
    bitsback.merge(pictures[:1], tmp_path / "one.bb")
    assert (tmp_path / "one.bb").read_bytes() == pictures[0].read_bytes()
    array = np.random.default_rng(0).integers(0, 256, (2, 60, 70, 3), np.uint8)
    paths = [shard(tmp_path, array, tile=tile, stack=False) for tile in (16, 32)]
    bitsback.merge(paths, tmp_path / "all.bb")
    assert np.array_equal(bitsback.decompress(tmp_path / "all.bb"), np.concatenate([array] * 2))


def test_names_that_clash(tmp_path: Path) -> None:
    for folder, name in (("a", "x/1.png"), ("b", "x/1.png"), ("c", "x"), ("d", "x/1.jpg")):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True)
        Image.fromarray(noise("L")).save(path, "JPEG" if name.endswith("jpg") else "PNG")
    (tmp_path / "c" / "x").rename(tmp_path / "c" / "x.png")
    a, b, d = (shard(tmp_path, tmp_path / name) for name in "abd")
    with pytest.raises(bitsback.InputError, match=r"x/1\.png: is in .*0\.bb and in .*1\.bb"):
        bitsback.merge([a, b], tmp_path / "all.bb")
    (tmp_path / "c" / "x").mkdir()
    (tmp_path / "c" / "x" / "1.png").write_text("stored verbatim")
    twice = shard(tmp_path, tmp_path / "c")
    with pytest.raises(bitsback.InputError, match=r"x/1\.png: is in .*1\.bb and in .*3\.bb"):
        bitsback.merge([b, twice], tmp_path / "all.bb")
    assert not (tmp_path / "all.bb").exists()
    bitsback.merge([a, d], tmp_path / "all.bb")
    with bitsback.open(tmp_path / "all.bb") as archive:
        assert archive.names == ["x/1.png", "x/1.jpg"]


def test_damage_is_an_error_that_names_the_archive(tmp_path: Path) -> None:
    paths = [shard(tmp_path, ITEMS, block=1) for _ in range(2)]
    data = bytearray(paths[1].read_bytes())
    with bitsback.open(paths[1]) as archive:
        block = archive.reader.blocks[3]
    for at, message in (
        (block.offset + block.size // 2, r"1\.bb: block 3 \(item 3\): its checksum"),
        (len(data) - 20, r"1\.bb: its end, with the index"),
    ):
        damaged = data.copy()
        damaged[at] ^= 1
        paths[1].write_bytes(damaged)
        with pytest.raises(bitsback.ArchiveError, match=message):
            bitsback.merge(paths, tmp_path / "all.bb")
    assert not (tmp_path / "all.bb").exists()


def test_the_command(run: Run, tmp_path: Path) -> None:
    for number in range(3):
        shard(tmp_path, ITEMS + number)
    result = run("merge", "0.bb", "1.bb", "2.bb", "-o", "all.bb")
    assert result.exit_code == 0 and "all.bb: 15 items in 3 blocks" in result.stderr
    assert np.array_equal(
        bitsback.decompress("all.bb"), np.concatenate([ITEMS, ITEMS + 1, ITEMS + 2])
    )
    for arguments, message in (
        (["0.bb", "1.bb", "-o", "all.bb"], "exists already"),
        (["0.bb", "1.bb", "-o", "1.bb", "--force"], "is one of the inputs too"),
        (["0.bb", "none.bb", "-o", "new.bb"], "none.bb: cannot be read"),
        (["memory://none-*.bb", "-o", "new.bb"], "there is no file of such a name"),
    ):
        result = run("merge", *arguments)
        assert result.exit_code == 2 and message in result.stderr


def test_patterns_of_urls_take_numbers_in_their_order() -> None:
    memory = fsspec.filesystem("memory")
    for number in (10, 9, 1):
        bitsback.compress(np.full((2, 3), float(number)), f"memory://parts/part-{number}.bb")
    bitsback.merge(["memory://parts/part-*.bb"], "memory://all.bb", force=True)
    assert list(bitsback.decompress("memory://all.bb")[:, 0]) == [1, 1, 9, 9, 10, 10]
    assert io.BytesIO(memory.cat("/all.bb")).getbuffer().nbytes == memory.size("/all.bb")


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("replacing", [False, True])
def test_a_kill_leaves_the_old_archive_or_the_new_one(tmp_path: Path, replacing: bool) -> None:
    """The process ends before each write, each use of a folder, and each wait for the disk."""
    shards = [tmp_path / "0.bb", tmp_path / "1.bb"]
    for number, shard in enumerate(shards):
        bitsback.compress(np.full((3, 4, 5), number, np.uint8), shard)
    bitsback.merge(shards, tmp_path / "new.bb")
    new = (tmp_path / "new.bb").read_bytes()
    out = tmp_path / "out" / "x.bb"
    out.parent.mkdir()

    def merge(last: int) -> bool:
        step = 0

        def before(real: Any) -> Any:
            def act(*arguments: Any, **options: Any) -> Any:
                nonlocal step
                step += 1
                if step == last:
                    os._exit(9)
                return real(*arguments, **options)

            return act

        for owner, name in ((Output, "write"), (OpenFolder, "place"), (os, "fsync")):
            setattr(owner, name, before(getattr(owner, name)))
        return bitsback.merge(shards, out, force=replacing) is not None

    killed = 0
    for last in itertools.count(1):
        out.unlink(missing_ok=True)
        if replacing:
            out.write_bytes(b"old")
        code = exit_code(forked(partial(merge, last)))
        found = out.read_bytes() if out.exists() else b""
        assert found == new or (code == 9 and found == b"old" * replacing)
        if code == 0:
            break
        killed += 1
    assert killed > 8 and files(out.parent) == ["x.bb"], "the next run removed what was left"


def parts_of(path: Path) -> list[bytes]:
    """The decoded bytes of each part of an archive, whether files need them or not."""
    with bitsback.open(path) as opened:
        archive, found = opened.reader, []
        for start, part in zip(archive.collection.starts, archive.collection.parts, strict=False):
            firsts = [block.first for block in archive.blocks]
            ours = [first for first in firsts if start <= first < start + part.tiles]
            tiles = (archive.blocks.decode_at(first)[1] for first in ours)
            found.append(b"".join(bytes(each.bytes) for each in tiles))
    return found


SECRET = b"the removed text 0123456789"


def with_secrets(folder: Path, kind: str) -> tuple[list[str], list[bytes]]:
    """Files in a folder: the names of some to remove, and bytes that they alone contain."""
    grey = np.add.outer(np.arange(20), np.arange(30)).astype(np.uint8)
    row = np.full(30, 201, np.uint8)
    for number in range(6):
        picture = (grey + 9 * number) % 200
        if number in (1, 4) and kind != "texts":
            picture[7] = row
        (folder / "in").mkdir(exist_ok=True)
        info = PngInfo()
        info.add_text("Comment", SECRET.decode() if number == 1 else "a comment")
        image = Image.fromarray(picture.astype(np.uint8))
        if kind == "texts":
            content = b"of line %d\n" % number * 90
            (folder / f"in/{number}.x").write_bytes(content + SECRET * (number in (1, 4)))
        elif kind == "two values":
            Image.fromarray(picture > 100).save(folder / f"in/{number}.x.png", pnginfo=info)
        else:
            image.save(folder / f"in/{number}.x.png", pnginfo=info)
    names = [name for name in files(folder / "in") if name[0] in "14"]
    return names, [SECRET] + [row.tobytes()] * (kind in ("pictures", "stack"))


@pytest.mark.parametrize("kind", ["texts", "pictures", "stack", "two values"])
def test_removed_files_are_erased(kind: str, tmp_path: Path) -> None:
    names, secrets = with_secrets(tmp_path, kind)
    path = tmp_path / "x.bb"
    bitsback.compress(tmp_path / "in", path, stack=kind == "stack", hashes="sha256")
    bitsback.remove(path, names)
    for secret in secrets:
        assert any(secret in part for part in parts_of(path)), "it survives the removal"
    summary = bitsback.merge([path], tmp_path / "y.bb")
    assert (summary.files, summary.items) == (4, 4)
    for secret in secrets:
        assert not any(secret in part for part in parts_of(tmp_path / "y.bb"))
    bitsback.decompress(tmp_path / "y.bb", tmp_path / "out")
    left = [name for name in files(tmp_path / "in") if name not in names]
    before = contents_of(tmp_path / "in")
    assert contents_of(tmp_path / "out") == {name: before[name] for name in left}
    data = (tmp_path / "y.bb").read_bytes()
    assert [file.name for file in spec.decode_files(data, spec_models(data))] == left
    bitsback.merge([tmp_path / "y.bb"], tmp_path / "z.bb")
    assert (tmp_path / "z.bb").read_bytes() == data, "nothing is erased twice"


def test_erasing_needs_the_model(
    tmp_path: Path, private: bitsback.Model, digits: NDArray[np.bool_]
) -> None:
    for number, digit in enumerate(digits[:6]):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(digit).save(tmp_path / f"in/{number}.png")
    for embed in ("always", "never"):
        path, merged = tmp_path / f"{embed}.bb", tmp_path / f"{embed}-merged.bb"
        bitsback.compress(tmp_path / "in", path, model=private, embed=embed)
        bitsback.remove(path, ["1.png"])
        if embed == "never":
            with pytest.raises(bitsback.ArchiveError, match=r"block \d+ .* files in it were rem"):
                bitsback.merge([path], merged)
            continue
        bitsback.merge([path], merged)
        with bitsback.open(merged) as archive:
            assert archive.info()["methods"]["model"] == 1
            assert np.array_equal(archive["2.png"], digits[2])


def test_parity_keeps_its_share(run: Run, tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{number}.bb") for number in range(3)]
    for path, parity in zip(paths, (None, 30, 10), strict=True):
        items = np.random.default_rng(0).integers(0, 256, (20, 40, 50), np.uint8)
        bitsback.compress(items, path, model="fast", parity=parity)
    assert run("merge", *paths, "-o", "all.bb").exit_code == 0
    assert re.search(r"parity +3[0-2](\.\d)? % of the first 1", run("info", "all.bb").stdout)
    with bitsback.open("all.bb") as archive:
        assert archive.info()["parity"] == pytest.approx(30, abs=2)
        assert archive.verify() == []
    data = Path("all.bb").read_bytes()
    Path("all.bb").write_bytes(data[:9000] + bytes(5000) + data[14_000:])
    assert bitsback.repair("all.bb").shards and Path("all.bb").read_bytes() == data
    with pytest.warns(bitsback.InputWarning, match="has no parity"):
        bitsback.merge(paths, io.BytesIO())
