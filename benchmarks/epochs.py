"""Shuffled epochs by PyTorch's DataLoader over the test images of MNIST: from an archive, a folder
of PNG files, and an npz file in memory. Or over a folder of PNG files in colour, of one size: from
archives of it, the files, and a tar file with an index in memory.

    python benchmarks/epochs.py
    python benchmarks/epochs.py --workers 0 4 --batch 256
    python benchmarks/epochs.py --folder FOLDER --workers 0

The first epoch is cold: it starts the workers, opens their files, and decodes every block; later
epochs find the blocks in the cache, unless it is too small ("cache of three blocks", while the
archive has five), or off. With two workers each of them has half of the blocks in every epoch, so
three are enough. Each process has one thread of PyTorch; files are read from a warm disk. Times
without workers are seconds of the processor. Needs .[torch].
"""

from __future__ import annotations

import io
import statistics
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
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


class Tar(Dataset[Any]):
    """PNG files in a tar file, whose places are known."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path) as tar:
            self.places = [(one.offset_data, one.size) for one in tar if one.isfile()]
        self.file = path.open("rb")

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> torch.Tensor:
        place, size = self.places[index]
        self.file.seek(place)
        with Image.open(io.BytesIO(self.file.read(size))) as image:
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
    parser.add_argument("--folder", type=Path, help="PNG files in colour, of one size")
    parser.add_argument("--batch", type=int, default=64, help="(default %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if options.folder is None:
            ways = _ways(images(options.images, levels=256), Path(folder))
        else:
            ways = _ways_of_folder(options.folder, Path(folder))
        files = Pngs(ways[0].path)
        total = sum(int(files[index].sum()) for index in range(len(files)))
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
        f"shuffled epochs over {len(files):,} images, batches of {options.batch}",
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


def _ways_of_folder(pngs: Path, folder: Path) -> list[Way]:
    tar, stored, quick = folder / "pngs.tar", folder / "fast.bb", folder / "fast-random.bb"
    with tarfile.open(tar, "w") as file:
        file.add(pngs, "")
    bitsback.compress(pngs, stored, model="fast")
    bitsback.compress(pngs, quick, model="fast", purpose="random-access")
    return [
        Way("folder of PNG", pngs, lambda: Pngs(pngs)),
        Way("tar of PNG", tar, lambda: Tar(tar)),
        Way("--fast", stored, _opening(stored), blocks=True),
        Way("--fast, cache of 4 MiB", stored, _opening(stored, 4 << 20), blocks=True),
        Way("--fast, random-access", quick, _opening(quick)),
        Way("--fast, random-access, no cache", quick, _opening(quick, 0)),
    ]


def _opening(path: Path, cache: int = 64 << 20) -> Callable[[], Dataset[Any]]:
    return lambda: ArchiveDataset(path, cache=cache)


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _time(way: Way, workers: int, batch: int, repeats: int, total: int) -> tuple[float, float]:
    """Seconds of the first epoch and of a later one."""
    clock = perf_counter if workers else process_time
    times = []
    start = clock()
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
        times.append(clock() - start)
        if seen != total:
            raise SystemExit(f"{way.name}: the images were not restored")
        start = clock()
    return times[0], statistics.median(times[1:])


if __name__ == "__main__":
    main()
