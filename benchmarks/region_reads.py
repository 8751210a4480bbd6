"""Reading a region of a large picture, beside decompressing all of it, which JPEG XL has to do.

    python benchmarks/region_reads.py
    python benchmarks/region_reads.py picture.npy --region 256 --tile 256

By default a synthetic RGB picture of 4,096 x 4,096 pixels. The file is read from a warm disk; one
thread. Needs bitsback[peers].
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import median_seconds, pin, report
from memory_large import WRITE_LARGE, python
from numpy.typing import NDArray
from pictures import command, peers

import bitsback
from bitsback_train.peers.units import units


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, help="a .npy file (default: a synthetic one)")
    parser.add_argument("--side", type=int, default=4096, help="of the synthetic picture")
    parser.add_argument("--region", type=int, default=256, help="rows and columns to read")
    parser.add_argument("--tile", type=int, help="of the archive (default: the writer's choice)")
    parser.add_argument("--repeats", type=int, default=5, help="of which the median is taken")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.data or Path(folder, "picture.npy")
        if options.data is None:
            python(WRITE_LARGE, str(source), str(options.side))
        picture = np.load(source)
        archive = str(Path(folder, "picture.bb"))
        tile = ["--tile", str(options.tile)] if options.tile else []
        command("compress", "-q", str(source), "-o", archive, *tile)
        pinned = pin()
        rows = _ours(picture, archive, options.region, options.repeats)
        found, missing = peers([("JPEG XL e7", "each")], picture[np.newaxis])
        for peer in found:
            (file,) = [peer.encode(unit) for unit in units(picture[np.newaxis], "each")]
            seconds, _ = median_seconds(partial(peer.decode, file), options.repeats)
            rows.append({"read": f"{peer.name}, all of it", "ms": 1000 * seconds})
    for row in rows:
        row["beside_the_region"] = row["ms"] / rows[0]["ms"]
    report(f"a region of {picture.shape} {picture.dtype}", rows, [pinned, *missing], options.json)


def _ours(picture: NDArray[Any], archive: str, region: int, repeats: int) -> list[dict[str, Any]]:
    """A region inside, one at the corner, and all of it; each is compared."""
    middle = tuple((side - region) // 2 for side in picture.shape[:2])
    rows = []
    for name, (top, left) in (("in the middle", middle), ("at the corner", (0, 0))):
        wanted = np.s_[top : top + region, left : left + region]

        def read(wanted: Any = wanted) -> Any:
            with bitsback.open(archive) as opened:
                return np.asarray(opened[wanted])

        seconds, found = median_seconds(read, repeats)
        if not np.array_equal(found, picture[wanted]):
            raise SystemExit("the region was not restored")
        rows.append({"read": f"{region} x {region} {name}", "ms": 1000 * seconds})
    seconds, _ = median_seconds(lambda: bitsback.decompress(archive, threads=1), repeats)
    rows.append({"read": "all of it", "ms": 1000 * seconds})
    return rows


if __name__ == "__main__":
    main()
