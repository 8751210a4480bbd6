"""Bilevel pages: each as an archive of its own and all in one, beside the codes of fax machines and
scanners.

    python benchmarks/compare_pages.py FOLDER

The folder holds a .npy file for each page, bool. Needs the programs jbig2 (jbig2enc), jbig2dec,
pbmtojbg and jbgtopbm (jbigkit); JPEG XL needs .[peers].
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from harness import report
from numpy.typing import NDArray
from pictures import Key, archive_of, archive_size, arguments, npy_files, row, rows_of_peers
from PIL import Image

PEERS: tuple[Key, ...] = (
    ("JBIG2 generic", "each"), ("JBIG1", "each"), ("CCITT G4", "each"), ("JPEG XL e9", "each"),
    ("PNG", "each"),
)  # fmt: skip


def main() -> None:
    options = arguments(__doc__, "folders of .npy files").parse_args()
    for folder in options.data:
        pages = [page != 0 for page in npy_files(folder, options.first).values()]
        alone = sum(map(archive_of, pages))
        rows = [
            row("bitsback, each", alone, pages, alone),
            row("bitsback, one archive", _together(pages), pages, alone),
        ]
        others, missing = rows_of_peers(PEERS, pages, alone)
        report(f"{folder.name}, {len(pages)} pages", rows + others, missing, options.json)


def _together(pages: list[NDArray[np.bool_]]) -> int:
    """The bytes of an archive of a folder of them."""
    with tempfile.TemporaryDirectory() as folder:
        for number, page in enumerate(pages):
            Image.fromarray(page).save(Path(folder, f"{number:04}.png"))
        return archive_size(Path(folder))


if __name__ == "__main__":
    main()
