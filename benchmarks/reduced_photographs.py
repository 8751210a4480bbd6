"""Photographs for comparisons from JPEG files: each is a third as large, so that little is left of
what JPEG did, and no colour is more likely than its neighbours.

    python benchmarks/reduced_photographs.py FOLDER... --out REDUCED

Takes JPEG files in colour of at least 900 pixels a side, each once. The npm packages of Start
Bootstrap have thirteen photographs, which are under the licence of Unsplash:

    for name in agency business-casual clean-blog creative grayscale landing-page stylish-portfolio
    do mkdir $name; npm view startbootstrap-$name dist.tarball | xargs curl -s | tar xz -C $name
    done
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

FACTOR = 3
SIDE = 900


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, help="folders with JPEG files")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write PNG files to")
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    seen = set()
    for path in sorted(path for folder in options.folders for path in folder.rglob("*.jpg")):
        with Image.open(path) as image:
            if image.mode == "RGB" and min(image.size) >= SIDE:
                content = path.read_bytes()
                if content not in seen:
                    seen.add(content)
                    image.reduce(FACTOR).save(options.out / f"{len(seen):02}-{path.stem}.png")


if __name__ == "__main__":
    main()
