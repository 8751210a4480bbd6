"""`bitsback demo`: compress the digits, restore them, compare, and measure others on the same images."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import bitsback
from bitsback.bench.peers import Images, Measurement, measure, pack, standard_peers
from bitsback.demo.digits import binarised_mnist_test_images
from bitsback.demo.figure import draw, samples

MODELS = (("mnist-binary", "bitsback"), ("mnist-binary-paper", "bitsback, paper's net"))

# A file for each image tells its rate just as well from a tenth of them, and WebP takes 2 ms for each.
EACH_STRIDE = 10

UNITS = {
    "archive": "one archive, model {model}",
    "stream": "one stream of packed bits",
    "each": "a file for each image ({images:,} of them)",
    "mosaic": "all images tiled into one picture",
}


def run(folder: Path, say: Callable[[str], None]) -> None:
    """Print the table through `say`, line by line, and write `mnist-test.bb` and `figure1.png` into `folder`.

    Raises BitsbackError if anything does not come back exactly.
    """
    images = binarised_mnist_test_images()
    folder.mkdir(parents=True, exist_ok=True)
    packed = len(pack(images))
    say(f"The MNIST test set, binarised: {len(images):,} images of 28 x 28 pixels, two levels,")
    say(f"{packed:,} bytes if eight pixels are packed into a byte. On one core:")
    say("")
    say(f"{'':22} {'':43} {'bits per':>9} {'':>6} {'compress':>9} {'decompress':>11}")
    say(f"{'':22} {'':43} {'pixel':>9} {'ratio':>6} {'MB/s':>9} {'MB/s':>11}")
    for row, unit in _measurements(images, folder):
        ratio = packed / row.bytes * row.images / len(images)
        say(f"{row.name:22} {unit:43} {row.rate:9.4f} {ratio:6.2f} {row.encode_speed:9.1f} {row.decode_speed:11.1f}")
    say("")
    say("Every row was decoded again and compared, pixel by pixel. bits per pixel: the size of everything")
    say("written, without the models that ship with bitsback. ratio: to the packed bytes. MB/s: a pixel is a byte.")
    figure = folder / "figure1.png"
    archive = folder / "mnist-test.bb"
    draw(images, samples(images, archive.read_bytes())).save(figure, optimize=True)
    say("")
    say(f"{archive}: the archive of the first row")
    say(f"{figure}: its first bits beside the images, PNG and bz2")
    say(f"Go on with:  bitsback extract {archive} 0:30 --png {folder / 'images'}")


def _measurements(images: Images, folder: Path) -> Iterator[tuple[Measurement, str]]:
    for index, (model, name) in enumerate(MODELS):
        row, data = measure_bitsback(images, model, name)
        if index == 0:
            (folder / "mnist-test.bb").write_bytes(data)
        yield row, UNITS["archive"].format(model=model)
    for peer in standard_peers():
        row = measure(peer, images[::EACH_STRIDE] if peer.unit == "each" else images)
        yield row, UNITS[peer.unit].format(images=row.images)


def measure_bitsback(images: Images, model: str, name: str) -> tuple[Measurement, bytes]:
    """Compress in memory with one thread, restore and compare; the figures, and the archive.

    Loading the model, with its test vectors, comes before the clock starts, as the import of any other codec does.
    """
    loaded = bitsback.load_model(model)
    buffer = io.BytesIO()
    start = time.perf_counter()
    bitsback.compress(images, buffer, model=loaded, threads=1)
    middle = time.perf_counter()
    buffer.seek(0)
    restored = bitsback.decompress(buffer, threads=1)
    end = time.perf_counter()
    if restored is None or restored.dtype != images.dtype or not np.array_equal(restored, images):
        raise bitsback.BitsbackError(f"the model {model} did not restore the images; please report this")
    data = buffer.getvalue()
    row = Measurement(name, "archive", len(images), images.size, len(data), middle - start, end - middle)
    return row, data
