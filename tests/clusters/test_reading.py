"""Archives as lazy arrays and bags, without a cluster."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.dask import from_archive, shard_places, to_archives


@pytest.fixture
def archive(tmp_path: Path, digits: NDArray[np.bool_]) -> Path:
    """An archive in blocks of thirty items."""
    path = tmp_path / "digits.bb"
    bitsback.compress(digits[:90], path, model="mnist-binary", block=30)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures of two sizes."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number in range(7):
        shape = (9, 11) if number % 3 else (6, 5, 3)
        place = folder / ("deep/er" if number % 2 else "deep") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(place)
    return folder


def same(lazy: Any, array: NDArray[Any]) -> bool:
    return np.array_equal(np.asarray(lazy), array)


def pixels(folder: Path) -> dict[str, NDArray[Any]]:
    return {
        path.relative_to(folder).as_posix(): np.asarray(Image.open(path))
        for path in folder.rglob("*.png")
    }


def same_pictures(bag: Any, folder: Path) -> bool:
    found, there = bag.compute(scheduler="sync"), pixels(folder)
    return len(found) == len(there) and all(same(array, there[name]) for name, array in found)


def test_a_chunk_is_a_block_and_only_its_own_is_decoded(
    archive: Path, digits: NDArray[np.bool_]
) -> None:
    array = from_archive(archive)
    assert array.chunks == ((30, 30, 30), (28,), (28,))
    assert array.dtype == bool
    data = bytearray(archive.read_bytes())
    with bitsback.open(archive) as opened:
        block = opened._blocks[1]
    data[block.offset + block.size // 2] ^= 1
    archive.write_bytes(data)
    assert same(array[:30], digits[:30])
    assert same(array[60:], digits[60:90])
    with pytest.raises(bitsback.ArchiveError, match=r"digits\.bb: block 1"):
        array[30].compute()


def test_several_archives_follow_one_another(
    archive: Path, tmp_path: Path, digits: NDArray[np.bool_]
) -> None:
    bitsback.compress(digits[90:100], tmp_path / "more.bb")
    array = from_archive([archive, tmp_path / "more.bb", archive])
    assert array.chunks[0] == (30, 30, 30, 10, 30, 30, 30)
    assert same(array, digits[[*range(100), *range(90)]])
    whole = from_archive([archive, tmp_path / "more.bb"], chunks="archive")
    assert whole.chunks[0] == (90, 10)
    assert same(whole, digits[:100])


def test_it_is_pickled_by_its_path_wherever_processes_are(
    archive: Path, monkeypatch: pytest.MonkeyPatch, digits: NDArray[np.bool_]
) -> None:
    monkeypatch.chdir(archive.parent)
    data = pickle.dumps(from_archive("digits.bb"))
    monkeypatch.chdir("/")
    assert len(data) < 10_000
    assert same(pickle.loads(data), digits[:90])


@pytest.mark.parametrize(
    "array",
    [
        np.arange(40, dtype="<u2"),
        np.random.default_rng(0).integers(0, 256, (70, 90), np.uint8),
        np.random.default_rng(0).integers(0, 256, (3, 70, 90, 3), np.uint8),
        np.zeros((0, 4, 4), np.float32),
        np.array(7, np.int64),
    ],
    ids=["numbers", "one-picture", "pictures", "empty", "one-number"],
)
def test_arrays_of_any_kind(array: NDArray[Any], tmp_path: Path) -> None:
    bitsback.compress(array, tmp_path / "x.bb", tile=32)
    lazy = from_archive(tmp_path / "x.bb")
    assert (lazy.shape, lazy.dtype) == (array.shape, array.dtype)
    assert same(lazy, array)


def test_archives_that_were_cut_in_other_ways_go_together(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    halves = [random.integers(0, 256, (2, 60, 60, 3), np.uint8) for _ in range(2)]
    for number, tile in enumerate([16, 40]):
        bitsback.compress(halves[number], tmp_path / f"{number}.bb", tile=tile)
    array = from_archive([tmp_path / "0.bb", tmp_path / "1.bb"])
    assert same(array, np.concatenate(halves))


def test_files_are_a_bag_of_names_and_arrays(tmp_path: Path, pictures: Path) -> None:
    bitsback.compress(pictures, tmp_path / "pictures.bb", block=2)
    bag = from_archive(tmp_path / "pictures.bb")
    assert bag.npartitions > 2
    assert same_pictures(bag, pictures)
    assert same_pictures(from_archive(tmp_path / "pictures.bb", chunks="archive"), pictures)


def test_shards_of_pictures_keep_the_names_below_the_root(tmp_path: Path, pictures: Path) -> None:
    import dask.bag as db

    paths = db.from_sequence([str(path) for path in pictures.rglob("*.png")], npartitions=3)
    with dask.config.set(scheduler="sync"):
        done = to_archives(paths, tmp_path / "shards", root=pictures)
    assert (done.shape, done.shards) == ((7,), 3)
    assert same_pictures(from_archive(done.manifest), pictures)
    assert same_pictures(from_archive(done.manifest, chunks="archive"), pictures)


def test_what_does_not_go_together_is_refused(
    archive: Path, tmp_path: Path, pictures: Path
) -> None:
    other, files = tmp_path / "other.bb", tmp_path / "files.bb"
    bitsback.compress(np.zeros((3, 28, 27), bool), other)
    bitsback.compress(pictures, files)
    with pytest.raises(bitsback.InputError, match=r"other\.bb: has the shape \(3, 28, 27\)"):
        from_archive([archive, other])
    with pytest.raises(bitsback.InputError, match="an array or files"):
        from_archive([archive, files])
    with pytest.raises(bitsback.InputError, match=r"nowhere\.bb: cannot be read"):
        from_archive(tmp_path / "nowhere.bb")
    with pytest.raises(bitsback.InputError, match="no such manifest"):
        from_archive(tmp_path / "manifest.json")
    with pytest.raises(bitsback.InputError, match="list of no archives"):
        from_archive([])


def test_an_archive_that_was_replaced_since_is_noticed(archive: Path) -> None:
    array = from_archive(archive)
    bitsback.compress(np.zeros((90, 28, 28), np.uint8), archive, force=True)
    with pytest.raises(bitsback.ArchiveError, match="call from_archive again"):
        array.compute(scheduler="sync")


def test_another_call_is_another_array(archive: Path) -> None:
    """Dask caches results by name, and a file may change."""
    assert from_archive(archive).name != from_archive(archive).name


def test_a_model_that_does_not_ship_is_found_through_the_manifest(
    tmp_path: Path, private: bitsback.Model, lazy: Any, digits: NDArray[np.bool_]
) -> None:
    with dask.config.set(scheduler="sync"):
        done = to_archives(lazy, tmp_path / "shards", model=private, shard=200)
        files = sorted(path.name for path in (tmp_path / "shards").iterdir())
        model = f"model-{private.identity.hex()}.safetensors"
        assert files == ["manifest.json", model, "part-0.bb", "part-1.bb"]
        assert same(from_archive(done.manifest), digits)
        parts = [tmp_path / "shards" / name for name in files[2:]]
        assert same(from_archive(parts, model=tmp_path / "shards" / model), digits)
        with pytest.raises(bitsback.ArchiveError, match="neither in the archive nor bundled"):
            from_archive(parts).compute()
        with pytest.raises(bitsback.InputError, match="given to workers as a file"):
            from_archive(parts, model=private)
        (tmp_path / "shards" / model).unlink()
        shard_places._load.cache_clear()
        with pytest.raises(bitsback.InputError, match="put it back"):
            from_archive(done.manifest, chunks="archive").compute()


def test_nothing_but_the_manifest_is_read_for_whole_archives(tmp_path: Path, lazy: Any) -> None:
    done = to_archives(lazy, tmp_path, shard=100, model="mnist-binary")
    for path in tmp_path.glob("*.bb"):
        path.unlink()
    array = from_archive(done.manifest, chunks="archive")
    assert isinstance(array, da.Array)
    assert array.chunks[0] == (100, 100, 100, 100)
