"""bitsback compresses and decompresses without torch.

`make test` runs this in an environment that has nothing but what `pip install .` brings.
"""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import bitsback
from bitsback.models import bundled
from bitsback_lab.digits import binarise, mnist_test_images

GOLDEN = Path(__file__).parents[1] / "archive" / "golden"


def main() -> None:
    for package in ("torch", "pytest"):
        if find_spec(package) is not None:
            sys.exit(f"{package} is installed here, so this proves nothing")
    archives = sorted(GOLDEN.glob("*.bb"))
    if not archives:
        sys.exit(f"there are no golden archives in {GOLDEN}")
    for path in archives:
        bitsback.decompress(path)  # which compares the digest of what comes out
    grey = mnist_test_images()
    binary = binarise(grey)
    for name in bundled.names():
        digits = (binary if bundled.load(name).levels == 2 else grey)[:50]
        buffer = io.BytesIO()
        bitsback.compress(digits, buffer, model=name)
        buffer.seek(0)
        if not np.array_equal(bitsback.decompress(buffer), digits):
            sys.exit(f"{name} did not restore the images")
    print(
        f"Without torch: {len(archives)} golden archives and both ways of"
        f" {', '.join(bundled.names())}: all well"
    )


if __name__ == "__main__":
    main()
