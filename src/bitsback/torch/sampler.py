"""A random order of a dataset's items that needs few blocks at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from bitsback.errors import InputError
from bitsback.torch.dataset import ArchiveDataset

Items = NDArray[np.int64]


class BlockSampler(Sampler[int]):
    """Shuffles the blocks of an archive, and the items within a window of blocks.

    The seed determines the blocks of each worker of the DataLoader. They are the same in every
    epoch, so a worker decodes each block once for all epochs if its blocks fit into its cache. Each
    pass is another epoch. The seed and the number of the epoch determine its order. `set_epoch`
    sets the next number, for example after an interruption.

    >>> import bitsback, tempfile
    >>> import numpy as np
    >>> from bitsback.torch import ArchiveDataset, BlockSampler
    >>> path = tempfile.mkdtemp() + "/numbers.bb"
    >>> summary = bitsback.compress(np.arange(12), path, block=3)
    >>> sampler = BlockSampler(ArchiveDataset(path), window=2)
    >>> first, second = list(sampler), list(sampler)
    >>> sorted(first) == list(range(12)), first == second
    (True, False)
    >>> sampler.set_epoch(0)
    >>> list(sampler) == first
    True
    """

    def __init__(
        self,
        dataset: ArchiveDataset,
        *,
        window: int | None = None,
        seed: int = 0,
        batch_size: int = 1,
        num_workers: int = 0,
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        """Raises InputError for a number that is too small, and for an invalid rank.

        window: the number of blocks whose items are shuffled together. By default it is all blocks
        if the dataset's cache holds them, and otherwise half as many as it holds, since a batch may
        have items of two windows. batch_size, num_workers: those of the DataLoader, which gives its
        workers batches in turn, with or without `drop_last`. num_replicas, rank: the number of
        processes that train together, and the number of this one, as for PyTorch's
        DistributedSampler. All of them need the same seed and epoch. Each gets its own blocks, and
        as many items as the others, so some items occur twice if their number is not divisible. Two
        neighbouring workers may share a block.
        """
        for name, value, least in (
            ("window", window, 1), ("seed", seed, 0), ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0), ("num_replicas", num_replicas, 1), ("rank", rank, 0),
        ):  # fmt: skip
            if value is not None and value < least:
                raise InputError(f"{name}={value}: it must be at least {least}")
        if rank >= num_replicas:
            raise InputError(f"rank={rank}: it is {num_replicas - 1} at most, of {num_replicas}")
        blocks = _blocks(dataset)
        self.window = _window(dataset, len(blocks)) if window is None else window
        self.seed, self._epoch, self._rank = seed, 0, rank
        self._batch_size = batch_size
        self._length = -(-len(dataset) // num_replicas)
        self._dealt = self._deal(blocks, max(num_workers, 1)) if blocks else []

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return (
            f"<BlockSampler: {self._length:,} items, seed {self.seed}, next epoch {self._epoch},"
            f" blocks for {len(self._dealt)} worker{'s' * (len(self._dealt) != 1)}>"
        )

    def set_epoch(self, epoch: int) -> None:
        """Sets the number of the next epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        self._epoch += 1
        # The numbers (seed, 0) have dealt the blocks.
        random = np.random.default_rng((self.seed, self._epoch, self._rank))
        streams = [
            self._stream(blocks, own)
            for blocks, own in zip(self._dealt, random.spawn(len(self._dealt)), strict=True)
        ]
        for stream in cycle(streams):
            batch = list(islice(stream, self._batch_size))
            if not batch:
                return
            yield from batch

    def _deal(self, blocks: list[Items], workers: int) -> list[list[Items]]:
        """The blocks of each worker, with as many items as its batches have.

        Its first and last block may be partial.
        """
        shuffled = np.random.default_rng((self.seed, 0)).permutation(len(blocks))
        items = np.concatenate([blocks[number] for number in shuffled])
        owners = np.repeat(shuffled, [len(blocks[number]) for number in shuffled])
        places = (self._rank * self._length + np.arange(self._length)) % len(items)
        batches = np.full(-(-self._length // self._batch_size), self._batch_size)
        batches[-1] -= batches.sum() - self._length
        quotas = [batches[worker::workers].sum() for worker in range(workers)]
        return [
            np.split(items[own], np.flatnonzero(np.diff(owners[own])) + 1)
            for own in np.split(places, np.cumsum(quotas[:-1]))
            if len(own)
        ]

    def _stream(self, blocks: list[Items], random: np.random.Generator) -> Iterator[int]:
        """The items of some blocks, window by window."""
        shuffled = random.permutation(len(blocks))
        for start in range(0, len(blocks), self.window):
            window = [blocks[number] for number in shuffled[start : start + self.window]]
            yield from random.permutation(np.concatenate(window)).tolist()


def _blocks(dataset: ArchiveDataset) -> list[Items]:
    """The items of each block."""
    order = np.argsort(dataset.blocks, kind="stable")
    _, firsts = np.unique(dataset.blocks[order], return_index=True)
    return np.split(order, firsts[1:]) if len(order) else []


def _window(dataset: ArchiveDataset, blocks: int) -> int:
    archive = dataset.archive
    cached = archive.cache * blocks // max(archive.nbytes, 1)
    return cached if cached >= blocks else max(cached // 2, 1)
