"""Volumes as stacks, whose slices depend on earlier ones, beside the same slices alone, and others.

    python benchmarks/compare_volumes.py FOLDER ...

A folder holds a .npy file for each volume, [slices, rows, columns]. Needs .[peers].
"""

from __future__ import annotations

from harness import report
from pictures import Key, archive_of, arguments, npy_files, row, rows_of_peers

PEERS: tuple[Key, ...] = (
    ("JPEG XL e9", "each"), ("JPEG XL e9", "mosaics"), ("JPEG-LS", "each"), ("JPEG 2000", "each"),
    ("xz -9e", "stream"), ("xz -9e", "shuffled"), ("zstd -22", "shuffled"),
)  # fmt: skip


def main() -> None:
    parser = arguments(__doc__, "folders of .npy files, or such files")
    parser.add_argument("--slices", type=int, metavar="N", help="take the first N slices of each")
    options = parser.parse_args()
    for folder in options.data:
        for name, whole in npy_files(folder, options.first).items():
            volume = whole[: options.slices]
            stack, alone = archive_of(volume, "--stack"), archive_of(volume, "--no-stack")
            rows = [
                row("bitsback, a stack", stack, volume, stack),
                row("bitsback, slices alone", alone, volume, stack),
            ]
            others, missing = rows_of_peers(PEERS, volume, stack)
            report(f"{name}, {volume.shape} {volume.dtype}", rows + others, missing, options.json)


if __name__ == "__main__":
    main()
