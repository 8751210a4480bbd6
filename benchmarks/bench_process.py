"""The time that a person waits for one process: the help, and one image compressed or extracted.

python benchmarks/bench_process.py
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from harness import arguments, images, pin, report


def main() -> None:
    options = arguments(__doc__, repeats=15).parse_args()
    pinned = pin()
    program = shutil.which("bitsback", path=str(Path(sys.executable).parent))
    if program is None:
        raise SystemExit(f"there is no bitsback beside {sys.executable}; install the package there")
    data = images(options.images)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/one.npy", data[:1])
        np.save(f"{folder}/all.npy", data)
        subprocess.run([program, "compress", "-q", f"{folder}/all.npy"], check=True)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
            "bitsback --help": [program, "--help"],
            "bitsback compress, one image": [program, "compress", "-fq", f"{folder}/one.npy"],
            f"bitsback extract, one of {len(data):,}": [
                program, "extract", "-fq", f"{folder}/all.bb", str(len(data) // 2), "-o",
                f"{folder}/item.npy",
            ],
        }  # fmt: skip
        rows = [
            {"process": name, **_time(command, options.repeats)}
            for name, command in commands.items()
        ]
    report(
        "one process, from start to exit",
        rows,
        [f"{pinned}; median of {options.repeats}"],
        options.json,
    )


def _time(command: list[str], repeats: int) -> dict[str, Any]:
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(1000 * (time.perf_counter() - start))
    warm = times[1:]
    return {"median_ms": statistics.median(warm), "fastest_ms": min(warm)}


if __name__ == "__main__":
    main()
