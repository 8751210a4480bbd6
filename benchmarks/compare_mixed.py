"""A folder of pictures of all kinds and sizes: its bytes on disk, beside one archive, and others.

    python benchmarks/compare_mixed.py FOLDER

What bitsback does not hold is left out of all rows, and counted. Needs bitsback[peers].
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from harness import report
from pictures import Key, archive_size, arguments, of_peer, peers, picture_files, row

from bitsback.errors import InputError
from bitsback.images.pictures import read_header, read_pixels

PEERS: tuple[Key, ...] = (("JPEG XL e9", "each"), ("JPEG XL e7", "each"), ("PNG", "each"))


def main() -> None:
    options = arguments(__doc__, "folders of pictures").parse_args()
    for folder in options.data:
        files, left_out = _held(picture_files(folder, options.first))
        images = [read_pixels(path) for path in files.values()]
        with tempfile.TemporaryDirectory() as copy:
            for name, path in files.items():
                target = Path(copy, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
            size = archive_size(Path(copy))
        disk = sum(path.stat().st_size for path in files.values())
        rows = [
            row("bitsback, one archive", size, images, size),
            row("the files as they are", disk, images, size),
        ]
        found, missing = peers(PEERS, images)
        for peer in found:
            rows.append(row(peer.title, of_peer(peer, images).bytes, images, size))
        notes = [f"{left_out} files are not held by bitsback", *missing]
        report(f"{folder.name}, {len(images)} pictures", rows, notes, options.json)


def _held(files: dict[str, Path]) -> tuple[dict[str, Path], int]:
    held = {}
    for name, path in files.items():
        try:
            read_header(path)
        except InputError:
            continue
        held[name] = path
    return held, len(files) - len(held)


if __name__ == "__main__":
    main()
