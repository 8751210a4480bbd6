"""bitsback compresses and decompresses without torch, the trainer and the lab.

`make test` runs this in an environment with only the packages that `pip install .` installs.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import bitsback
from bitsback.cli.added import PARTS
from bitsback.models import bundled

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "archive" / "golden"
DIGITS = ROOT / "lab" / "src" / "bitsback_lab" / "digits" / "mnist-test-images.idx3.gz"


def main() -> None:
    for package in ("torch", "pytest", "bitsback_train", "bitsback_lab"):
        if find_spec(package) is not None:
            sys.exit(f"{package} is installed here, so this proves nothing")
    archives = sorted(GOLDEN.glob("*.bb"))
    if not archives:
        sys.exit(f"there are no golden archives in {GOLDEN}")
    for path in archives:
        bitsback.decompress(path)  # compares the digest of the output
    grey = np.frombuffer(gzip.decompress(DIGITS.read_bytes()), np.uint8, offset=16)
    grey = grey.reshape(-1, 28, 28)
    binary = grey > 127
    for name in bundled.names():
        digits = (binary if bundled.load(name).levels == 2 else grey)[:50]
        if bundled.outline(name).serial:
            digits = digits.reshape(-1, 28)
        buffer = io.BytesIO()
        bitsback.compress(digits, buffer, model=name)
        buffer.seek(0)
        if not np.array_equal(bitsback.decompress(buffer), digits):
            sys.exit(f"{name} did not restore the images")
    for command, (distribution, *_) in PARTS.items():
        call = [sys.executable, "-m", "bitsback", command, "digits.npy"]
        ran = subprocess.run(call, capture_output=True, text=True)
        if ran.returncode != 2 or ran.stderr.count("\n") != 1 or distribution not in ran.stderr:
            sys.exit(f"bitsback {command} does not name {distribution}: {ran.stderr}")
    print(
        f"Without torch: {len(archives)} golden archives and both ways of"
        f" {', '.join(bundled.names())}, and the names of the other distributions: all well"
    )


if __name__ == "__main__":
    main()
