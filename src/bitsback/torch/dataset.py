"""An archive as a PyTorch dataset."""

from __future__ import annotations

import os
import pickle
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

import bitsback
from bitsback.archive.files.block_numbers import block_numbers
from bitsback.errors import InputError
from bitsback.files.formats import ARRAYS
from bitsback.lazy import cached_property

Image = NDArray[Any]
Labels = Sequence[Any] | NDArray[Any] | torch.Tensor | Callable[[str], Any] | str


class ArchiveDataset(Dataset[Any]):
    """The items of an archive's array, or its pictures, as samples for a DataLoader.

    Each worker process, forked or spawned, opens the archive itself. A batch decodes each of its
    blocks once, and decoded blocks stay in a cache. `BlockSampler` therefore gives an order that
    needs few blocks at a time.

    >>> import bitsback, tempfile
    >>> import numpy as np
    >>> from bitsback.torch import ArchiveDataset, BlockSampler
    >>> from torch.utils.data import DataLoader
    >>> path = tempfile.mkdtemp() + "/digits.bb"
    >>> digits = np.zeros((100, 28, 28), np.uint8)
    >>> summary = bitsback.compress(digits, path, purpose="random-access")
    >>> dataset = ArchiveDataset(path, labels=np.arange(100) % 10)
    >>> loader = DataLoader(dataset, batch_size=32, sampler=BlockSampler(dataset))
    >>> [tuple(images.shape) for images, labels in loader]
    [(32, 28, 28), (32, 28, 28), (32, 28, 28), (4, 28, 28)]

    Labels in the archive need not be given:

    >>> np.savez(path + ".npz", images=digits, labels=np.arange(100) % 10)
    >>> summary = bitsback.compress(path + ".npz", path, labels="labels", force=True)
    >>> ArchiveDataset(path)[42][1]
    2
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        transform: Callable[[Image], Any] | None = None,
        labels: Labels | None = None,
        *,
        array: str | None = None,
        **options: Any,
    ) -> None:
        """path: of the archive. transform: makes a sample of an image, a NumPy array that it may
        change; without it, samples are tensors of the same dtype. labels: of the items, in order;
        with them, a sample is a pair (image, label). For pictures they may be a function of the
        name. The default is `archive.labels`. array: the name of the array of images in an archive
        of an npz file without labels; then `labels` may be the name of another array. options: of
        `bitsback.open`, such as `cache`, the bytes of decoded blocks that each process keeps.

        Raises InputError or ArchiveError if the archive cannot be read, or if there are more or
        fewer labels than items; access to an item raises IndexError and ArchiveError.
        """
        archive = bitsback.open(path, **options)
        self._keep_opened({os.getpid(): archive})
        self._pickled = pickle.dumps(archive)  # unpickling opens it again
        own = _labelled(archive)
        array = own if array is None else array
        self._array = array
        if archive.kind == ARRAYS.key and array is None:
            names = ", ".join(archive.names)
            raise InputError(f"{archive.name}: contains the arrays {names}; say which with array=")
        if array is not None and array not in archive:
            raise InputError(f"{archive.name}: contains no array {array!r}")
        self._pictures = archive.kind == "folder"
        self._length = len(archive if array is None else archive[array])
        self._transform = transform
        if labels is None and (archive.kind != ARRAYS.key or array == own):
            labels = archive.labels
        self._labels = self._labels_of(labels)

    @property
    def archive(self) -> bitsback.Archive:
        """The archive as opened by this process."""
        process = os.getpid()
        if process not in self._opened:
            self._opened[process] = pickle.loads(self._pickled)
        return self._opened[process]

    def _keep_opened(self, archives: dict[int, bitsback.Archive]) -> None:
        """Keeps opened archives by their processes, until the dataset is deleted. The archive of a
        parent process stays open in a forked one, too.
        """
        self._opened = archives
        weakref.finalize(self, _close, archives)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_opened"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._keep_opened({})

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        kind = "images" if self._labels is None else "pairs of image and label"
        return f"<ArchiveDataset: {self._length:,} {kind} of {self.archive!r}>"

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """A batch, as the DataLoader asks for it."""
        samples = map(self._sample, self._images(indices))
        if self._labels is None:
            return list(samples)
        return [
            (sample, _plain(self._labels[index]))
            for sample, index in zip(samples, indices, strict=True)
        ]

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """The number of the block of each item, or of its beginning."""
        return block_numbers(self.archive.reader, self._array)

    def _images(self, indices: Sequence[int]) -> list[Image]:
        if not self._pictures:
            whole = self.archive if self._array is None else self.archive[self._array]
            return list(map(np.asarray, whole[list(indices)]))
        # Block by block, so that each is decoded once.
        order = sorted(range(len(indices)), key=lambda place: self.blocks[indices[place]])
        archive = self.archive
        needed = archive.reader.blocks_of(indices[place] for place in order)
        with archive.reader.blocks.announced(needed):
            found = {place: np.asarray(archive[indices[place]]) for place in order}
        return [found[place] for place in range(len(indices))]

    def _sample(self, image: Image) -> Any:
        if self._transform is not None:
            return self._transform(image)
        if not image.dtype.isnative:
            image = image.astype(image.dtype.newbyteorder("="))
        return torch.from_numpy(image)

    def _labels_of(self, labels: Any) -> Any:
        if isinstance(labels, str):
            if self._array is None or labels not in self.archive:
                raise InputError(f"{self.archive.name}: contains no array of labels {labels!r}")
            labels = np.asarray(self.archive[labels])
        elif callable(labels):
            if not self.archive.names:
                raise InputError(
                    f"{self.archive.name}: its items have no names to take labels from"
                )
            labels = [labels(name) for name in self.archive.names]
        if labels is not None and len(labels) != len(self):
            raise InputError(
                f"{self.archive.name}: has {len(self)} items, and there are {len(labels)} labels"
            )
        if isinstance(labels, np.ndarray) and not labels.dtype.isnative:
            labels = labels.astype(labels.dtype.newbyteorder("="))
        return labels


def _close(archives: dict[int, bitsback.Archive]) -> None:
    for archive in archives.values():
        archive.close()


def _labelled(archive: bitsback.Archive) -> str | None:
    """The name of the array of an npz file with labelled items, if there is one."""
    pairs = archive.reader.pairs
    return None if pairs is None or pairs.images is None else archive.names[pairs.images]


def _plain(label: Any) -> Any:
    """A NumPy number as Python's, from which a DataLoader makes the usual tensors."""
    return label.item() if isinstance(label, np.generic) else label
