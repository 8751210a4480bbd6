"""The bundled model for pictures of all kinds, trained further on a folder of your own.

`bitsback train` calls `bitsback_train.train_model`. It starts from the weights of `universal`,
holds out images for testing, and never returns a model that is worse on these.

This script draws the folder: sheets of tinted digits on grainy paper. Use your own instead, and
give the training some minutes.

    python examples/fine_tune.py
"""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback_lab.digits import mnist_test_images
from bitsback_train import train_model


def draw_sheets(folder: Path, sheets: int, seed: int) -> None:
    """Pictures of 4 x 4 digits, 112 x 112 pixels in colour, as PNG files."""
    random = np.random.default_rng(seed)
    digits = mnist_test_images()
    folder.mkdir()
    for number in range(sheets):
        chosen = digits[random.integers(0, len(digits), 16)]
        ink = chosen.reshape(4, 4, 28, 28).swapaxes(1, 2).reshape(112, 112, 1) / 255
        paper = random.uniform(200, 250, 3) + 3 * random.normal(size=(112, 112, 1))
        tint = random.uniform(0, 120, 3)
        sheet = paper * (1 - ink) + tint * ink
        Image.fromarray(sheet.clip(0, 255).astype(np.uint8)).save(folder / f"{number:03}.png")


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def main(taught: int = 120, coded: int = 40, minutes: float = 0.25) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        own, others = Path(temporary) / "own", Path(temporary) / "others"
        draw_sheets(own, taught, seed=1)
        draw_sheets(others, coded, seed=2)
        tuned = Path(temporary) / "sheets.safetensors"
        model = train_model(own, tuned, minutes=minutes, threads=1)

        files = sum(path.stat().st_size for path in others.iterdir())
        print(f"{coded} pictures that were not trained on, restored pixel for pixel")
        print(f"PNG files                      {files:>9,} bytes")
        sizes = {}
        for name, chosen in (("universal", "universal"), ("the new model", model)):
            archive = Path(temporary) / "others.bb"
            bitsback.compress(others, archive, model=chosen)
            sizes[name] = archive.stat().st_size
            back = Path(temporary) / name
            bitsback.decompress(archive, back)
            for path in others.iterdir():
                assert np.array_equal(pixels(back / path.name), pixels(path))
            archive.unlink()
            inside = "" if chosen is not model else ", the model inside"
            print(f"an archive by {name:16} {sizes[name]:>9,} bytes{inside}")
        less = 1 - sizes["the new model"] / sizes["universal"]
        print(f"training further saved {100 * less:.1f} %")


if __name__ == "__main__":
    main()
