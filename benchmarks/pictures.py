"""Common parts of the comparisons of pictures: folders of them, archives that are restored and
compared, and other compressors on the same images.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.files.file_lists import list_folder
from bitsback.files.picture_files import read_pixels
from bitsback_lab.peers.catalogue import all_peers
from bitsback_lab.peers.measure import Measurement, Peer, measure
from bitsback_lab.peers.units import Pictures, Unit, elements

Key = tuple[str, Unit]
"""A compressor's name, with its effort and the unit that one of its files holds."""


def arguments(description: str | None, data: str) -> argparse.ArgumentParser:
    """A parser with the options that most of these benchmarks take."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+", type=Path, help=data)
    parser.add_argument("--first", type=int, metavar="N", help="take only the first N of each")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    return parser


def npy_files(folder: Path, first: int | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of a folder of .npy files, or of one such file, by name."""
    files = sorted(folder.glob("*.npy")) if folder.is_dir() else [folder]
    if not files:
        raise SystemExit(f"{folder}: contains no .npy files")
    return {file.stem: np.load(file) for file in files[:first]}


def picture_files(folder: Path, first: int | None = None) -> dict[str, Path]:
    """The pictures of a folder and its subfolders, by name."""
    listing = list_folder(folder, follow=True)
    return {name: folder / name for name in listing.names[:first]}


def peers(wanted: Sequence[Key], images: Pictures) -> tuple[list[Peer], list[str]]:
    """The wanted peers that accept such images, and a line about each missing one."""
    found, missing = all_peers()
    known = {(peer.name, peer.unit): peer for peer in found}
    return [known[key] for key in wanted if key in known and known[key].takes(images)], missing


def of_peer(peer: Peer, images: Pictures) -> Measurement:
    """All of the images, each restored and compared."""
    return measure(peer, images)


def rows_of_peers(
    wanted: Sequence[Key], images: Pictures, ours: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """A table row for each of the wanted peers, and a line about each missing one."""
    found, missing = peers(wanted, images)
    return [row(peer.title, of_peer(peer, images).bytes, images, ours) for peer in found], missing


def archive_size(source: Path, *options: str) -> int:
    """Bytes of the archive that the command makes of a file or folder, which is restored and
    compared. Raises SystemExit if anything is different.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "archive.bb")
        restored = Path(folder, f"restored{source.suffix}")
        command("compress", "-q", str(source), "-o", str(archive), "--embed", "never", *options)
        command("decompress", "-q", str(archive), "-o", str(restored))
        if not _equal(source, restored):
            raise SystemExit(f"{source}: was not restored")
        return archive.stat().st_size


def archive_of(array: NDArray[Any], *options: str) -> int:
    """The bytes of an archive of an array."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "array.npy")
        np.save(path, array)
        return archive_size(path, *options)


def command(*arguments: str) -> None:
    """Runs bitsback. Raises SystemExit with its error message if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "bitsback", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"bitsback {arguments[0]}: {done.stderr.strip()}")


def rate(size: int, images: Pictures) -> float:
    """Bits per pixel and channel."""
    return 8 * size / elements(images)


def row(name: str, size: int, images: Pictures, ours: int) -> dict[str, Any]:
    """A table row; `over_ours` is the ratio of this size to that of bitsback."""
    return {
        "compressor": name,
        "bytes": size,
        "bits_per_sub-pixel": rate(size, images),
        "over_ours": size / ours,
    }


def _equal(source: Path, restored: Path) -> bool:
    if source.is_dir():
        names = list(picture_files(source))
        return all(
            np.array_equal(read_pixels(source / name), read_pixels(restored / name))
            for name in names
        )
    if source.suffix == ".npy":
        one, other = np.load(source, mmap_mode="r"), np.load(restored, mmap_mode="r")
        return bool(one.dtype == other.dtype and np.array_equal(one, other))
    return np.array_equal(read_pixels(source), read_pixels(restored))
