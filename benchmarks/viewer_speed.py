"""The viewer in Chromium without a window: python benchmarks/viewer_speed.py PICTURE

From opening the page until it shows that the picture is checked, of an archive of this one picture
by each model: seconds that pass, and those that all processes of Chromium compute, which other
programs beside it change less. Chromium starts before, the page with its decoder is loaded anew
each time, and the models take turns. The program decodes and verifies the same archive beside it,
with one thread. The figures are medians. Needs Chromium, which tests/viewer/browser.py drives, and
/proc of Linux.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from harness import arguments
from PIL import Image

import bitsback

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "src/bitsback/viewer.html"
MODELS = "universal-fast", "universal", "universal-mixed"


def main() -> None:
    parser = arguments(__doc__, repeats=3)
    parser.add_argument("picture", type=Path)
    parser.add_argument(
        "--model", action="append", help="a bundled model, or auto (default: three)"
    )
    parser.add_argument("--exact", action="store_true", help="archive the file, a JPEG stream say")
    parser.add_argument("--page", type=Path, default=PAGE, help="another page than the package's")
    options = parser.parse_args()
    source = options.picture
    if not options.exact:
        source = np.asarray(Image.open(options.picture).convert("RGB"))[np.newaxis]
    sys.path.insert(0, str(ROOT / "tests"))
    driver: Any = importlib.import_module("viewer.browser")
    with tempfile.TemporaryDirectory() as folder:
        models = options.model or (("auto",) if options.exact else MODELS)
        archives = [Path(folder) / f"{name}.bb" for name in models]
        for archive in archives:
            bitsback.compress(source, archive, model=archive.stem)
        with driver.Browser(Path(folder) / "profile") as browser:
            browser.size(1280, 800)
            turns = [
                [(*opened(browser, options.page, path), verified(path)) for path in archives]
                for _ in range(options.repeats)
            ]
        found = []
        for path, times in zip(archives, zip(*turns, strict=True), strict=True):
            passed, computed, program = map(median, zip(*times, strict=True))
            row = {"model": path.stem, "bytes": path.stat().st_size, "viewer": passed}
            found.append(row | {"viewer_cpu": computed, "program_cpu": program})
    if options.json:
        print(json.dumps(found))
        return
    for row in found:
        print("{model:16} {bytes:9,} bytes: viewer {viewer:6.2f} s, {viewer_cpu:6.2f} s computed, "
              "program {program_cpu:6.2f} s".format(**row))  # fmt: skip


def opened(browser: Any, page: Path, archive: Path) -> tuple[float, float]:
    """Seconds from opening the page until it says that the picture of an archive is checked."""
    computed, start = computed_by(os.getpid()), time.perf_counter()
    browser.open(page.resolve().as_uri())
    browser.drop(archive)
    browser.wait("document.querySelector('#check').textContent.startsWith('checked')")
    return time.perf_counter() - start, computed_by(os.getpid()) - computed


def computed_by(parent: int) -> float:
    """Seconds that the processes have computed that a process has started, and theirs too."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == parent:
            ticks = sum(map(int, fields[11:15]))  # with those of its children that have ended
            total += ticks / os.sysconf("SC_CLK_TCK") + computed_by(int(path.parent.name))
    return total


def verified(archive: Path) -> float:
    """Seconds that the program computes to decode and verify an archive."""
    start = time.process_time()
    with bitsback.open(archive) as reader:
        assert reader.verify(threads=1) == []
    return time.process_time() - start


if __name__ == "__main__":
    main()
