"""What contexts counted beside the network save: each picture of more than 256 levels coded by
`universal` and by `universal-deep`, or of up to 256 by `universal-mixed`, with the CPU seconds.

    python benchmarks/compare_counts.py FOLDER ...

A folder holds a .npy file for each picture: [rows, columns], [rows, columns, channels] with up to
four channels, or [slices, rows, columns].
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray
from pictures import arguments, npy_files

from bitsback.coding import layouts
from bitsback.coding.block_plan import BlockPlan
from bitsback.format.tiles import Tiles
from bitsback.models import bundled

_COLOURS = 4


def main() -> None:
    options = arguments(__doc__, "folders of .npy files").parse_args()
    for folder in options.data:
        rows = [row(name, image) for name, image in npy_files(folder, options.first).items()]
        report(f"{folder.name}, {len(rows)} pictures", rows, [], options.json)


def row(name: str, image: NDArray[Any]) -> dict[str, Any]:
    is_stack = image.ndim == 3 and image.shape[-1] > _COLOURS
    layout = layouts.STACKS if is_stack else layouts.PICTURES
    tiles = Tiles.stacked(np.ascontiguousarray(image[np.newaxis]))
    sizes: list[int] = []
    seconds: list[float] = []
    for model in ("universal", "universal-mixed", "universal-deep"):
        plan = BlockPlan.of(bundled.load(model), tiles, layout)
        if plan is None or len(sizes) == 2:
            continue
        start = time.process_time()
        sizes.append(plan.cost)
        seconds.append(time.process_time() - start)
    return {
        "picture": name,
        "shape": " x ".join(map(str, image.shape)),
        "universal": sizes[0],
        "counting": sizes[1],
        "bits": round(8 * sizes[0] / image.size, 4),
        "bits_counting": round(8 * sizes[1] / image.size, 4),
        "change": f"{100 * (sizes[1] / sizes[0] - 1):+.2f} %",
        "cpu_s": round(seconds[0], 2),
        "cpu_s_counting": round(seconds[1], 2),
    }


if __name__ == "__main__":
    main()
