"""Kodak's 24 photographs as a folder, beside one file per photograph by others.

    BITSBACK_DATA=FOLDER python benchmarks/compare_kodak.py

FOLDER/kodak holds the 24 PNG files, which are never used for tuning. Needs bitsback[peers].
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness import report
from pictures import Key, archive_size, of_peer, peers, row

from bitsback_lab.bench.subject import kodak

PEERS: tuple[Key, ...] = (
    ("JPEG XL e9", "each"), ("JPEG XL e7", "each"), ("WebP m6", "each"), ("JPEG 2000", "each"),
    ("JPEG-LS", "each"), ("PNG", "each"),
)  # fmt: skip


def main() -> None:
    photographs = kodak()
    folder = Path(os.environ["BITSBACK_DATA"]) / "kodak"
    size = archive_size(folder)
    rows = [row("bitsback, one archive", size, photographs, size)]
    rows.append(row("bitsback --fast", archive_size(folder, "--fast"), photographs, size))
    found, missing = peers(PEERS, photographs)
    for peer in found:
        rows.append(row(peer.title, of_peer(peer, photographs).bytes, photographs, size))
    report("Kodak, 24 photographs", rows, missing, "--json" in sys.argv)


if __name__ == "__main__":
    main()
