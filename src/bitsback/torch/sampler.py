"""An order of a dataset's items that is random, and wants few blocks at a time."""

from collections.abc import Iterator
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from bitsback.errors import InputError
from bitsback.torch.dataset import ArchiveDataset


class BlockSampler(Sampler[int]):
    """Shuffles the blocks of an archive, and the items within a window of so many of these.

    Each pass is another epoch, with another order, which the seed and the number of the epoch
    determine; `set_epoch` says which comes next, after an interruption, say.

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
    ) -> None:
        """window: blocks whose items are shuffled together; by default as many as the dataset's
        cache holds, of a small archive all. batch_size, num_workers: those of the DataLoader, which
        gives its workers batches in turns. Of two or more each then gets blocks of its own, so that
        no block is decoded by two. Raises InputError for a number that is too small.
        """
        for name, value, least in (
            ("window", window, 1), ("seed", seed, 0), ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0),
        ):  # fmt: skip
            if value is not None and value < least:
                raise InputError(f"{name}={value}: it is {least} at least")
        order = np.argsort(dataset.blocks, kind="stable")
        _, firsts = np.unique(dataset.blocks[order], return_index=True)
        self._blocks: list[NDArray[np.int64]] = np.split(order, firsts[1:])
        """The items of each block."""
        self.window = _window(dataset, len(self._blocks)) if window is None else window
        self.seed, self._epoch = seed, 0
        self._batch_size, self._streams = batch_size, max(num_workers, 1)
        self._length = len(dataset)

    def __len__(self) -> int:
        return self._length

    def set_epoch(self, epoch: int) -> None:
        """The number of the epoch that comes next."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self.seed, self._epoch))
        self._epoch += 1
        if not self._length:
            return iter(())
        shuffled = random.permutation(len(self._blocks))
        streams = [
            self._stream(shuffled[number :: self._streams], own)
            for number, own in enumerate(random.spawn(self._streams))
        ]
        return self._in_turns(streams) if len(streams) > 1 else streams[0]

    def _stream(self, blocks: NDArray[np.int64], random: np.random.Generator) -> Iterator[int]:
        """The items of some blocks, window by window."""
        for start in range(0, len(blocks), self.window):
            window = [self._blocks[number] for number in blocks[start : start + self.window]]
            yield from random.permutation(np.concatenate(window)).tolist()

    def _in_turns(self, streams: list[Iterator[int]]) -> Iterator[int]:
        """A batch of each stream in turns, as long as all have whole ones; then what is left."""
        while True:
            turn = [list(islice(stream, self._batch_size)) for stream in streams]
            yield from chain.from_iterable(turn)
            if any(len(batch) < self._batch_size for batch in turn):
                yield from chain.from_iterable(streams)
                return


def _window(dataset: ArchiveDataset, blocks: int) -> int:
    archive = dataset.archive
    return max(archive.cache * blocks // max(archive.nbytes, 1), 1)
