"""Opens archives in a window of napari, and prints what it shows of them, as JSON.

    xvfb-run -a python tests/readers/napari_window.py FOLDER

FOLDER has stack.bb and colours.bb, and beside them what went in, stack.npy and colours.npy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from bitsback.archive.container.sections import Blocks

decoded: list[int] = []
decode = Blocks.decode_at


def counted(blocks: Blocks, tile: int, stop: int | None = None) -> Any:
    found = decode(blocks, tile, stop)
    decoded.append(found[0])
    return found


def main(folder: Path) -> None:
    Blocks.decode_at = counted  # type: ignore[method-assign]
    viewer = napari.Viewer()
    print(json.dumps({name: shown(viewer, folder, name) for name in ("stack", "colours")}))
    viewer.close()


def shown(viewer: napari.Viewer, folder: Path, name: str) -> dict[str, Any]:
    """What the window shows of an archive, at first and of some slices."""
    original = np.load(folder / f"{name}.npy")
    viewer.layers.clear()
    (layer,) = viewer.open(str(folder / f"{name}.bb"), plugin="bitsback")
    QApplication.processEvents()
    canvas = viewer.screenshot(flash=False)
    same, blocks = [], []
    for number in (0, 9, 5, 19) if not layer.rgb else (0,):
        decoded.clear()
        viewer.dims.set_current_step(0, number)
        QApplication.processEvents()
        whole = original if layer.rgb else original[number]
        same.append(np.array_equal(layer._slice.image.raw, whole))
        blocks.append(list(decoded))
    return {
        "rgb": layer.rgb,
        "slices as they were": same,
        "blocks for each slice": blocks,
        "levels": len(np.unique(canvas[..., 0])) > 100,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
