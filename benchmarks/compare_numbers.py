"""Wide integers and floats beside LZMA, zstd and Blosc2: bytes of archives, and of the others.

    python benchmarks/compare_numbers.py FILE ...

FILE is a .npy file, or a TIFF file, of which the first page is taken. LZMA is what archives had
before models coded such elements: the best of their forms, as a block without a model. zstd has the
bytes of elements shuffled, at level 19, by imagecodecs, and Blosc2 its bitshuffle and zstd at level
9. Missing packages are named.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray

import bitsback
from bitsback.coding.fallback import encode_fallback
from bitsback.format.tiles import Tiles


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="+", help=".npy or TIFF files")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    missing: dict[str, None] = {}
    for path in options.data:
        array = read(path)
        row: dict[str, Any] = {"data": path.stem[:30], "kind": array.dtype.name}
        row["raw"] = array.nbytes
        row["bitsback"], row["by"] = archive(array)
        for name, coder in OTHERS.items():
            try:
                row[name] = coder(array)
            except ImportError as error:
                row[name] = None
                missing[f"{name}: {error}"] = None
        rows.append(row)
    total: dict[str, Any] = {"data": f"all {len(rows)}", "kind": None}
    for name in list(rows[0])[2:]:
        sizes = [row[name] for row in rows]
        total[name] = sum(sizes) if all(isinstance(size, int) for size in sizes) else None
    report("Bytes of wide integers and floats", [*rows, total], list(missing), options.json)


def read(path: Path) -> NDArray[Any]:
    if path.suffix == ".npy":
        array = np.load(path)
    else:
        with import_module("tifffile").TiffFile(path) as file:
            array = file.pages[0].asarray()
    return np.ascontiguousarray(array)


def archive(array: NDArray[Any]) -> tuple[int, str]:
    """The bytes of an archive, which is restored, and the methods of its blocks."""
    out = io.BytesIO()
    summary = bitsback.compress(array, out, embed="never")
    restored = bitsback.decompress(io.BytesIO(out.getvalue()))
    assert (restored.dtype, restored.shape) == (array.dtype, array.shape)
    assert restored.tobytes() == array.tobytes()
    return len(out.getvalue()), " ".join(name for name, count in summary.methods.items() if count)


def by_lzma(array: NDArray[Any]) -> int:
    found = encode_fallback(Tiles.stacked(array[np.newaxis]), "lzma")
    return array.nbytes if found is None else len(found)


def by_zstd(array: NDArray[Any]) -> int:
    shuffled = array.view(np.uint8).reshape(-1, array.itemsize).T.tobytes()
    return len(import_module("imagecodecs").zstd_encode(shuffled, 19))


def by_blosc2(array: NDArray[Any]) -> int:
    blosc2 = import_module("blosc2")
    parameters = blosc2.CParams(
        codec=blosc2.Codec.ZSTD,
        clevel=9,
        typesize=array.itemsize,
        filters=[blosc2.Filter.BITSHUFFLE],
    )
    return len(blosc2.compress2(array, cparams=parameters))


OTHERS: dict[str, Callable[[NDArray[Any]], int]] = {
    "LZMA": by_lzma,
    "zstd": by_zstd,
    "Blosc2": by_blosc2,
}


if __name__ == "__main__":
    main()
