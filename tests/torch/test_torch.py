"""Archives as PyTorch datasets, in one process and in several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.utils.data import DataLoader

import bitsback
from bitsback.torch import ArchiveDataset, BlockSampler
from folders import save

SOME = settings(max_examples=40)


def noise(*shape: int) -> NDArray[np.float32]:
    """Noise, which no model codes, so reading is fast; a checksum checks each read."""
    return np.random.default_rng(0).random(shape).astype(np.float32)


ITEMS, BLOCK = 203, 7
DATA = noise(ITEMS, 5, 6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("torch") / "noise.bb"
    bitsback.compress(DATA, path, block=BLOCK)
    return path


def doubled(image: NDArray[Any]) -> torch.Tensor:
    image *= 2  # it is ours
    return torch.from_numpy(image)


def test_samples(path: Path) -> None:
    dataset = ArchiveDataset(path)
    assert len(dataset) == ITEMS
    assert torch.equal(dataset[3], torch.from_numpy(DATA[3]))
    assert torch.equal(dataset[-1], torch.from_numpy(DATA[-1]))
    batch = dataset.__getitems__([9, 2, 9])
    assert torch.equal(torch.stack(batch), torch.from_numpy(DATA[[9, 2, 9]]))
    with pytest.raises(IndexError, match="out of bounds"):
        dataset[ITEMS]
    labelled = ArchiveDataset(path, doubled, np.arange(ITEMS, dtype=np.uint8))
    image, label = labelled[7]
    assert torch.equal(image, torch.from_numpy(2 * DATA[7]))
    assert type(label) is int and label == 7
    assert torch.equal(labelled[7][0], image), "what is in the cache is as it was"
    with pytest.raises(bitsback.InputError, match="has 203 items, and there are 2 labels"):
        ArchiveDataset(path, labels=[1, 2])
    with pytest.raises(bitsback.InputError, match="no names"):
        ArchiveDataset(path, labels=len)


def test_big_endian_items_and_numbers(tmp_path: Path) -> None:
    for array in (np.arange(12, dtype=">i4").reshape(3, 4), np.arange(5, dtype=">u2")):
        bitsback.compress(array, tmp_path / "x.bb", force=True)
        found = torch.stack(list(ArchiveDataset(tmp_path / "x.bb")))
        assert found.tolist() == array.tolist() and str(array.dtype)[1:] in ("i4", "u2")


def test_arrays_of_an_npz_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=DATA, labels=np.arange(ITEMS))
    bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb", block=BLOCK)
    dataset = ArchiveDataset(tmp_path / "x.bb", array="images", labels="labels")
    assert len(dataset) == ITEMS
    assert torch.equal(dataset[150][0], torch.from_numpy(DATA[150])) and dataset[150][1] == 150
    assert sorted(BlockSampler(dataset, window=2)) == list(range(ITEMS))
    with pytest.raises(bitsback.InputError, match="the arrays images, labels; say which"):
        ArchiveDataset(tmp_path / "x.bb")
    with pytest.raises(bitsback.InputError, match="no array 'none'"):
        ArchiveDataset(tmp_path / "x.bb", array="none")


@pytest.mark.parametrize("unordered", [False, True])
def test_pairs_that_are_in_an_archive(tmp_path: Path, unordered: bool) -> None:
    """Each image comes with its label, also in workers."""
    images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1) * np.ones((5, 6), np.uint8)
    order = np.random.default_rng(0).permutation(60)
    np.savez(tmp_path / "x.npz", y=(order % 7).astype(">i4"), images=images[order], z=order)
    options: dict[str, Any] = {"labels": "y", "unordered": unordered, "block": 11}
    bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb", **options)
    dataset = ArchiveDataset(tmp_path / "x.bb")
    assert len(dataset) == 60 and type(dataset[0][1]) is int
    seen = 0
    for x, y in DataLoader(dataset, 8, sampler=BlockSampler(dataset), num_workers=2):
        assert torch.equal(x[:, 0, 0] % 7, y)
        seen += len(y)
    assert seen == 60
    image, label = ArchiveDataset(tmp_path / "x.bb", labels="z")[5]
    assert image[0, 0] == label, "others are taken where they are asked for"
    assert not isinstance(ArchiveDataset(tmp_path / "x.bb", array="z")[0], tuple)
    np.savez(tmp_path / "x.npz", images=images, y=np.stack([np.arange(60)] * 2, 1).astype(">i2"))
    bitsback.compress(tmp_path / "x.npz", tmp_path / "y.bb", labels="y")
    (_, records), *_ = DataLoader(ArchiveDataset(tmp_path / "y.bb"), 60)
    assert records.tolist() == [[number, number] for number in range(60)]


@pytest.mark.parametrize(
    "options", [{}, {"unordered": True}, {"unordered": True, "keep_names": True}]
)
def test_pictures_with_their_classes(tmp_path: Path, options: dict[str, Any]) -> None:
    for number in range(20):
        picture = np.full((4, 5), number, np.uint8)
        save(picture, tmp_path / "in" / "abc"[number % 3] / f"{number}.png")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", labels="folders", **options)
    dataset = ArchiveDataset(tmp_path / "x.bb")
    assert dataset.archive.classes == ["a", "b", "c"]
    found = sorted(
        (int(image[0, 0]), label) for image, label in map(dataset.__getitem__, range(20))
    )
    assert found == [(number, number % 3) for number in range(20)]


def test_pictures_of_several_kinds(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = []
    for number in range(12):
        shape = (9 + number % 4, 30, 3)[: 2 + number % 2]
        images.append(random.integers(0, 256, shape, np.uint8))
        save(images[-1], tmp_path / f"in/{number % 3}/{number:02}.png")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast", block=2)
    dataset = ArchiveDataset(tmp_path / "x.bb", labels=lambda name: int(name.split("/")[0]))
    order, names = [5, 0, 11, 5, 3], dataset.archive.names
    for index, (image, label) in zip(order, dataset.__getitems__(order), strict=True):
        number = int(names[index][2:4])
        assert np.array_equal(image, images[number]) and label == number % 3
    (first, _), _, _, (again, _), _ = ArchiveDataset(
        tmp_path / "x.bb", doubled, range(12)
    ).__getitems__(order)
    assert torch.equal(first, again), "each is changed once"
    assert dataset.blocks.shape == (12,)
    for sampler in (BlockSampler(dataset, window=1), BlockSampler(dataset)):
        assert sorted(sampler) == list(range(12))


@given(
    window=st.none() | st.integers(1, 40),
    seed=st.integers(0, 5),
    batch_size=st.integers(1, 30),
    num_workers=st.integers(0, 5),
)
@SOME
def test_an_epoch_has_each_item_once(
    path: Path, window: int | None, seed: int, batch_size: int, num_workers: int
) -> None:
    dataset = ArchiveDataset(path)
    options: dict[str, Any] = {"window": window, "seed": seed}
    options |= {"batch_size": batch_size, "num_workers": num_workers}
    sampler, again = BlockSampler(dataset, **options), BlockSampler(dataset, **options)
    first, second = list(sampler), list(sampler)
    assert len(sampler) == ITEMS and sorted(first) == sorted(second) == list(range(ITEMS))
    assert first != second
    again.set_epoch(1)
    assert list(again) == second and list(again) not in (first, second)


def test_a_window_has_few_blocks(path: Path) -> None:
    dataset = ArchiveDataset(path)
    blocks = dataset.blocks
    assert blocks.max() == ITEMS // BLOCK - 1
    order = list(BlockSampler(dataset, window=3))
    items = [np.flatnonzero(blocks == number) for number in range(blocks.max() + 1)]
    at = 0
    while at < ITEMS:
        seen = set(blocks[order[at : at + 3 * 7]].tolist())
        assert len(seen) <= 4, "3, and one more where blocks are not of one size"
        at += sum(len(items[number]) for number in seen)
    for wrong in ({"window": 0}, {"batch_size": 0}, {"num_workers": -1}, {"seed": -1}):
        with pytest.raises(bitsback.InputError, match="at least"):
            BlockSampler(dataset, **wrong)


@given(
    workers=st.integers(1, 5),
    batch_size=st.integers(1, 30),
    replicas=st.integers(1, 3),
    seed=st.integers(0, 3),
)
@SOME
def test_each_worker_has_the_same_blocks_in_every_epoch(
    path: Path, workers: int, batch_size: int, replicas: int, seed: int
) -> None:
    """A DataLoader gives batches to its workers in turn."""
    dataset = ArchiveDataset(path)
    readers: dict[int, set[tuple[int, int]]] = {}  # of each block, over three epochs
    for rank in range(replicas):
        sampler = BlockSampler(
            dataset, window=2, seed=seed, batch_size=batch_size, num_workers=workers,
            num_replicas=replicas, rank=rank,
        )  # fmt: skip
        for _ in range(3):
            order = list(sampler)
            assert len(order) == len(sampler)
            for at in range(0, len(order), batch_size):
                for number in dataset.blocks[order[at : at + batch_size]].tolist():
                    worker = at // batch_size % workers
                    readers.setdefault(number, set()).add((rank, worker))
    shared = sum(len(of_block) - 1 for of_block in readers.values())
    assert shared <= workers * replicas, "the last block of one, which is the first of the next"


@pytest.mark.parametrize("replicas", [2, 3, 7])
def test_ranks_share_the_items_out(path: Path, replicas: int) -> None:
    """All ranks have equally many items and together have all, in any order."""
    dataset = ArchiveDataset(path)
    samplers = [
        BlockSampler(dataset, batch_size=4, num_workers=2, num_replicas=replicas, rank=rank)
        for rank in range(replicas)
    ]
    for epoch in range(2):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        orders = [list(sampler) for sampler in samplers]
        assert {len(order) for order in orders} == {-(-ITEMS // replicas)}
        assert all(len(set(order)) == len(order) for order in orders)
        assert set().union(*orders) == set(range(ITEMS))
    with pytest.raises(bitsback.InputError, match="rank=3: it is 2 at most"):
        BlockSampler(dataset, num_replicas=3, rank=3)


@pytest.mark.parametrize("drop_last", [False, True])
def test_workers_that_stay_decode_each_block_once_for_all_epochs(
    path: Path, drop_last: bool
) -> None:
    """The same process reads a block in every epoch."""
    dataset = ArchiveDataset(path, _who_reads, labels=ArchiveDataset(path).blocks)
    sampler = BlockSampler(dataset, batch_size=4, num_workers=2)
    loader = DataLoader(
        dataset, 4, sampler=sampler, num_workers=2, persistent_workers=True, drop_last=drop_last
    )
    readers: dict[int, set[int]] = {}
    for _ in range(4):
        count = 0
        for processes, blocks in loader:
            count += len(blocks)
            for process, block in zip(processes.tolist(), blocks.tolist(), strict=True):
                readers.setdefault(block, set()).add(process)
        assert count == (ITEMS - ITEMS % 4 if drop_last else ITEMS)
    assert len(set().union(*readers.values())) == 2
    assert sum(len(of_block) > 1 for of_block in readers.values()) <= 1


def _who_reads(image: NDArray[Any]) -> int:
    return os.getpid()


@pytest.mark.parametrize(
    ("workers", "start"), [(0, None), (2, "fork"), (2, "spawn")], ids=["none", "fork", "spawn"]
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_read_the_same_under_load(path: Path, workers: int, start: str | None) -> None:
    """Without a cache, each item is a separate read with a checksum, and workers overlap."""
    dataset = ArchiveDataset(path, labels=range(ITEMS), cache=0)
    dataset[0]  # reads the file before workers start
    sampler = BlockSampler(dataset, window=30, batch_size=4, num_workers=workers)
    loader = DataLoader(
        dataset,
        batch_size=4,
        sampler=sampler,
        num_workers=workers,
        multiprocessing_context=start,
        persistent_workers=workers > 0,
    )
    expected = list(sampler) + list(sampler)
    sampler.set_epoch(0)
    seen: list[int] = []
    for _ in range(2):
        for images, labels in loader:
            assert torch.equal(images, torch.from_numpy(DATA[labels.numpy()]))
            assert np.array_equal(dataset[int(labels[0])][0], images[0]), "here, meanwhile"
            seen += labels.tolist()
    assert seen == expected


def test_without_torch_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import importlib.util as util; util.find_spec = lambda name: None\n"
        "import bitsback\n"
        "try: import bitsback.torch\n"
        "except bitsback.MissingExtra as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install '.[torch]'" in ran.stdout
