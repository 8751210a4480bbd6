"""Shuffled epochs over the test images of MNIST by PyTorch's DataLoader: from an archive, a folder
of PNG files, and an npz file in memory.

    python benchmarks/epochs.py
    python benchmarks/epochs.py --workers 0 4 --batch 256

The first epoch is cold: it starts the workers, opens their files, and decodes every block; later
epochs find the blocks in the cache, unless it is too small ("cache of three blocks", while the
archive has five), or off. With two workers each of them has half of the blocks in every epoch, so
three are enough. Each process has one thread of PyTorch; files are read from a warm disk. Needs
.[torch].
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from harness import arguments, images, report
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Sampler

import bitsback
from bitsback.torch import ArchiveDataset, BlockSampler


class Pngs(Dataset[Any]):
    """A folder of PNG files, each opened when needed."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            return torch.from_numpy(np.array(image))


class Npz(Dataset[Any]):
    """An npz file, held in memory."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self.images = arrays["images"]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.images[index])


@dataclass(frozen=True)
class Way:
    """One of those that are compared."""

    name: str
    path: Path
    make: Callable[[], Dataset[Any]]
    blocks: bool = False
    """Whether the order is that of BlockSampler, and not any."""


def main() -> None:
    parser = arguments(__doc__, repeats=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--batch", type=int, default=64, help="(default %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = images(options.images, levels=256)
    total = int(data.sum())
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        ways = _ways(data, Path(folder))
        for workers in options.workers:
            timed = [_time(way, workers, options.batch, options.repeats, total) for way in ways]
            rows += [
                {
                    "read from": way.name,
                    "workers": workers,
                    "bytes": _size(way.path),
                    "first epoch, s": first,
                    "later, s": later,
                    "times as fast as PNG": timed[0][1] / later,
                    "the first": timed[0][0] / first,
                }
                for way, (first, later) in zip(ways, timed, strict=True)
            ]
    report(
        f"shuffled epochs over {len(data):,} grey digits, batches of {options.batch}",
        rows,
        [f"later: median of {options.repeats}"],
        options.json,
    )


def _ways(data: NDArray[Any], folder: Path) -> list[Way]:
    pngs, npz = folder / "pngs", folder / "digits.npz"
    pngs.mkdir()
    for number, image in enumerate(data):
        Image.fromarray(image).save(pngs / f"{number:05}.png", optimize=True)
    np.savez_compressed(npz, images=data)
    ways = [Way("folder of PNG", pngs, lambda: Pngs(pngs)), Way("npz", npz, lambda: Npz(npz))]
    for model in ("mnist", "mnist-context"):
        stored, quick = folder / f"{model}.bb", folder / f"{model}-random.bb"
        bitsback.compress(data, stored, model=model)
        bitsback.compress(data, quick, model=model, purpose="random-access")
        ways.append(Way(f"{model}", stored, _opening(stored), blocks=True))
        name = f"{model}, cache of three blocks"
        ways.append(Way(name, stored, _opening(stored, 3 * 2048 * 784), blocks=True))
        if model == "mnist":
            ways.append(Way(f"{model}, random-access", quick, _opening(quick)))
            ways.append(Way(f"{model}, random-access, no cache", quick, _opening(quick, 0)))
    return ways


def _opening(path: Path, cache: int = 64 << 20) -> Callable[[], Dataset[Any]]:
    return lambda: ArchiveDataset(path, cache=cache)


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _time(way: Way, workers: int, batch: int, repeats: int, total: int) -> tuple[float, float]:
    """Seconds of the first epoch and of a later one."""
    times = []
    start = perf_counter()
    dataset = way.make()
    sampler: Sampler[int] | None = None
    if way.blocks:
        assert isinstance(dataset, ArchiveDataset)
        sampler = BlockSampler(dataset, batch_size=batch, num_workers=workers)
    loader = DataLoader(
        dataset, batch, shuffle=sampler is None, sampler=sampler, num_workers=workers,
        persistent_workers=workers > 0,
    )  # fmt: skip
    for _ in range(repeats + 1):
        seen = sum(int(tensors.sum()) for tensors in loader)
        times.append(perf_counter() - start)
        if seen != total:
            raise SystemExit(f"{way.name}: the images were not restored")
        start = perf_counter()
    return times[0], statistics.median(times[1:])


if __name__ == "__main__":
    main()
