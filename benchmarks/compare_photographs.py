"""Each folder of photographs as an archive, beside one file per photograph by others.

    python benchmarks/compare_photographs.py KODAK OTHERS

Kodak's 24 photographs were scanned from film, and have a restricted palette, which favours context
mixing; `reduced_photographs.py` makes a folder of others, with an unrestricted one.
None of them is used for tuning. Needs .[peers].
"""

from __future__ import annotations

from harness import report
from pictures import Key, archive_size, arguments, picture_files, row, rows_of_peers

from bitsback.files.picture_files import read_pixels

OURS = {
    "bitsback": (),
    "bitsback, without context mixing": ("--model", "universal"),
    "bitsback --fast": ("--fast",),
    "bitsback --best": ("--best",),
}
PEERS: tuple[Key, ...] = (
    ("JPEG XL e9", "each"), ("JPEG XL e7", "each"), ("WebP m6", "each"), ("JPEG 2000", "each"),
    ("JPEG-LS", "each"), ("PNG", "each"),
)  # fmt: skip


def main() -> None:
    options = arguments(__doc__, "folders of pictures").parse_args()
    if options.first is not None:
        raise SystemExit("--first: the archives are of whole folders")
    for folder in options.data:
        photographs = [read_pixels(path) for path in picture_files(folder).values()]
        sizes = {name: archive_size(folder, *given) for name, given in OURS.items()}
        first = next(iter(sizes.values()))
        rows = [row(name, size, photographs, first) for name, size in sizes.items()]
        others, missing = rows_of_peers(PEERS, photographs, first)
        report(
            f"{folder.name}, {len(photographs)} photographs", rows + others, missing, options.json
        )


if __name__ == "__main__":
    main()
