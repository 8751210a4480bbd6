"""Peak memory of the command, for the test set and for ten times as much.

    python benchmarks/bench_memory.py

Each figure is the peak resident size of a process of its own, as the system counts it. Needs the
module `resource`, which Windows does not have.
"""

from __future__ import annotations

import json
import sys
import tempfile

from memory_large import peak, python

# A child's peak includes its parent's size at the fork, so this process stays small: no NumPy, no
# harness.

WRITE = """
import sys
import numpy as np
from bitsback_lab.digits import binarised_mnist_test_images
images = binarised_mnist_test_images()[:int(sys.argv[2])]
times = int(sys.argv[3])
file = np.lib.format.open_memmap(sys.argv[1], "w+", np.bool_, (times * len(images), 28, 28))
for i in range(times):
    file[i * len(images) : (i + 1) * len(images)] = images
"""


def main() -> None:
    count = int(sys.argv[sys.argv.index("--images") + 1]) if "--images" in sys.argv else 10_000
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 10):
            npy, archive, copy = (
                f"{folder}/{times}.npy",
                f"{folder}/{times}.bb",
                f"{folder}/{times}-copy.npy",
            )
            python(WRITE, npy, str(count), str(times))
            commands = {
                "compress": ["compress", "-q", npy, "-o", archive],
                "decompress": ["decompress", "-q", archive, "-o", copy],
                "extract an item": [
                    "extract",
                    "-q",
                    archive,
                    "7",
                    "-o",
                    f"{folder}/{times}-item.npy",
                ],
            }
            for name, arguments in commands.items():
                rows.append({"command": name, "images": times * count, "peak_MB": peak(*arguments)})
    if "--json" in sys.argv:
        print(json.dumps({"title": "peak memory", "rows": rows}, indent=2))
        return
    print("peak resident memory of the command\n")
    for row in rows:
        print(f"{row['command']:16} {row['images']:>9,} images {row['peak_MB']:8.1f} MB")


if __name__ == "__main__":
    main()
