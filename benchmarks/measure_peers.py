"""Measures the peers on the public test sets, for the results in the package:
lab/src/bitsback_lab/bench/results.json.

    BITSBACK_DATA=FOLDER python benchmarks/measure_peers.py            what is not there yet, of
    these versions BITSBACK_DATA=FOLDER python benchmarks/measure_peers.py --fresh    everything, on
    an idle machine: half an hour

MNIST's test images, the same binarised, and those of Fashion-MNIST, from FOLDER/fashion-mnist. One
process runs at a time; the file is written after each peer, so continue without --fresh after an
interruption. A result replaces that of another version. Needs ./lab[bench], and the programs
zpaq, jbig2 and jbig2dec.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bitsback.files.formats import ONE_ARRAY
from bitsback_lab.bench import peer_cache
from bitsback_lab.bench.process import PeerFailed, measure_apart
from bitsback_lab.datasets import ENVIRONMENT, TEST_IMAGES
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from bitsback_lab.peers.catalogue import all_peers
from bitsback_lab.peers.units import Images

RESULTS = Path(__file__).resolve().parents[1] / "lab/src/bitsback_lab/bench" / peer_cache.SHIPPED


def fashion_test_images() -> Images:
    """uint8 [10000, 28, 28]."""
    with Path(os.environ[ENVIRONMENT], "fashion-mnist", TEST_IMAGES).open("rb") as file:
        items = ONE_ARRAY["idx.gz"].open(file, TEST_IMAGES)
        return items.read(items.shape[0], 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget what is there and measure everything"
    )
    parser.add_argument(
        "--peer", metavar="TEXT", default="", help="only peers whose names contain this"
    )
    options = parser.parse_args()
    results = {} if options.fresh else peer_cache.parse(RESULTS.read_text(encoding="utf-8"))
    peers, missing = all_peers()
    for line in missing:
        print(line, file=sys.stderr)
    sets: dict[str, Images] = {
        "MNIST, binarised": binarised_mnist_test_images(),
        "MNIST": mnist_test_images(),
        "Fashion-MNIST": fashion_test_images(),
    }
    for title, images in sets.items():
        data = peer_cache.digest(images)
        for peer in peers:
            if not peer.takes(images):
                continue
            if options.peer not in peer.name or peer_cache.find(results, peer, data) is not None:
                continue
            try:
                found = measure_apart(peer, images)
            except PeerFailed as error:
                print(f"{title}: {error}", file=sys.stderr)
                continue
            results = peer_cache.add(results, found, data)
            peer_cache.write(RESULTS, results)
            print(
                f"{title:18} {peer.title:24} {found.rate:8.4f} bits per pixel"
                f" {found.encode_speed:10.2f} {found.decode_speed:10.2f} MB/s",
                flush=True,
            )


if __name__ == "__main__":
    main()
