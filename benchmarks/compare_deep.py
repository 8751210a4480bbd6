"""Medical or microscope pictures of 16 bits, each as an archive of its own, beside others.

    python benchmarks/compare_deep.py FOLDER ...

A folder holds a .npy file for each picture, [rows, columns] or [rows, columns, channels]. The
others get signed elements shifted up to zero, and 16-bit ones with no more bits than they need.
Needs .[peers].
"""

from __future__ import annotations

from harness import report
from pictures import Key, archive_of, arguments, npy_files, of_peer, peers, row

PEERS: tuple[Key, ...] = (
    ("JPEG XL e9", "each"), ("JPEG 2000", "each"), ("JPEG-LS", "each"), ("PNG", "each"),
    ("xz -9e", "shuffled"), ("zstd -22", "shuffled"), ("xz -9e", "stream"),
)  # fmt: skip


def main() -> None:
    options = arguments(__doc__, "folders of .npy files").parse_args()
    for folder in options.data:
        pictures = npy_files(folder, options.first)
        images = list(pictures.values())
        ours = {name: archive_of(image) for name, image in pictures.items()}
        total = sum(ours.values())
        rows = [row("bitsback, each", total, images, total)]
        found, missing = peers(PEERS, images)
        for peer in found:
            rows.append(row(peer.title, of_peer(peer, images).bytes, images, total))
        report(f"{folder.name}, {len(images)} pictures", rows, missing, options.json)
        single = [peer for peer in found if peer.name == "JPEG XL e9"]
        if single:
            each = [
                row(name, ours[name], [image], of_peer(single[0], [image]).bytes)
                for name, image in pictures.items()
            ]
            for line in each:
                line["over_JPEG_XL_e9"] = line.pop("over_ours")
                line["picture"] = line.pop("compressor")
            report(
                "each of them beside JPEG XL e9",
                [{"picture": line.pop("picture"), **line} for line in each],
                [],
                options.json,
            )


if __name__ == "__main__":
    main()
