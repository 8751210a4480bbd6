"""The second decoder beside the program, on one core: python benchmarks/compare_decoders.py KODAK

KODAK is a folder of photographs, of which the first are taken (--first). The second decoder is
called by its C interface, in this process; `make decoder` builds it. Models are loaded and tested
before the time is taken, the two take turns, and the figures are medians of CPU seconds.
"""

from __future__ import annotations

import ctypes
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from harness import arguments
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images

LIBRARY = Path(__file__).parents[1] / "decoder/target/release/libbitsback_decode_c.so"
PHOTOGRAPHS = "universal-fast", "universal", "universal-mixed"


def main() -> None:
    parser = arguments(__doc__, repeats=3)
    parser.set_defaults(images=1000)
    parser.add_argument("kodak", type=Path)
    parser.add_argument("--first", type=int, default=1, help="photographs (default %(default)s)")
    options = parser.parse_args()
    library = ctypes.CDLL(str(LIBRARY))
    library.bitsback_open.restype = ctypes.c_void_p
    library.bitsback_open.argtypes = ctypes.c_char_p, ctypes.c_size_t
    library.bitsback_error.restype = ctypes.c_char_p
    library.bitsback_error.argtypes = library.bitsback_free.argtypes = (ctypes.c_void_p,)

    def second(data: bytes) -> None:
        archive = library.bitsback_open(data, len(data))
        assert library.bitsback_error(archive) is None
        library.bitsback_free(archive)

    def program(data: bytes) -> None:
        with bitsback.open(data) as archive:
            assert archive.verify(threads=1) == []

    found = []
    for name, data in archives(options.kodak, options.first, options.images):
        ours, theirs = times((program, second), data, options.repeats)
        found.append({"model": name, "bytes": len(data), "program": ours, "second": theirs})
        if not options.json:
            print(f"{name:22} program {ours:7.3f} s, second decoder {theirs:7.3f} s: "
                  f"{theirs / ours:.2f} times", flush=True)  # fmt: skip
    if options.json:
        print(json.dumps(found))


def archives(kodak: Path, first: int, digits: int) -> list[tuple[str, bytes]]:
    """An archive by each model."""
    paths = sorted(kodak.glob("*.png"))[:first]
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    upright = np.concatenate(
        [picture if len(picture) < 768 else np.rot90(picture) for picture in pictures]
    )
    made = [(name, packed(upright, name)) for name in PHOTOGRAPHS]
    made.append(
        ("mnist-context-small", packed(mnist_test_images()[:digits], "mnist-context-small"))
    )
    bilevel = binarised_mnist_test_images()[:digits]
    return [*made, ("mnist-binary-context", packed(bilevel, "mnist-binary-context"))]


def packed(array: NDArray[Any], model: str) -> bytes:
    out = io.BytesIO()
    bitsback.compress(array, out, model=model)
    return out.getvalue()


def times(
    decoders: tuple[Callable[[bytes], None], ...], data: bytes, repeats: int
) -> tuple[float, ...]:
    """Median CPU seconds of each, which take turns."""
    for decode in decoders:
        decode(data)
    found: list[list[float]] = [[] for _ in decoders]
    for _ in range(repeats):
        for seconds, decode in zip(found, decoders, strict=True):
            start = time.process_time()
            decode(data)
            seconds.append(time.process_time() - start)
    return tuple(map(median, found))


if __name__ == "__main__":
    main()
