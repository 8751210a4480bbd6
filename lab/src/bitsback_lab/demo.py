"""The demonstration: compress handwritten digits, restore them, and measure other compressors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bitsback.cli.progress import Progress
from bitsback.errors import BitsbackError
from bitsback_lab.bench.comparison_table import UNITS
from bitsback_lab.bench.itself import ours
from bitsback_lab.digits import binarised_mnist_test_images
from bitsback_lab.paper.figure1 import draw_bits, samples
from bitsback_lab.peers.catalogue import standard_peers
from bitsback_lab.peers.measure import Measurement, Peer, measure
from bitsback_lab.peers.units import MOSAICS, pack

# For one file per image a sample gives the same rate, and WebP takes 3 ms for each.
EACH_STRIDE = 20


def run(folder: Path, say: Callable[[str], None]) -> None:
    """Print the table through `say`, line by line, and write `mnist-test.bb` and `figure1.png` into
    `folder`.

    Raises BitsbackError if anything does not come back exactly.
    """
    images = binarised_mnist_test_images()
    folder.mkdir(parents=True, exist_ok=True)
    packed = len(pack(images))
    say(f"The MNIST test set, binarised: {len(images):,} images of 28 x 28 pixels, two levels,")
    say(f"{packed:,} bytes if eight pixels are packed into a byte. On one core:")
    say("")
    say(f"{'':29} {'':38} {'bits per':>9} {'':>6} {'compress':>9} {'decompress':>11}")
    say(f"{'':29} {'':38} {'pixel':>9} {'ratio':>6} {'MB/s':>9} {'MB/s':>11}")
    own = [one.peer for one in ours(images) if one.model is not None and not one.model.any_shape]
    for peer in (*own, *filter(_shown, standard_peers())):
        if not peer.takes(images):
            continue
        try:
            with Progress(f"measuring {peer.name}"):
                row = measure(peer, images[::EACH_STRIDE] if peer.unit == "each" else images)
        except ValueError as error:
            raise BitsbackError(f"{error}; please report this") from None
        ratio = packed / row.bytes * row.images / len(images)
        say(
            f"{row.name:29} {_unit(row):38} {row.rate:9.4f} {ratio:6.2f}"
            f" {row.encode_speed:9.1f} {row.decode_speed:11.1f}"
        )
    say("")
    say(
        "Every row was decoded again and compared, pixel by pixel. bits per pixel: the size of"
        " everything"
    )
    say(
        "written, without the models that ship with bitsback. ratio: to the packed bytes. MB/s: a"
        " pixel is a byte."
    )
    figure = folder / "figure1.png"
    archive = folder / "mnist-test.bb"
    archive.write_bytes(own[0].encode(images))
    draw_bits(images, samples(images, archive.read_bytes())).save(figure, optimize=True)
    say("")
    say(f"{archive}: the archive of the first row")
    say(f"{figure}: its first bits beside the images, PNG and bz2")
    say(f"Go on with:  bitsback extract {archive} 0:30 --png {folder / 'images'}")


def _shown(peer: Peer) -> bool:
    """Whether to show the peer: only one way to tile the images into pictures is shown."""
    return peer.unit not in MOSAICS[1:]


def _unit(row: Measurement) -> str:
    return UNITS[row.unit] + (f" ({row.images:,} of them)" if row.unit == "each" else "")
