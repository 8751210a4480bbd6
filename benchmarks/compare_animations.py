"""Animated PNG files, each as an archive of its own, beside xz and lossless animated WebP.

    python benchmarks/compare_animations.py FILE...

Each file is restored, and Pillow sees the same frames in both. WebP gets the frames as they are
shown, with method 6.
"""

from __future__ import annotations

import argparse
import io
import lzma
import tempfile
from pathlib import Path
from typing import Any

from harness import report
from pictures import command
from PIL import Image, ImageSequence


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    rows = [_row(file) for file in options.files]
    sums = {key: sum(row[key] for row in rows) for key in rows[0] if key != "file"}
    report("animated PNG", [*rows, {"file": "all", **sums}], [], options.json)


def _row(file: Path) -> dict[str, Any]:
    frames = _frames(file)
    webp = io.BytesIO()
    first, *others = frames
    first.save(
        webp, "WebP", save_all=True, append_images=others, lossless=True, exact=True, method=6
    )
    with tempfile.TemporaryDirectory() as folder:
        archive, restored = Path(folder, "a.bb"), Path(folder, "out", file.name)
        command("compress", "-q", str(file), "-o", str(archive), "--embed", "never")
        command("decompress", "-q", str(archive), "-o", str(restored.parent))
        if file.read_bytes() != restored.read_bytes() and frames != _frames(restored):
            raise SystemExit(f"{file}: was not restored")
        return {
            "file": file.name,
            "frames": len(frames),
            "bytes": file.stat().st_size,
            "bitsback": archive.stat().st_size,
            "WebP": webp.getbuffer().nbytes,
            "xz": len(lzma.compress(file.read_bytes(), preset=9)),
        }


def _frames(file: Path) -> list[Image.Image]:
    """The frames as they are shown."""
    with Image.open(file) as image:
        return [frame.convert("RGBA") for frame in ImageSequence.Iterator(image)]


if __name__ == "__main__":
    main()
