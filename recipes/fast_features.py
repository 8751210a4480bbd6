"""Writes the features of pixels on which `fast_pixels.py` trains the networks of `wavefront`.

    python recipes/fast_features.py PHOTOS IMAGES MODEL.safetensors FEATURES

PHOTOS has patches_00.webp to patches_19.webp and val_00.webp. IMAGES has arrays as
train/KIND/*.npy and val/KIND/*.npy, [rows, columns], [rows, columns, channels], or of a kind
`volume...` [slices, rows, columns], of 8 to 16 bits. `crops.py` makes those of 8 bits. MODEL is
any model of the codec with as many levels: features do not depend on its networks. If it has more
than 256 levels, photographs are reduced by 2 in sums of pixels, which have 10 bits, and 12 in
grey. The same folders give the same files.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback import load_model
from bitsback_train.export.wavefronts import distribution_of
from bitsback_train.fit.items import Item, as_items
from bitsback_train.fit.pixels import pixels_of

SIDES = {"photos": 64, "greyphotos": 64, "mosaic": 256}
"""Squares of the pictures of patches; a mosaic has 16 patches."""
MOSAIC_STEP = 5
"""Every fifth picture of patches is also used as a mosaic, and in grey."""
PARTS = {
    "photos": 1 / 3, "mosaic": 1 / 16, "greyphotos": 1 / 16, "grey8": 1 / 32, "aerial": 1 / 16,
    "pages": 1 / 32, "graphics": 1 / 64,
}  # fmt: skip
"""The part of the pixels to train on; 1 / 8 of other kinds."""
GROUP = 1 << 24  # elements of items that are seen at once


def squares(path: Path, side: int, grey: bool, deep: bool) -> Iterator[Item]:
    picture = np.asarray(Image.open(path).convert("L" if grey and not deep else "RGB"))
    picture = picture.reshape(*picture.shape[:2], -1)
    levels = 256
    if deep:
        rows, columns = (size // 2 for size in picture.shape[:2])
        pairs = picture[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, 3)
        axes = (1, 3, 4) if grey else (1, 3)
        picture = pairs.sum(axes, dtype=np.uint16).reshape(rows, columns, -1)
        levels = 255 * (12 if grey else 4) + 1
        side //= 2
    for r in range(0, picture.shape[0] - side + 1, side):
        for q in range(0, picture.shape[1] - side + 1, side):
            yield Item(picture[np.newaxis, r : r + side, q : q + side], levels)


def arrays(folder: Path) -> Iterator[Item]:
    for path in sorted(folder.glob("*.npy")):
        values = np.load(path)
        if folder.name.startswith("volume"):
            values = values[..., np.newaxis]
        else:
            values = values.reshape(1, *values.shape[:2], -1)
        yield from as_items([values])


def groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items of one shape and number of levels together."""
    waiting: dict[object, list[Item]] = defaultdict(list)
    for item in items:
        group = waiting[item.shape]
        group.append(item)
        if len(group) * item.symbols.size > GROUP:
            yield waiting.pop(item.shape)
    yield from waiting.values()


def write(model: Path, items: Iterable[Item], out: Path, name: str, part: float) -> None:
    settings = distribution_of(load_model(model), str(model)).settings
    random = np.random.default_rng(1)
    files = [(out / f"{name}_{refs}").open("wb") for refs in range(3)]
    for group in groups(items):
        for refs, file in enumerate(files):
            values, features = pixels_of(settings, group, refs)
            kept = random.random(len(values)) < part
            file.write(records(values[kept], features[kept]).tobytes())
    for file in files:
        file.close()


def records(values: NDArray[np.int32], features: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Value, prediction, unit and levels, int32, and features in 1/2, int8, of pixels."""
    return np.concatenate([values.view(np.uint8), (2 * features).view(np.uint8)], 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name in ("photos", "images", "model", "out"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    paths = sorted(options.photos.glob("patches_*.webp"))
    deep = load_model(options.model).levels > 256
    held_out = [options.photos / "val_00.webp"]
    for name, side in SIDES.items():
        grey = name == "greyphotos"
        some = paths if name == "photos" else paths[::MOSAIC_STEP]
        for split, pictures, part in (("train", some, PARTS[name]), ("val", held_out, 1 / 4)):
            items = (item for path in pictures for item in squares(path, side, grey, deep))
            write(options.model, items, options.out, f"{split}_{name}", part)
    for split in ("train", "val"):
        for folder in sorted((options.images / split).iterdir()):
            part = PARTS.get(folder.name, 1 / 8)
            write(options.model, arrays(folder), options.out, f"{split}_{folder.name}", part)


if __name__ == "__main__":
    main()
