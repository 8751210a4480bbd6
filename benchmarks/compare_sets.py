"""`bitsback train` on sets of pictures: held-out images, beside JPEG XL e10 of one mosaic of them,
and others.

    python benchmarks/compare_sets.py SET.npy ...
    python benchmarks/compare_sets.py --minutes 1 --first 300 --held-out 50 SET.npy

A set is an array [images, rows, columns] or [images, rows, columns, channels]. Every k-th image is
held out, with k for the requested number; the model never sees them. Needs bitsback[train] and
bitsback[peers].
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray
from pictures import Key, archive_size, arguments, command, npy_files, of_peer, peers, rate

PEERS: tuple[Key, ...] = (
    ("JPEG XL e10", "mosaic"), ("JPEG XL e9", "mosaic"), ("JPEG XL e9", "mosaics"),
    ("JPEG XL e9", "each"), ("xz -9e", "stream"), ("PNG", "each"),
)  # fmt: skip


def main() -> None:
    parser = arguments(__doc__, ".npy files, or folders of them")
    parser.add_argument("--minutes", type=float, default=5, help="to train (default %(default)s)")
    parser.add_argument("--held-out", type=int, default=200, help="images (default %(default)s)")
    options = parser.parse_args()
    for place in options.data:
        for name, whole in npy_files(place).items():
            images = whole[: options.first]
            known, held_out = _split(images, min(options.held_out, len(images) // 2))
            rows: list[dict[str, Any]] = []
            with tempfile.TemporaryDirectory() as folder:
                rows += _ours(known, held_out, options.minutes, Path(folder))
            found, missing = peers(PEERS, held_out)
            for peer in found:
                rows.append(_row(peer.title, of_peer(peer, held_out).bytes, held_out))
            for row in rows:
                row["over_ours"] = row["bytes"] / rows[0]["bytes"]
            title = (
                f"{name}: {len(held_out)} held out of {len(images)}, {options.minutes:g} minutes"
            )
            report(title, rows, missing, options.json)


def _split(images: NDArray[Any], held_out: int) -> tuple[NDArray[Any], NDArray[Any]]:
    chosen = np.zeros(len(images), bool)
    chosen[np.arange(held_out) * len(images) // held_out] = True
    return images[~chosen], images[chosen]


def _ours(
    known: NDArray[Any], held_out: NDArray[Any], minutes: float, folder: Path
) -> Iterator[dict[str, Any]]:
    """The rates with the trained model, without and with its own bytes, and without it."""
    data, model, images = folder / "known.npy", folder / "set.safetensors", folder / "images.npy"
    np.save(data, known)
    np.save(images, held_out)
    command("train", "-q", str(data), "-o", str(model), "--minutes", f"{minutes:g}")
    trained = archive_size(images, "-m", str(model), "--embed", "always")
    without = trained - _model_bytes(images, model, folder)
    yield _row("bitsback, trained", without, held_out)
    yield _row("bitsback, trained, model inside", trained, held_out)
    yield _row("bitsback, a model that ships", archive_size(images), held_out)


def _model_bytes(images: Path, model: Path, folder: Path) -> int:
    """The bytes that the model adds to an archive."""
    sizes = []
    for embed in ("always", "never"):
        archive = folder / f"{embed}.bb"
        command("compress", "-q", str(images), "-o", str(archive), "-m", str(model),
                "--embed", embed)  # fmt: skip
        sizes.append(archive.stat().st_size)
    return sizes[0] - sizes[1]


def _row(name: str, size: int, images: NDArray[Any]) -> dict[str, Any]:
    return {"compressor": name, "bytes": size, "bits_per_sub-pixel": rate(size, images)}


if __name__ == "__main__":
    main()
