"""Makes streams.zip: raw deflate streams of small plaintexts by encoders that are no dependency.

python -m venv /tmp/encoders
/tmp/encoders/bin/pip install numpy pillow deflate isal zlib-ng zopfli
/tmp/encoders/bin/python tests/images/deflate/make.py PHOTOGRAPH.png
"""

import sys
import zipfile
import zlib
from pathlib import Path

import deflate
import numpy as np
import zopfli.zlib
from isal import isal_zlib
from PIL import Image, ImageDraw
from zlib_ng import zlib_ng

FOLDER = Path(__file__).parent
ENCODERS = {
    **{f"zlib-ng-{n}": lambda data, n=n: zlib_ng.compress(data, n) for n in (1, 2, 3, 6, 9)},
    **{
        f"libdeflate-{n}": lambda data, n=n: deflate.zlib_compress(data, n)
        for n in (1, 4, 6, 9, 12)
    },
    **{f"isa-l-{n}": lambda data, n=n: isal_zlib.compress(data, n) for n in (0, 3)},
    "zopfli": zopfli.zlib.compress,
}


def photograph(path: str) -> bytes:
    """Rows of differences from the pixel before."""
    pixels = np.asarray(Image.open(path).convert("RGB").crop((300, 200, 364, 232)))
    rows = np.diff(pixels, axis=1, prepend=np.uint8(0)).reshape(len(pixels), -1)
    return b"".join(b"\1" + row.tobytes() for row in rows)


def drawing() -> bytes:
    image = Image.new("RGB", (112, 64), "white")
    draw = ImageDraw.Draw(image)
    for i in range(24):
        draw.line((i * 5, 63, 111 - i * 4, i * 3), (i * 10, 60, 200 - i * 8))
        draw.text((5 + i * 6 % 60, i * 4), f"series {i}", (0, 0, i * 10))
    return b"".join(b"\0" + row.tobytes() for row in np.asarray(image))


def main() -> None:
    text = (FOLDER.parents[2] / "docs/architecture.md").read_bytes()[:5000]
    plaintexts = {"photograph": photograph(sys.argv[1]), "drawing": drawing(), "text": text}
    with zipfile.ZipFile(FOLDER / "streams.zip", "w") as made:
        for name, plaintext in plaintexts.items():
            for encoder, compress in ENCODERS.items():
                stream = bytes(compress(plaintext))
                assert zlib.decompress(stream) == plaintext
                made.writestr(zipfile.ZipInfo(f"{name}/{encoder}"), stream[2:-4])


if __name__ == "__main__":
    main()
